"""Results survive the way to disk and back, and refuse what cannot make it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from r2u_rec.report import load_result, machine_kind, save_result, versions


def test_a_saved_result_comes_back_equal(synthetic, tmp_path):
    result = synthetic()
    save_result(result, tmp_path / "run")
    assert load_result(tmp_path / "run") == result


def test_the_parquet_file_holds_every_row(synthetic, tmp_path):
    result = synthetic()
    save_result(result, tmp_path)
    frame = pd.read_parquet(tmp_path / "rows.parquet")
    assert len(frame) == len(result.rows)
    assert frame["NDCG@20"].tolist() == [row["NDCG@20"] for row in result.rows]
    assert frame["seed"].tolist() == [row["seed"] for row in result.rows]


def test_saving_leaves_no_unfinished_file(synthetic, tmp_path):
    save_result(synthetic(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["result.json", "rows.parquet"]


def test_numpy_numbers_become_plain_and_what_is_not_finite_becomes_none(synthetic):
    row = {"arm": "a", "operator": "b", "seed": np.int64(3), "auc": np.float32(0.5), "excess": float("nan"), "exact": np.bool_(True)}
    kept = synthetic(rows=[row], settings={"sizes": np.array([1, 2]), "pair": (1, None)})
    assert kept.rows == [{"arm": "a", "operator": "b", "seed": 3, "auc": 0.5, "excess": None, "exact": True}]
    assert kept.settings == {"sizes": [1, 2], "pair": [1, None]}
    json.dumps(kept.rows, allow_nan=False)


def test_what_json_cannot_hold_is_named_with_its_place(synthetic):
    with pytest.raises(TypeError, match=r"settings\.model\[1\] is a object, which JSON cannot hold"):
        synthetic(settings={"model": [1, object()]})


def test_a_row_without_its_names_is_refused(synthetic):
    with pytest.raises(ValueError, match=r"rows\[0\] lacks operator, seed"):
        synthetic(rows=[{"arm": "standard"}])


def test_loading_from_a_folder_without_a_result_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"result\.json is not there: name the folder of a finished run"):
        load_result(tmp_path)


def test_another_schema_version_is_refused(synthetic, tmp_path):
    path = save_result(synthetic(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(ValueError, match="schema version 99, this program reads 1"):
        load_result(tmp_path)


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ValueError, match=r"is not JSON .*: run again"):
        load_result(tmp_path)


def test_the_kind_of_machine_names_no_machine(monkeypatch):
    import platform

    kind = machine_kind()
    assert kind["cores"] >= 1
    assert kind["cpu"]
    text = json.dumps(kind)
    assert not re.search(r"[/\\]", text)  # no path
    assert platform.node() not in text or platform.node() in {"", platform.system()}


def test_versions_name_python_and_the_libraries_that_figures_depend_on():
    assert {"python", "numpy", "torch", "r2u_rec"} <= set(versions())


def test_the_results_folder_may_be_nested(synthetic, tmp_path):
    assert save_result(synthetic(), Path(tmp_path / "a" / "b")).is_file()
