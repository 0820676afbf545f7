"""Where figures come from: library versions and the kind of machine, without anything that names the machine."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("r2u_rec", "numpy", "scipy", "pandas", "torch", "torch-geometric", "scikit-learn")
_CPU_INFO = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Returns the version of Python and of each library that figures depend on and that is installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if "r2u_rec" not in found:  # a checkout that is not installed
        from r2u_rec import __version__

        found["r2u_rec"] = __version__
    return found


def machine_kind() -> dict[str, str | int | float]:
    """Returns what kind of machine this is: cores this process may use, memory, processor family, system.

    It holds no host name, no user name and no path.
    """
    kind: dict[str, str | int | float] = {
        "cores": _cores(),
        "cpu": _cpu_family(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        kind["ram_gb"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    return kind


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_family() -> str:
    """The processor's marketing name without clock rate and core count."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", _CPU_INFO.read_text())
    except OSError:
        found = None
    name = found.group(1) if found else platform.processor() or "unknown"
    name = re.sub(r"\((R|TM)\)|\bCPU\b|@.*|\d+-Core.*", "", name, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", name).strip()
