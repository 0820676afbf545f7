"""No files import each other in a circle, and a public name stands for one thing."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "r2u_rec"
ENTRY_POINTS = ("main", "run")
"""Of the command line and of each of its verbs."""


def circles(root: Path) -> list[str]:
    """Returns the files of the package that import each other in a circle, imports for type checking aside."""
    edges: dict[str, set[str]] = {}
    files = {".".join(p.relative_to(root).with_suffix("").parts): p for p in (root / PACKAGE).rglob("*.py") if p.stem != "__init__"}
    for name, path in files.items():
        tree = ast.parse(path.read_text())
        typing = {
            id(n) for top in ast.walk(tree) if isinstance(top, ast.If) and "TYPE_CHECKING" in ast.unparse(top.test) for n in ast.walk(top)
        }
        found = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level and n.module and id(n) not in typing]
        edges[name] = {m for n in found for m in (n.module, *(f"{n.module}.{a.name}" for a in n.names)) if m in files and m != name}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def names_of_two_things(root: Path) -> list[str]:
    """Returns each public class or function that two files of the package define; the entry points of the command line aside."""
    places: dict[str, list[str]] = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        where = path.relative_to(root)
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            if where.parts[1] != "cli" or node.name not in ENTRY_POINTS:
                places.setdefault(node.name, []).append(str(where))
    return [f"{name}: {', '.join(where)}: rename one" for name, where in places.items() if len(set(where)) > 1]


def test_no_files_import_each_other_in_a_circle(checkout):
    assert circles(checkout) == []


def test_public_names_are_unique(checkout):
    assert names_of_two_things(checkout) == []


def fake(path: Path, text: str) -> None:
    """Writes one file of a fake project."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_circle_of_files_and_a_name_of_two_things_are_caught(tmp_path):
    fake(tmp_path / "r2u_rec/core/a.py", "from r2u_rec.core import b\ndef one(): ...\ndef two(): ...\ndef _own(): ...")
    fake(tmp_path / "r2u_rec/core/b.py", "def f():\n    from r2u_rec.core.a import one\nclass two: ...\ndef _own(): ...")
    fake(tmp_path / "r2u_rec/core/c.py", "if TYPE_CHECKING:\n    from r2u_rec.core.d import x")
    fake(tmp_path / "r2u_rec/core/d.py", "from r2u_rec.core.c import y")
    fake(tmp_path / "r2u_rec/cli/e.py", "def run(): ...\ndef three(): ...")
    fake(tmp_path / "r2u_rec/cli/f.py", "def run(): ...\ndef three(): ...")
    assert len(circles(tmp_path)) == 1
    assert set(circles(tmp_path)[0].split(" -> ")) == {"r2u_rec.core.a", "r2u_rec.core.b"}
    assert names_of_two_things(tmp_path) == [
        "three: r2u_rec/cli/e.py, r2u_rec/cli/f.py: rename one",
        "two: r2u_rec/core/a.py, r2u_rec/core/b.py: rename one",
    ]
