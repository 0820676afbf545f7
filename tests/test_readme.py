"""What README and docs promise is there: tables follow from results, commands parse, targets, files and names exist."""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from r2u_rec.cli.command import Command
from r2u_rec.cli.main import main
from r2u_rec.cli.verb_bench import benchmarks
from r2u_rec.config.files import write_settings
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.report.readme_tables import differences

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def code_blocks(text: str) -> list[str]:
    """Returns the fenced blocks, and the blocks that four spaces indent after an empty line."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    plain = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return fenced + re.findall(r"(?<=\n\n)((?: {4}.*\n|\n(?= {4}))+)", plain + "\n")


def commands(text: str) -> list[list[str]]:
    """Returns the words of every `r2u ...` line of a code block, comments and continuations taken off."""
    lines = [line.strip().removeprefix("$ ") for block in code_blocks(text) for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if re.match(r"r2u( |$)", line)]


def targets(text: str) -> set[str]:
    """Returns every target of `make ...` in code, inline or in a block."""
    code = code_blocks(text) + re.findall(r"`([^`\n]+)`", text)
    return {name for each in code for name in re.findall(r"(?:^|[\s$])make ([\w-]+)", each)}


def links(text: str) -> list[str]:
    """Returns the targets of links and images that are files."""
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [link.partition("#")[0] for link in found if not re.match(r"\w+:|#", link)]


class Parsed(Exception):
    """The command line was understood; nothing is carried out."""


def misunderstood(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Returns what `r2u WORDS` is refused with before it does anything; empty when it parses."""
    if words[:1] == ["bench"] and words[1:2] not in (["--list"], ["paper"], ["rivals"]):
        return "" if words[1:] and words[1] in benchmarks() else f"no benchmark {words[1:]}"
    for name in (word.rpartition("=")[2] for word in words):
        if "/" in name:  # a run folder, should it be taken for one
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_settings(settings_from_mapping({}), folder / name)
    words = [word for word in words if word != "--fetch"]
    understood = Command.parse

    def stop(self: Command, argv: object) -> object:
        given = understood(self, argv)  # type: ignore[arg-type]
        if self.sections or self.takes_run:
            raise Parsed
        return given

    def run(*_: object, **__: object) -> None:
        raise Parsed

    monkeypatch.setattr(Command, "parse", stop)
    for runs in ("r2u_bench.paper.bench.run_bench", "r2u_bench.rivals.bench.run_rivals", "r2u_bench.rivals.numbers.check_numbers"):
        monkeypatch.setattr(runs, run)
    monkeypatch.chdir(folder)
    capsys.readouterr()
    try:
        status = main(words)
    except Parsed:
        return ""
    return capsys.readouterr().err if status else ""


def unknown_names(block: str) -> list[str]:
    """Returns what a Python block imports that is not there; SyntaxError when it is no Python."""
    wanted = [(node.module, name.name) for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom) for name in node.names]
    return [f"{module}.{name}" for module, name in wanted if not hasattr(import_module(str(module)), name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_follows_from_its_results(page):
    assert differences(page.read_text(), CHECKOUT / "benchmarks" / "r2u_bench" / "results") == []


@pytest.mark.parametrize("words", [words for page in PAGES for words in commands(page.read_text())], ids=" ".join)
def test_every_command_parses(words, tmp_path, monkeypatch, capsys):
    assert misunderstood(words, tmp_path, monkeypatch, capsys) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_and_every_linked_file_exists(page):
    text = page.read_text()
    made = set(re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert targets(text) <= made
    assert [link for link in links(text) if not (page.parent / link).exists()] == []


def test_the_python_blocks_import_what_is_there():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGES[0].read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    assert [name for block in blocks for name in unknown_names(block)] == []


def test_the_readme_names_the_two_commands_and_some_of_the_command_line():
    text = PAGES[0].read_text()
    assert {"demo", "test"} <= targets(text)
    assert len({words[0] for words in commands(text) if words}) >= 6


BROKEN = """# A page

    r2u trian runs/a     # no such verb
    r2u train --model.nam mf \\
        --seed 1

```
$ r2u forget runs/a --users 1
make nothing
```

Run `make all`, see [this](docs/none.md), ![that](none.png), [the web](https://example.org/x) and [below](#here).
"""


def test_the_checks_find_what_is_broken(tmp_path, monkeypatch, capsys):
    assert commands(BROKEN) == [["forget", "runs/a", "--users", "1"], ["trian", "runs/a"], ["train", "--model.nam", "mf", "--seed", "1"]]
    assert targets(BROKEN) == {"nothing", "all"}
    assert links(BROKEN) == ["docs/none.md", "none.png"]
    assert unknown_names("from r2u_rec.rng import stream, streams") == ["r2u_rec.rng.streams"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("trian runs/a", "did you mean 'train'?"),
        ("train --model.nam mf", "unknown flag --model.nam"),
        ("train --model.name mff", "model.name takes one of"),
        ("run --preset demoo", "unknown preset"),
        ("forget --users 1", "name the run folder first"),
        ("forget runs/a --user 1", "unknown flag --user"),
        ("datasets ml-100", "did you mean 'ml-100k'?"),
        ("bench forgeting", "no benchmark"),
        ("bench paper fgi3", "did you mean"),
    ],
)
def test_a_command_that_does_not_parse_is_found(command, said, tmp_path, monkeypatch, capsys):
    assert said in misunderstood(command.split(), tmp_path, monkeypatch, capsys)


def test_a_command_that_parses_passes_without_being_carried_out(tmp_path, monkeypatch, capsys):
    for command in (
        "train --model.name mf --out runs/a",
        "forget runs/a --users_file who.txt --out runs/b",
        "bench forgetting",
        "datasets",
    ):
        assert misunderstood(command.split(), tmp_path, monkeypatch, capsys) == ""
    assert {path.name for path in (tmp_path / "runs").rglob("*") if path.is_file()} <= {"settings.yaml"}
