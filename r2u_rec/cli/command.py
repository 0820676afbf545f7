"""What every verb that takes settings has in common: its own flags, its help, and the settings that it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from r2u_rec.config.help import help_text
from r2u_rec.config.parse import DEFAULT_MODEL, Given, VerbParser, parse


class Done(Exception):
    """The help was printed; there is nothing to run."""


@dataclass(frozen=True)
class Command:
    """A verb: its summary, the sections of settings that it uses, and whether it starts from a run folder.

    Attributes:
        parser: of its own flags.
    """

    verb: str
    summary: str
    sections: tuple[str, ...] = ()
    takes_run: bool = False
    parser: VerbParser = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parser", VerbParser(self.verb))
        if not self.takes_run and self.sections:
            self.parser.add_argument("--config", metavar="FILE", help="a YAML file of settings; flags win over it")
            self.parser.add_argument("--preset", metavar="NAME", help="packaged settings")
            self.parser.add_argument("--repeat", metavar="FOLDER", help="the settings of an earlier run")

    def parse(self, argv: Sequence[str]) -> Given:
        """Returns what the command line says.

        Raises:
            Done: the help was asked for, and has been printed.
            UsageError: as `config.parse.parse`.
        """
        if asked := [token for token in argv if token in ("-h", "--help")]:
            at = list(argv).index(asked[0])
            section = argv[at + 1] if at + 1 < len(argv) and not argv[at + 1].startswith("-") else None
            model = next((argv[i + 1] for i, token in enumerate(argv[:-1]) if token == "--model.name"), DEFAULT_MODEL)
            usage = "RUN [flags]" if self.takes_run else "[flags]"
            print(help_text(self.verb, self.summary, usage, self.parser, self.sections, section, model))
            raise Done
        return parse(self.verb, self.parser, argv, takes_run=self.takes_run, takes_files=bool(self.sections))
