"""The rooms import only along the arrows, the core names no trade, files stay small, and the checkers can fail."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2u_rec.optional import EXTRA_OF, EXTRAS

PACKAGE = "r2u_rec"
LEAVES = frozenset({"errors", "rng", "ids", "roc", "setting", "suggest", "holm", "optional"})
LEAF_ARROWS = {"ids": {"errors"}, "optional": {"errors"}}  # an unknown record and a missing library are errors of their own kind
BELOW = frozenset({"core", "unlearn", "data", "revocability", "recsys", "evaluate", "simulation", "report"})
LIBRARY = BELOW | {"trials", "storage", "registry", "study", "config"}
ARROWS: dict[str, set[str]] = {
    "core": set(),
    "unlearn": {"core"},
    "data": set(),
    "revocability": {"data", "registry"},
    "recsys": {"core", "unlearn", "data"},
    "vision": {"core", "data"},  # data: the cards, and fetching by them
    "language": {"core", "data"},
    "evaluate": {"core", "data"},
    "simulation": {"core", "unlearn", "evaluate", "data"},
    "registry": {"core"},  # core: for the types of what is built; it is never imported at run time
    "registered": {"registry", "core", "unlearn", "recsys", "data"},  # the specs of what ships with the library
    "storage": {"core", "data", "registry"},
    "study": {"core", "unlearn", "data", "revocability", "recsys", "evaluate", "registry"},
    "report": {"evaluate"},
    "trials": {"report"},  # report: where figures come from
    "config": {"core", "data", "revocability", "registry", "study", "simulation"},
    "api": {"registered", *LIBRARY},
    "testing": {"core", "unlearn", "data", "evaluate"},
    "cli": {"api", *LIBRARY},
}
NEUTRAL_ROOMS = ("core", "unlearn")
TRADE_WORDS = frozenset(word + ending for word in ("user", "item", "image", "token") for ending in ("", "s"))
VAGUE_FILES = frozenset({"utils", "util", "helpers", "helper", "base", "common", "misc"})
MAX_LINES = 300

IMPORT_NAMES = {
    "ibis-framework": "ibis",
    "pot": "ot",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}  # where it is not the distribution's own name


def imports_of(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Yields (line, dotted module) of every import of the file, function-local and TYPE_CHECKING ones included."""
    package = list(path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join(above + ([node.module] if node.module else []))
            if source == PACKAGE:
                yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, source


def wrong_arrows(root: Path) -> list[str]:
    """Returns each import of the package below `root` that is not an arrow of the architecture."""
    wrong = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        where = path.relative_to(root)
        room = where.parts[1].removesuffix(".py")
        if room not in ARROWS and room not in LEAVES and room != "__init__":
            wrong.append(f"{where}: {room} is not a room; add it to the architecture first")
            continue
        allowed = (ARROWS[room] | LEAVES | {room}) if room in ARROWS else LEAF_ARROWS.get(room, set())
        for line, module in imports_of(path, root):
            parts = module.split(".")
            if parts[0] == PACKAGE and len(parts) > 1 and parts[1] in ARROWS.keys() | LEAVES and parts[1] not in allowed:
                wrong.append(f"{where}:{line}: {room} may not import {parts[1]}")
    return wrong


def words_of(text: str) -> list[str]:
    """Returns the lower-case words of an identifier or a sentence: n_users -> n, users; UserRow -> user, row."""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower().replace("_", " "))


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Yields (line, text) of every identifier, string and comment, but the methods .item() of tensors and .items() of dicts."""
    tree = ast.parse(source)
    methods = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call) and not n.args and isinstance(n.func, ast.Attribute)}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Attribute) and not (node.attr in ("item", "items") and id(node) in methods):
            yield line, node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield line, node.value
        for field in ("id", "arg", "name", "asname", "module"):
            if isinstance(text := getattr(node, field, None), str):
                yield line, text
    for found in tokenize.generate_tokens(io.StringIO(source).readline):
        if found.type == tokenize.COMMENT:
            yield found.start[0], found.string


def trade_words(root: Path) -> list[str]:
    """Returns each place where a neutral room names a user, an item, an image or a token."""
    found = []
    for room in NEUTRAL_ROOMS:
        for path in sorted((root / PACKAGE / room).rglob("*.py")):
            for line, text in texts_of(path.read_text()):
                found += [f"{path.relative_to(root)}:{line}: names {word!r}" for word in words_of(text) if word in TRADE_WORDS]
    return found


def vague_files(root: Path) -> list[str]:
    return [str(p.relative_to(root)) for p in sorted((root / PACKAGE).rglob("*.py")) if p.stem in VAGUE_FILES]


def long_files(root: Path) -> list[str]:
    """Returns each Python file of package, tests, benchmarks and examples with more lines than fit one idea."""
    paths = [p for folder in (PACKAGE, "tests", "benchmarks", "examples") for p in sorted((root / folder).rglob("*.py"))]
    lengths = [(p.relative_to(root), len(p.read_text().splitlines())) for p in paths]
    return [f"{path}: {n} lines, at most {MAX_LINES}: split it" for path, n in lengths if n > MAX_LINES]


def shadowing_packages(root: Path) -> list[str]:
    return [str(p.relative_to(root)) for folder in ("datasets", "tests") for p in sorted((root / folder).rglob("__init__.py"))]


def third_party(root: Path) -> set[str]:
    """Returns the top-level names outside the standard library that the two packages import, by `needed("module", ...)` too."""
    paths = [*(root / PACKAGE).rglob("*.py"), *(root / "benchmarks").rglob("*.py")]
    names = {module.split(".")[0] for p in paths for _, module in imports_of(p, root)}
    names |= {found for p in paths for found in re.findall(r"\b(?:needed|recbole_module)\(\"([a-z_]+)", p.read_text())}
    return names - set(sys.stdlib_module_names) - {PACKAGE, "r2u_bench", "__future__", ""}


def bare_optional_imports(root: Path) -> list[str]:
    """Returns each import of an optional library that says no extra when it is missing: outside `with needed_for(...)` and type checking.

    `report/figures` asks for matplotlib before any of its files is imported.
    """
    wrong = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        tree, where = ast.parse(path.read_text()), path.relative_to(root)
        blocks = [n for n in ast.walk(tree) if isinstance(n, ast.With) and "needed_for" in ast.unparse(n.items[0])]
        blocks += [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
        guarded = {line for block in blocks for line in range(block.lineno, (block.end_lineno or block.lineno) + 1)}
        for line, module in imports_of(path, root):
            library = module.split(".")[0]
            asked_before = library == "matplotlib" and where.parts[:3] == (PACKAGE, "report", "figures")
            if library in EXTRA_OF and line not in guarded and not asked_before:
                wrong.append(f"{where}:{line}: {library} comes with the extra {EXTRA_OF[library]}: import it by needed or needed_for")
    return wrong


CHECKS = [wrong_arrows, trade_words, vague_files, long_files, shadowing_packages, bare_optional_imports]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_project_keeps_its_rules(check, checkout):
    assert check(checkout) == []


def declared(checkout: Path) -> tuple[set[str], dict[str, set[str]]]:
    """Returns the modules of the core dependencies, and those of each extra without the extras that it includes."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]

    def modules(lines: list[str]) -> set[str]:
        names = [re.split(r"[<>=!~ \[;]", line)[0].lower() for line in lines if not line.startswith(project["name"])]
        return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}

    return modules(project["dependencies"]), {name: modules(lines) for name, lines in project["optional-dependencies"].items()}


