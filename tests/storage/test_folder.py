"""A folder is written whole or not at all, by one writer, for its owner's eyes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r2u_rec.errors import DataError
from r2u_rec.storage import FolderTakenError, folder, read_manifest, save_fitted, written_whole

WRITER = """if True:
    import sys, time
    from pathlib import Path
    from r2u_rec.storage import written_whole
    with written_whole(Path(sys.argv[1])) as part:
        (part / "a").write_text("x")
        print("inside", flush=True)
        time.sleep(600)"""


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    def broken() -> None:
        with written_whole(tmp_path / "run") as part:
            (part / "a").write_text("x")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        broken()
    assert names(tmp_path) == []
    with written_whole(tmp_path / "run") as part:
        (part / "a").write_text("x")
        assert not (tmp_path / "run").exists()
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["a", "manifest.json"]


def test_a_folder_that_holds_something_is_not_overwritten_and_an_empty_one_is_used(tmp_path):
    (tmp_path / "run").mkdir()
    with written_whole(tmp_path / "run") as part:
        (part / "a").write_text("x")
    with pytest.raises(FolderTakenError, match="there already and not empty"), written_whole(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / "a").read_text() == "x"
    with pytest.raises(DataError, match="a is a file, not a folder"), written_whole(tmp_path / "run" / "a"):
        pass


def test_a_folder_is_swapped_when_it_is_told_to(tmp_path):
    for text in ("one", "two"):
        with written_whole(tmp_path / "run", replaces=True) as part:
            (part / text).write_text(text)
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["manifest.json", "two"]


def test_the_old_folder_comes_back_when_a_writer_died_between_the_two_renames(tmp_path):
    with written_whole(tmp_path / "run") as part:
        (part / "a").write_text("x")
    (tmp_path / "run").rename(tmp_path / ".run.old-1")
    with pytest.raises(FolderTakenError), written_whole(tmp_path / "run"):
        pass
    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "a").read_text() == "x"


def test_only_the_owner_can_read_what_is_written_whatever_the_umask(fitted, tmp_path):
    before = os.umask(0)
    try:
        save_fitted(fitted, tmp_path / "run")
        with written_whole(tmp_path / "other") as part:
            assert part.stat().st_mode & 0o777 == 0o700
            (part / "inner").mkdir(mode=0o777)
            (part / "inner" / "a").write_text("x")
    finally:
        os.umask(before)
    for root in ("run", "other"):
        for path in (tmp_path / root, *(tmp_path / root).rglob("*")):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_everything_is_synced_before_the_rename_and_the_folder_above_after_it(tmp_path, monkeypatch):
    calls: list[str] = []
    sync, rename = os.fsync, Path.rename
    monkeypatch.setattr(folder.os, "fsync", lambda fd: (calls.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name), sync(fd))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (calls.append("rename"), rename(self, to))[1])
    with written_whole(tmp_path / "run") as part:
        (part / "a").write_text("x")
    assert calls == ["manifest.json", "a", part.name, "rename", tmp_path.name]


def test_a_second_writer_is_refused_in_words_while_the_first_lives_and_sweeps_what_it_left_when_it_is_dead(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "inside\n"
        with (
            pytest.raises(FolderTakenError, match=r"another process is writing .*run now: wait until it is done"),
            written_whole(tmp_path / "run"),
        ):
            pass
        assert len(list(tmp_path.glob(".run.part-*"))) == 1  # the living one's is not touched
        with written_whole(tmp_path / "other"):  # another folder beside it is free
            pass
    finally:
        first.kill()
        first.wait()
    assert len(list(tmp_path.glob(".run.part-*"))) == 1
    with written_whole(tmp_path / "run") as part:
        assert list(tmp_path.glob(".run.part-*")) == [part]
    assert names(tmp_path) == ["other", "run"]


def test_a_sweep_takes_names_as_they_are(tmp_path):
    (tmp_path / ".runs.part-1").mkdir()
    with written_whole(tmp_path / "run*"):
        pass
    assert names(tmp_path) == [".runs.part-1", "run*"]


def test_a_generation_names_the_seal_of_the_one_before(fitted, method, task, tmp_path):
    save_fitted(fitted, tmp_path / "one", verb="train")
    after = method.forget(task, fitted, fitted.records.ids_of_users([3]), seed=0)
    save_fitted(after, tmp_path / "two", verb="forget", about={"exact": False}, parent=tmp_path / "one")
    one, two = read_manifest(tmp_path / "one"), read_manifest(tmp_path / "two")
    assert (one.generation, one.parent, one.verb) == (0, None, "train")
    assert (two.generation, two.parent, two.verb, two.about) == (1, one.seal, "forget", {"exact": False})
    assert two.time >= one.time
    assert {"r2u_rec", "python", "torch"} <= two.versions.keys()
