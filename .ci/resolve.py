"""Says for each Python whether everything that the built wheel and its extras ask for can be had, from the index's metadata alone.

python .ci/resolve.py dist/r2u_rec-*.whl 3.12 3.13 3.14      # nothing is installed, no build of torch is downloaded

Exit status: 0 all can be had; 1 a release is missing or two requirements contradict each other; 2 the index could not be asked.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement

SOURCE_ONLY = ("pyspark",)
"""Ships no wheel, so that its dependencies stand in no metadata: only that a release for the interpreter exists is asked."""

NO_ANSWER = ("failed to fetch", "connect", "timed out", "dns error", "name resolution", "retries", "server error")
"""What clients print of an index that is not reached; nothing of the kind stands in a refusal."""


def requirements(wheel: Path, python: str) -> list[Requirement]:
    """Returns what the wheel asks for on an interpreter with all its extras, markers resolved."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    extras = [extra for extra in metadata.get_all("Provides-Extra", []) if extra != "dev"]
    found = {}
    for requirement in map(Requirement, metadata.get_all("Requires-Dist", [])):
        environments = [{"python_version": python, "python_full_version": f"{python}.0", "extra": extra} for extra in ("", *extras)]
        wanted = requirement.marker is None or any(requirement.marker.evaluate(environment) for environment in environments)
        if wanted and requirement.name != metadata["Name"]:
            requirement.marker = None
            found[str(requirement)] = requirement
    return list(found.values())


def asked(command: list[str]) -> tuple[int, str]:
    """Runs a client of the index; returns 0, 1 (it says no) or 2 (it got no answer), and what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return 0, said
    return (2 if any(word in said.lower() for word in NO_ANSWER) else 1), said


def resolve(wanted: list[Requirement], python: str) -> tuple[int, str]:
    """Returns the status of one interpreter, and a sentence."""
    wheels = [str(requirement) for requirement in wanted if requirement.name not in SOURCE_ONLY]
    with tempfile.TemporaryDirectory() as folder:
        asks = Path(folder) / "requirements.in"
        asks.write_text("\n".join(wheels) + "\n")
        command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--no-config"]
        status, said = asked([*command, "--only-binary", ":all:", "--python-version", python, str(asks)])
    if status:
        return status, said.strip()
    found = [line for line in said.splitlines() if "==" in line]
    for requirement in (r for r in wanted if r.name in SOURCE_ONLY):
        command = [sys.executable, "-m", "pip", "index", "versions", "--python-version", python, requirement.name]
        status, said = asked(command)
        if status:
            return status, said.strip()
        versions = next(line for line in said.splitlines() if line.startswith("Available versions:")).partition(":")[2].split(", ")
        if not any(requirement.specifier.contains(version.strip()) for version in versions):
            return 1, f"no release of {requirement} for Python {python}"
    torch = next(line for line in found if line.startswith("torch=="))
    return 0, f"{len(wanted)} requirements can be had together, as {len(found)} packages, {torch} among them"


def main(wheel: str, *pythons: str) -> int:
    """Prints a line for each interpreter and returns the highest status."""
    worst = 0
    for python in pythons:
        status, said = resolve(requirements(Path(wheel), python), python)
        kind = ("", "NOT TO BE HAD\n", "THE INDEX GAVE NO ANSWER\n")[status]
        print(f"Python {python}: {kind}{said}", flush=True)
        worst = max(worst, status)
    return worst


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
