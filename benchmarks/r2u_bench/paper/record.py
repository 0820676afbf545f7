"""What one run of an experiment found, as the JSON file that its page, a table of the README and a later reader are made from.

The file has the form of every benchmark's file (`report.benchmark_results`), so that `read_benchmark` checks it, and beside it
the verdict, the trials and what went wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Spec
from r2u_bench.paper.verdict import Side, Verdict
from r2u_rec.report.benchmark_results import SCHEMA_VERSION, read_benchmark
from r2u_rec.report.provenance import machine_kind, versions
from r2u_rec.report.results import plain
from r2u_rec.report.table import tabulate
from r2u_rec.trials.runner import Failure
from r2u_rec.trials.store import Trial

BY = ("claim", "unit", "settings")


@dataclass(frozen=True)
class ExperimentRecord:
    """What an experiment gave.

    Attributes:
        planned: specs by key. trials: the finished ones. failures: the others that were tried.
        verdict: None without rows. trouble: why it could not be judged or drawn; empty when it could.
    """

    planned: Mapping[str, Spec]
    trials: Mapping[str, Trial]
    failures: Sequence[Failure]
    verdict: Verdict | None
    trouble: str = ""


def write_record(folder: Path, experiment: Experiment, found: ExperimentRecord, *, preset: str, command: str) -> Path:
    """Writes `folder`/NAME.json whole and returns its path."""
    verdict = found.verdict
    figures = _figures(verdict) if verdict else []
    table = tabulate(figures, by=BY, columns=("value",)) if figures else None
    summary = [{**line.names, "n": line.n, "value": vars(line.figures["value"])} for line in table.lines] if table else []
    seeds = sorted({trial.spec["seed"] for trial in found.trials.values() if isinstance(trial.spec.get("seed"), int)})
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": experiment.name,
        "question": experiment.title,
        "command": command,
        "settings": {"preset": preset, **_settings(list(found.planned.values()))},
        "versions": versions(),
        "machine": machine_kind(),
        "seeds": seeds,
        "split_hashes": {},
        "notes": list(verdict.notes) if verdict else [],
        "table": {"by": list(BY), "columns": ["value"]},
        "summary": summary,
        "figures": figures,
        "caption": experiment.caption,
        "paper_says": experiment.paper_says,
        "in_paper": experiment.in_paper,
        "n_planned": len(found.planned),
        "trouble": found.trouble,
        "verdict": _said(verdict) if verdict else None,
        "failures": [asdict(failure) for failure in found.failures if not failure.missing],
        "missing": _missing(found.failures),
        "trials": {key: _trial(trial) for key, trial in found.trials.items()},
    }
    path = folder / f"{experiment.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(plain(content, experiment.name), indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    return unfinished.replace(path)


def read_record(path: Path) -> dict[str, Any]:
    """Returns an experiment's file; raises as `report.read_benchmark`, which checks that its summary follows from its figures."""
    return read_benchmark(path)


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Returns every experiment's file in the folder, those of the paper first, by name with numbers in order.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    records = [content for content in found if isinstance(content, dict) and "n_planned" in content]
    if not records:
        raise FileNotFoundError(f"{folder} holds no experiment yet: run one first, such as `r2u bench paper fig3 --out {folder}`")
    return [read_record(folder / f"{record['name']}.json") for record in sorted(records, key=_place)]


def _place(record: Mapping[str, Any]) -> tuple[Any, ...]:
    letters = record["name"].rstrip("0123456789")
    number = record["name"][len(letters) :]
    return (not record["in_paper"], letters if record["in_paper"] else record["name"], int(number or 0))


def _figures(verdict: Verdict) -> list[dict[str, Any]]:
    """Every value of every claim, one row each; a side that several findings are held against comes once."""
    rows = []
    for claim in verdict.claims:
        sides: list[tuple[str, Side]] = [(finding.settings, finding.side) for finding in claim.findings]
        if claim.against is not None:
            sides.append((claim.against.name, claim.against))
        for settings, side in sides:
            for pair, value in side.values.items():
                named = "/".join(str(part) for part in pair if part is not None)
                rows.append({"claim": claim.statement, "unit": claim.unit, "settings": settings, "trial": named, "value": value})
    return rows


def _said(verdict: Verdict) -> dict[str, Any]:
    """The verdict with mean, spread and n of each side in place of its values, which are among the figures."""
    return {
        "claims": [
            {
                "statement": claim.statement,
                "paper": claim.paper,
                "unit": claim.unit,
                "against": None if claim.against is None else _side(claim.against),
                "findings": [
                    {
                        "settings": finding.settings,
                        "side": _side(finding.side),
                        "outcome": finding.outcome,
                        "why": finding.why,
                        "tests": None if finding.tests is None else asdict(finding.tests),
                    }
                    for finding in claim.findings
                ],
            }
            for claim in verdict.claims
        ],
        "excluded": [asdict(each) for each in verdict.excluded],
        "targets": [asdict(each) for each in verdict.targets],
        "notes": list(verdict.notes),
    }


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "n": side.n, "mean": side.mean, "sd": side.sd, "lacking": side.lacking, "spoiled": side.spoiled}


def _settings(specs: Sequence[Spec]) -> dict[str, Any]:
    """What all specs share, and the values of what differs among them."""
    keys = list(dict.fromkeys(key for spec in specs for key in spec))
    values = {key: list({json.dumps(spec.get(key), sort_keys=True): spec.get(key) for spec in specs}.values()) for key in keys}
    return {
        "shared": {key: found[0] for key, found in values.items() if len(found) == 1},
        "varied": {key: found for key, found in values.items() if len(found) > 1},
    }


def _missing(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """What is not to be had, once for all the trials that wait for it."""
    found: dict[str, dict[str, Any]] = {}
    for failure in failures:
        if failure.missing:
            reason = failure.error.partition(": ")[2] or failure.error
            what = ", ".join(str(failure.spec[key]) for key in ("data", "model") if failure.spec.get(key) is not None)
            entry = found.setdefault(f"{what}: {reason}", {"what": what, "reason": reason, "remedy": failure.remedy, "n_trials": 0})
            entry["n_trials"] += 1
    return list(found.values())


def _trial(trial: Trial) -> dict[str, Any]:
    """Spec, provenance and the figures of a trial; long series stay in its own file."""
    rows = [row for row in trial.rows if row.get("what", "summary") == "summary"]
    return {"spec": trial.spec, "seconds": trial.seconds, "device": trial.device, "created": trial.created, "rows": rows}
