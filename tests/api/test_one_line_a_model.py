"""A model's name stands in its own files and in one line of the table, nowhere else."""

from __future__ import annotations

OWN = {"registered/models/item_knn.py", "recsys/closed_form/item_knn.py", "recsys/closed_form/item_knn_lists.py"}
TABLE = "registry/tables.py"


def test_nothing_but_the_models_own_files_and_the_table_names_it(checkout):
    package = checkout / "r2u_rec"
    naming = {
        str(p.relative_to(package)) for p in package.rglob("*") if p.suffix in (".py", ".pyi", ".yaml") and "item_knn" in p.read_text()
    }
    assert naming - OWN == {TABLE}
    lines = [line for line in (package / TABLE).read_text().splitlines() if "item_knn" in line]
    assert len([line for line in lines if "_MODELS" in line]) == 1
    assert len(lines) == 3  # the model, and what is stored of it: its memory and the model served
