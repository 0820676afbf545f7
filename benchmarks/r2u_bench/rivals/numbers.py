"""The numbers file: every figure, bound to the hashes of data, split and code, and the check that a small slice still gives them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import r2u_rec
from r2u_bench.rivals.bench import BenchmarkResult, run_rivals
from r2u_bench.rivals.preset import Preset, checked
from r2u_bench.rivals.requests import build_study
from r2u_bench.rivals.summary import QUALITY, lines, size_of
from r2u_bench.rivals.systems.registry import recommender
from r2u_rec.errors import EvidenceError, SettingsError
from r2u_rec.report.benchmark_results import read_benchmark, viewed, write_benchmark
from r2u_rec.report.columns import RETRAINED

ROOMS = ("core", "data", "evaluate", "recsys", "registered", "registry", "revocability", "study", "unlearn")
"""Rooms whose code the figures depend on."""

TOLERANCE = {QUALITY: 0.005, "auc": 0.02}
"""Drift that is allowed where the recorded seeds spread less."""

NOTES = (
    "Every edit goes as far as canaries say, held against one shadow model, before any request is known; an edit that no length makes "
    "forget goes as far as it was published.",
    "Processor seconds of one thread; cost is that of a request over retraining for it in the same run, training that of the whole "
    "training and release over standard training.",
)
"""What a reader of the short table must know."""

COLUMNS = (QUALITY + " / retrained", "auc", "adaptive_auc", "excess", "cpu_seconds", "cost_share", "training_share", "memory_mb")


def code_hash() -> str:
    """Returns 16 hex digits of the sha256 over the sources of the rooms that figures depend on, and of this benchmark."""
    package, here = Path(r2u_rec.__file__).parent, Path(__file__).parent
    digest = hashlib.sha256()
    for root, folders in ((package, [package / room for room in ROOMS]), (here.parent, [here])):
        for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def split_hashes(preset: Preset) -> dict[str, str]:
    """Returns "seed part" -> hash of every part and request of every seed."""
    shares, calibration_users = tuple(preset.content["shares"]), preset.content["strangers_share"]
    return {
        f"{seed} {name}": value
        for seed in preset.seeds
        for name, value in build_study(preset.data, seed, shares, calibration_users).hashes.items()
    }


def write_numbers(found: BenchmarkResult, folder: Path, *, command: str) -> Path:
    """Writes `folder`/rivals_PRESET.json, in the form of every benchmark's file, and returns its path.

    Beside it, main_rivals_PRESET.json holds the largest requests alone, for a table of a README.

    Raises:
        EvidenceError: nothing has finished.
    """
    if not found.figures.rows:
        raise EvidenceError("no trial has finished, so there is no number to write: see what failed")
    preset, rows = found.preset, found.figures.rows
    refused = [f"No imprint is reported of {model}, {request}: {why}" for (model, request), why in found.figures.refused.items()]
    about = {
        "command": command,
        "settings": {"preset": preset.content, "code": code_hash()},
        "seeds": preset.seeds,
        "split_hashes": split_hashes(preset),
    }
    largest = max(size_of(row["request"]) for row in rows)
    view = short_of(rows, f"rivals_{preset.name}")
    shown = viewed(rows, view)
    write_benchmark(
        folder,
        f"main_rivals_{preset.name}",
        question=f"What does each system keep, leave behind and cost when {largest:g} % of the users leave together ({preset.data})?",
        figures=shown,
        by=("model", "title"),
        columns=[name for name in COLUMNS if _there(shown, name)],
        notes=[*refused, *NOTES, *_part_note(preset)],
        figures_of=view,
        **about,
    )
    return write_benchmark(
        folder,
        f"rivals_{preset.name}",
        question=f"What does each system keep, leave behind and cost on {preset.data}?",
        figures=rows,
        by=("model", "system", "request"),
        columns=[name for name in COLUMNS if _there(rows, name)],
        notes=refused + found.failures + _part_note(preset),
        beside={"before": _before(found), "verdicts": found.figures.verdicts},
        summarised=False,
        **about,
    )


def read_numbers(path: Path) -> dict[str, Any]:
    """Returns a numbers file, with its summary and the lines of the page, which are worked out from its figures.

    Raises:
        FileNotFoundError, ValueError: as `report.benchmark_results.read_benchmark`.
    """
    content = read_benchmark(path)
    before = {(row["model"], row["system"]): row[QUALITY] for row in content["before"]}
    return content | {"lines": [asdict(line) for line in lines(content["figures"], content["verdicts"], before)]}


def _before(found: BenchmarkResult) -> list[dict[str, Any]]:
    """Returns the quality of each recommender and system before any request, which no row of an outcome says."""
    names = {recommender(name).title: name for name in found.preset.models}
    kept = [line for line in found.lines if line.before is not None]
    return [{"model": names[line.model], "system": line.system, QUALITY: line.before} for line in kept]


def _part_note(preset: Preset) -> list[str]:
    return [] if preset.part == "test" else [f"Quality is that of the {preset.part} part: settings are chosen by it, nothing is reported."]


def short_of(rows: Sequence[Mapping[str, Any]], file: str) -> dict[str, Any]:
    """Returns what the short table takes of a numbers file: the largest requests, figures to six digits, options in the title."""
    largest = max(size_of(row["request"]) for row in rows)
    return {
        "file": file,
        "where": {"request": [name for name in dict.fromkeys(row["request"] for row in rows) if size_of(name) == largest]},
        "keys": ["model", "operator", "request", "seed", "split", "title", *(name.removesuffix(" / retrained") for name in COLUMNS)],
        "renamed": {"title": {row["system"]: titled(row) for row in rows if titled(row) != row["title"]}},
        "digits": 6,
    }


def titled(row: Mapping[str, Any]) -> str:
    """Returns the title of a row's system with the options that it was given."""
    options = row["system"].partition(" ")[2]
    return f"{row['title']} ({options})" if options else row["title"]


