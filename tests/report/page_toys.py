"""The four pages of the project, written from toys."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from report_toys import make_simulation
from rivals_toys import MF, make_found

FINDING = {"name": "ours", "mean": 24.5, "sd": 0.707, "n": 2, "lacking": 0, "spoiled": ""}


def write_pages(folder: Path) -> dict[str, Path]:
    """Returns name -> path of a page of a run, a simulation, the rivals, and the paper's experiments."""
    from r2u_bench.paper import pages as paper
    from r2u_bench.rivals import page as rivals

    from r2u_rec.report.page import write_page
    from r2u_rec.report.simulation.page import write_simulation_page

    records = [record(name, outcome) for name, outcome in (("fig3", "agrees"), ("fig4", "does not agree"))]
    (folder / "fig3.svg").write_text('<svg viewBox="0 0 403 200"><path fill="#0067a5" d="M0 0h403v200z"/></svg>')
    return {
        "run": write_page(_run_toys().make_result(), folder / "run.html"),
        "simulation": write_simulation_page(make_simulation(seeds=(1,)), folder / "simulation.html"),
        "rivals": rivals.write_page(make_found({"mf": MF}), folder / "rivals.html", command="r2u bench rivals --dataset toy"),
        "paper": paper.write_page(records, folder, folder / "paper.html"),
    }


def record(name: str, outcome: str) -> dict[str, object]:
    """What `record.read_record` gives of an experiment with one claim."""
    tests = {"kind": "paired t", "n": 2, "one_tailed": 2.3e-15, "two_sided": 4.6e-15, "difference": -96.0}
    finding = {"settings": "repaired", "side": FINDING, "outcome": outcome, "why": "It is less (-96 against standard).", "tests": tests}
    claim = {"statement": "Fewer steps", "paper": "p < 1e-17, 10 trials", "unit": "steps", "against": FINDING, "findings": [finding]}
    return {
        "name": name,
        "question": "How fast is a class forgotten?",
        "in_paper": True,
        "paper_says": "Prepared models forget fastest.",
        "caption": "Steps by arm.",
        "trouble": "",
        "trials": {"a": {}, "b": {}},
        "n_planned": 2,
        "seeds": [0, 1],
        "verdict": {
            "claims": [claim],
            "excluded": [{"name": "noisy", "figure": "steps", "mean": 3.0, "sd": None, "n": 2, "standard": 120.0}],
            "targets": [{"statement": "at most 30 steps", "measured": "24.5", "reached": True}],
        },
        "notes": ["Means over two trials."],
        "missing": [{"what": "cifar", "n_trials": 2, "reason": "no source gives it", "remedy": "see `r2u datasets`"}],
        "failures": [],
        "command": f"r2u bench paper --preset small {name}",
        "settings": {"preset": "small", "shared": {"lr": 0.1}, "varied": {"arm": ["standard", "repaired"]}},
        "versions": {"python": "3.11"},
        "machine": {"cores": 2},
    }


def _run_toys() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_toys", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
