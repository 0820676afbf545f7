"""Trials that end at once, and experiments over them whose outcome is known."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side

from r2u_rec.errors import DownloadError
from r2u_rec.trials.store import Trial

STEPS = {"standard": 120, "repaired": 24}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


def run(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Steps that rise with the seed, and a short curve. A log, or the numbers of its processes, tell what was run."""
    if spec["data"] == "nowhere":
        if spec.get("log"):
            with Path(spec["log"]).open("a") as log:
                log.write("looked for it\n")
        raise DownloadError("nowhere: no source gives it: name its folder")
    if spec.get("error"):
        raise ValueError("lr must be positive, got -1: raise it")
    if spec.get("dies"):
        os._exit(9)
    if spec.get("pids"):
        (Path(spec["pids"]) / str(os.getpid())).touch()
    time.sleep(spec.get("sleep", 0))
    if spec.get("log"):
        with Path(spec["log"]).open("a") as log:
            log.write(f"{spec['arm']} {spec['seed']}\n")
    facts = {"device_seen": spec["device"], "threads_seen": os.environ["OMP_NUM_THREADS"]}
    curve = [{"what": "curve", "step": step, "accuracy": 1 - step / 10} for step in range(3)]
    return [{"what": "summary", "steps": STEPS[spec["arm"]] + spec["seed"] % 3, **facts}, *curve]


def slow(spec: dict[str, Any], progress: Any) -> list[dict[str, Any]]:
    """Tells how far it is, more often than anybody wants to hear."""
    for step in range(40):
        progress(step / 40)
        time.sleep(0.05)
    return [{"what": "summary", "steps": 40}]


def nothing(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Measures nothing."""
    return []


def spec(arm: str = "repaired", seed: int = 0, data: str = "toy", **more: Any) -> dict[str, Any]:
    """A spec of `run`."""
    return {"kind": "paper_toys:run", "data": data, "arm": arm, "seed": seed, **more}


def plan(preset: Preset) -> list[dict[str, Any]]:
    own = preset.section("image", "toy")
    return [spec(arm, seed, **own) for seed in preset.seeds("toy") for arm in STEPS]


def judge(rows: Any) -> Verdict:
    ends = [row for row in rows if row["what"] == "summary"]
    standard, repaired = (side(arm, ends, "steps", arm=arm) for arm in STEPS)
    return Verdict(
        (claim("Fewer steps", paper="fewer", unit="steps", repaired=replace(repaired, name="ours"), against=standard, better="less"),)
    )


def draw(rows: Any, path: Path) -> None:
    """The smallest picture there is; the real ones are drawn in test_pictures."""
    path.with_name(path.name + ".png").write_bytes(PIXEL)
    path.with_name(path.name + ".svg").write_text('<svg viewBox="0 0 403 200"><path fill="#0067a5"/></svg>')


def broken(rows: Any, path: Path) -> None:
    """Fails with half of its picture written."""
    path.with_name(path.name + ".png").write_bytes(PIXEL)
    raise KeyError("the column that I wanted")


TOY = Experiment("toy", "Steps of toys", "Steps by arm.", "Fewer steps.", plan, judge, draw)
UNDRAWN = replace(TOY, name="undrawn", draw=broken)
NOWHERE = replace(
    TOY, name="nowhere", plan=lambda preset: [spec(data="nowhere", seed=seed) for seed in preset.seeds("toy")], in_paper=False
)
FAILING = replace(TOY, name="failing", plan=lambda preset: [spec(seed=0), spec("standard", error=True, seed=1)])
PRESET = Preset("small", {}, {"toy": {"trials": 2}})


def trial(given: dict[str, Any], seconds: float = 1.0, **figures: Any) -> Trial:
    """A finished trial with one row."""
    return Trial(given, 1, [{"what": "summary", **figures}], seconds, "cpu", {}, {}, "")
