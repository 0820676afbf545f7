"""A folder that is not the one that was written is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from r2u_rec.errors import DataError
from r2u_rec.storage import load_fitted, put, read_manifest, written_whole


@pytest.fixture
def run(fitted, tmp_path) -> Path:
    with written_whole(tmp_path / "run", verb="train") as part:
        put(fitted, part)
        (part / "settings.yaml").write_text("seed: 0\n")
        (part / "deep").mkdir()
        (part / "deep" / "history.json").write_text("[]\n")
    return tmp_path / "run"


FILES = ("records.parquet", "users.parquet", "items.parquet", "memory.safetensors", "fitted.json", "settings.yaml", "deep/history.json")


def test_every_file_stands_in_the_manifest(run):
    there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert there == set(read_manifest(run).files) | {"manifest.json"} >= {*FILES, "model.safetensors"}


@pytest.mark.parametrize("name", [*FILES, "model.safetensors"])
@pytest.mark.parametrize("how", ["missing", "edited", "truncated", "longer"])
def test_a_damaged_file_is_named(run, task, name, how):
    path = run / name
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes({"edited": content[:-1] + bytes([content[-1] ^ 1]), "truncated": content[:-1], "longer": content + b"x"}[how])
    said = "is missing" if how == "missing" else "is not the file that was written"
    with pytest.raises(DataError, match=rf"the run folder .*run is damaged: {name.replace('.', '[.]')} {said}.*restore it from a copy"):
        load_fitted(run, task)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "manifest.json holds a list in place of an object"),
        ("null", "manifest.json holds a NoneType in place of an object"),
        ("3", "manifest.json holds a int"),
        ("", "manifest.json is broken"),
        ('{"format": 2', "manifest.json is broken"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(run, task, text, said):
    (run / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=f"the run folder .*run is damaged: {said}"):
        load_fitted(run, task)


def test_a_manifest_that_is_no_text_is_refused(run, task):
    (run / "manifest.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"damaged: manifest\.json is no text"):
        load_fitted(run, task)


def changed(run: Path, **changes: object) -> None:
    path = run / "manifest.json"
    found = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in found.items() if value != "away"}))


def test_missing_and_unknown_keys_of_the_manifest_are_named(run, task):
    changed(run, files="away", extra=1)
    with pytest.raises(DataError, match=r"damaged: manifest\.json lacks files, has 'extra'"):
        load_fitted(run, task)


@pytest.mark.parametrize("change", [{"generation": 5}, {"about": {"exact": True}}, {"files": {}}, {"seal": "0"}, {"parent": "0" * 64}])
def test_a_manifest_that_was_edited_is_refused(run, task, change):
    changed(run, **change)
    with pytest.raises(DataError, match=r"damaged: manifest\.json was changed after it was written"):
        load_fitted(run, task)


def test_another_format_and_no_manifest_and_no_folder_are_refused(run, task, tmp_path):
    changed(run, format=1)
    with pytest.raises(DataError, match="has format 1, this version reads 2: train again"):
        load_fitted(run, task)
    (run / "manifest.json").unlink()
    for folder in (run, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"is not the folder of a trained model: its manifest\.json is missing"):
            load_fitted(folder, task)


def test_a_folder_without_a_model_is_refused(task, tmp_path):
    with written_whole(tmp_path / "page", verb="run") as part:
        (part / "report.html").write_text("")
    with pytest.raises(DataError, match="holds no fitted model, it was written by run"):
        load_fitted(tmp_path / "page", task)


def test_nothing_is_written_from_a_parent_that_is_damaged(run, tmp_path):
    changed(run, generation=5)
    with pytest.raises(DataError, match="changed after it was written"), written_whole(tmp_path / "next", parent=run):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
