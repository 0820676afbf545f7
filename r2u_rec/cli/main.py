"""Entry point of `r2u`: one verb, one module; only the module of the verb that runs is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from r2u_rec.suggest import unknown

VERBS = {
    "datasets": "list the data sets that are here and that can be had, and fetch them",
    "score": "write how likely each user is to withdraw",
    "train": "train a model on everyone, prepared for erasure or not, into a run folder",
    "forget": "erase users or interactions from a trained model into a new run folder",
    "recommend": "print the best items of users",
    "evaluate": "measure ranking quality and, against retrained references, what was forgotten",
    "run": "the whole proof: read, score, split, train, forget, retrain, attack, report",
    "compare": "hold methods of forgetting against retraining, on the same footing",
    "simulate": "play a stream of deletion requests against policies, and choose one",
    "bench": "repeat the experiments behind the documentation and the paper",
}
"""Each verb is the module r2u_rec.cli.verb_NAME with `run(argv) -> exit status`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the verb that the command line names.

    Returns:
        0 done; 1 a refusal or a failure that the message explains; 2 the command line or a settings file is wrong; 130 stopped.
        With --debug an error is raised with its traceback instead.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in given
    given = [token for token in given if token != "--debug"]
    if not given or given[0] in ("-h", "--help"):
        print(overview())
        return 0
    if given[0] == "--version":
        from r2u_rec import __version__

        print(f"r2u {__version__}")
        return 0
    verb = given[0]
    if verb not in VERBS:
        return _fail(unknown("verb", verb, VERBS), 2)
    return _run(verb, given[1:], debug)


def overview() -> str:
    """Returns the text of `r2u --help`."""
    lines = [f"  {verb:<10} {text}" for verb, text in VERBS.items()]
    return "\n".join(
        ["usage: r2u VERB [flags]", "", "Recommenders that can forget.", "", *lines, ""]
        + ["r2u VERB --help   the flags of a verb", "r2u VERB --debug  show the traceback of an error", "r2u --version"]
    )


def _run(verb: str, argv: list[str], debug: bool) -> int:
    from r2u_rec.cli.command import Done
    from r2u_rec.config.errors import UsageError
    from r2u_rec.errors import R2UError

    try:
        return int(import_module(f"r2u_rec.cli.verb_{verb}").run(argv))
    except Done:
        return 0
    except SystemExit as done:
        return int(done.code or 0)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "stopped", 130)
    except BrokenPipeError:  # who read the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        if debug:
            raise
        return _fail(f"{error}\n     see r2u {verb} --help", 2)
    except (R2UError, ValueError, OSError) as error:
        if debug:
            raise
        return _fail(" ".join(str(error).split()), 1)


def _fail(message: str, status: int) -> int:
    print(f"r2u: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