def _there(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(row.get(name.removesuffix(" / retrained")) is not None for row in rows)


@dataclass(frozen=True)
class Drift:
    """A figure measured again.

    Attributes:
        recorded, found: the figure then and now. allowed: the larger of twice the spread of the recorded seeds and `TOLERANCE`.
    """

    what: str
    recorded: float
    found: float
    allowed: float

    @property
    def within(self) -> bool:
        return abs(self.found - self.recorded) <= self.allowed

    def __str__(self) -> str:
        verdict = "agrees" if self.within else "DRIFTED"
        return f"{verdict}: {self.what}: recorded {self.recorded:.4f}, now {self.found:.4f}, allowed +- {self.allowed:.4f}"


def check_numbers(path: Path, *, jobs: int = 2, folder: Path | None = None, say: Callable[[str], None] = print) -> list[Drift]:
    """Runs the slice that the file's preset names under `check` again, and returns each figure beside the recorded one.

    Args:
        folder: of the trials; None: a temporary one, so that nothing stored is taken for measured.
        say: hears whether the code has changed since.

    Raises:
        FileNotFoundError: there is no such file.
        EvidenceError: the data or the split is not the recorded one, a trial failed, or the slice has no recorded figures.
        SettingsError: the preset names no slice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no numbers file {path.name}: run the benchmark first, or name another with --numbers")
    content = json.loads(path.read_text(encoding="utf-8"))
    slice_ = slice_of(content["settings"]["preset"], path.stem)
    recorded_code, now = content["settings"]["code"], code_hash()
    say(f"code {now} is that of the file" if now == recorded_code else f"code {now} is not that of the file, {recorded_code}")
    refuse_other_data(content["split_hashes"], split_hashes(slice_))
    if folder is None:
        with TemporaryDirectory() as temporary:
            found = run_rivals(slice_, Path(temporary), jobs=jobs)
    else:
        found = run_rivals(slice_, folder, jobs=jobs)
    if found.failures:
        raise EvidenceError(f"{len(found.failures)} trials of the slice failed, the first: {found.failures[0]}")
    return drifts(content["figures"], found.figures.rows)


def slice_of(content: Mapping[str, Any], name: str) -> Preset:
    """Returns the preset of the slice that `check` names; SettingsError when it names none."""
    check = content.get("check") or {}
    if not {"model", "systems", "request", "seed"} <= set(check):
        raise SettingsError(f"{name}: the preset names no slice to check: give it check: {{model, systems, request, seed}}")
    whole = checked(Preset(name, content))
    return whole.narrowed(models=[check["model"]], systems=check["systems"], requests=[check["request"]], seeds=[check["seed"]])


def refuse_other_data(recorded: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises EvidenceError when a part or a request is not the one that the figures were measured on."""
    other = [name for name, value in now.items() if recorded.get(name) != value]
    if other:
        raise EvidenceError(
            f"{len(other)} of {len(now)} parts and requests are not those of the file, the first is seed {other[0]!r}: the data or the way "
            "it is split has changed, so its figures say nothing here; run the benchmark again"
        )


def drifts(recorded: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[Drift]:
    """Returns every figure of `now` beside the recorded one of the same line and seed.

    Raises:
        EvidenceError: a line was never recorded.
    """
    out = []
    for row in now:
        line = [r for r in recorded if all(r.get(key) == row.get(key) for key in ("model", "system", "request", "number"))]
        same = [r for r in line if r["seed"] == row["seed"]]
        if not same:
            raise EvidenceError(f"{row['title']} on {row['model']}, {row['request']}, seed {row['seed']} is not among the recorded figures")
        for name, least in TOLERANCE.items():
            if row.get(name) is None or same[0].get(name) is None or (name == "auc" and row["operator"] == RETRAINED):
                continue
            values = [r[name] for r in line if r.get(name) is not None]
            mean = sum(values) / len(values)
            sd = (sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)) ** 0.5
            what = f"{row['title']} on {row['model']}, {row['request']}, seed {row['seed']}, {name}"
            out.append(Drift(what, same[0][name], row[name], max(2 * sd, least)))
    return out