def test_every_import_is_declared_and_every_declaration_is_imported(checkout):
    always, extras = declared(checkout)
    assert third_party(checkout) == always.union(*(modules for name, modules in extras.items() if name not in ("dev", "docs")))


def test_the_library_knows_which_extra_brings_what(checkout):
    _, extras = declared(checkout)
    assert {name: set(modules) for name, modules in EXTRAS.items()} == {n: m for n, m in extras.items() if m and n not in ("dev", "docs")}


def test_all_holds_every_extra(checkout):
    extras = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["all"] == [f"r2u-rec[{','.join(sorted(EXTRAS))}]"]


def test_importing_the_package_and_its_command_line_loads_nothing_heavy():
    code = "import sys, r2u_rec, r2u_rec.cli.main; print(*sorted({'torch', 'pandas', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def fake(root: Path, name: str, text: str) -> Path:
    """Writes one file of a fake project and returns the project's root."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


@pytest.mark.parametrize(
    "statement",
    [
        "from r2u_rec.recsys.tasks.ranking import RankingTask",
        "import r2u_rec.recsys",
        "from r2u_rec import recsys",
        "from ..recsys import task",
        "from .. import recsys",
        "def f():\n    from r2u_rec import recsys",
    ],
)
def test_an_upward_import_in_any_form_is_caught(tmp_path, statement):
    assert wrong_arrows(fake(tmp_path, "r2u_rec/core/a.py", statement))[0].endswith("core may not import recsys")


def test_allowed_imports_pass(tmp_path):
    text = "import torch\nfrom r2u_rec.errors import R2UError\nfrom r2u_rec.core.training import fit_\nfrom . import newton\n"
    assert wrong_arrows(fake(tmp_path, "r2u_rec/unlearn/a.py", text)) == []


def test_a_leaf_may_not_import_a_room_and_an_unknown_room_is_caught(tmp_path):
    fake(tmp_path, "r2u_rec/rng.py", "from r2u_rec.core import x")
    fake(tmp_path, "r2u_rec/extras/a.py", "")
    assert [line.split(": ")[1].split(";")[0] for line in wrong_arrows(tmp_path)] == ["extras is not a room", "rng may not import core"]


@pytest.mark.parametrize(
    "text",
    [
        "n_users = 3",
        "class UserRow: ...",
        "def f(item): ...",
        '"""Erases a user\'s rows."""',
        "x = 1  # one image",
        "f(tokens=1)",
        "x = y.items",
        "from a import item",
        'raise ValueError(f"no such item {x}")',
    ],
)
def test_a_trade_word_in_a_neutral_room_is_caught(tmp_path, text):
    assert trade_words(fake(tmp_path, "r2u_rec/unlearn/a.py", text)) != []


def test_neutral_words_and_the_methods_of_tensors_and_dicts_pass(tmp_path):
    text = 'for k, v in d.items():\n    """Usery itemised imagery."""\n    x = loss.item()  # tokenizer\n'
    assert trade_words(fake(tmp_path, "r2u_rec/core/a.py", text)) == []


def test_vague_names_long_files_and_shadowing_packages_are_caught(tmp_path):
    for name in ("r2u_rec/data/utils.py", "datasets/__init__.py", "tests/core/__init__.py"):
        fake(tmp_path, name, "")
    fake(tmp_path, "benchmarks/long.py", "x = 1\n" * (MAX_LINES + 1))
    fake(tmp_path, "benchmarks/full.py", "x = 1\n" * MAX_LINES)
    assert vague_files(tmp_path) == ["r2u_rec/data/utils.py"]
    assert shadowing_packages(tmp_path) == ["datasets/__init__.py", "tests/core/__init__.py"]
    assert [line.split(":")[0] for line in long_files(tmp_path)] == ["benchmarks/long.py"]


def test_third_party_imports_are_found_wherever_they_stand(tmp_path):
    fake(tmp_path, "r2u_rec/cli/a.py", "import os\nimport yaml\ndef f():\n    import torch.nn\n    from scipy.sparse import csr_array\n")
    assert third_party(tmp_path) == {"yaml", "torch", "scipy"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("import pyspark.sql", True),
        ("def f():\n    from matplotlib.axes import Axes", True),
        ('with needed_for("a plot"):\n    from matplotlib.axes import Axes', False),
        ("if TYPE_CHECKING:\n    from torch_geometric.nn import LGConv", False),
        ("import torch", False),
    ],
)
def test_an_optional_library_imported_without_its_remedy_is_caught(tmp_path, text, wrong):
    assert bool(bare_optional_imports(fake(tmp_path, "r2u_rec/recsys/a.py", text))) == wrong
