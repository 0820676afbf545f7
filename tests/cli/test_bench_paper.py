"""r2u bench paper: names, exit status, messages, Ctrl-C, and a start that costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

TOYS = Path(__file__).parents[1] / "r2u_bench" / "paper"
SLOW = """
import time
from dataclasses import replace
from paper_toys import TOY, spec
planned = [spec("standard", seed, sleep=60 * (seed > 1), pids="{folder}") for seed in range(4)]
SLOW = replace(TOY, name="slow", plan=lambda preset: planned)
"""


@pytest.fixture
def paper(r2u, tmp_path, monkeypatch):
    """`paper("paper_toys:TOY")` runs it into a folder of the test, on a preset of two trials."""
    monkeypatch.syspath_prepend(str(TOYS))
    (tmp_path / "small.yaml").write_text("experiments: {}\n")
    flags = ["--preset", tmp_path / "small.yaml", "--trials", 2, "--jobs", 1, "--out", tmp_path / "out"]
    return lambda *argv: r2u("bench", "paper", *argv, *flags)


def test_an_experiment_is_run_and_its_verdict_and_page_are_told(paper, tmp_path):
    said = paper("paper_toys:TOY", "--page")
    assert said.status == 0
    assert said.out.splitlines() == [
        "toy: of 1 claim: with the repaired settings 1 agrees.",
        f"     {tmp_path / 'out' / 'toy.html'}",
        f"page: {tmp_path / 'out' / 'index.html'}",
    ]
    assert said.err.splitlines()[0].startswith("[1/4] run toy standard seed 0: ")
    assert paper("paper_toys:TOY", "--list").out.splitlines() == ["toy             4 of    4 trials stored  Steps of toys"]
    assert paper("--page").out == f"page: {tmp_path / 'out' / 'index.html'}\n"


def test_a_failed_trial_makes_the_status_1_and_is_told_with_its_remedy_while_others_are_drawn(paper, tmp_path):
    said = paper("paper_toys:FAILING", "paper_toys:NOWHERE", "paper_toys:TOY")
    assert said.status == 1
    assert "r2u: run toy standard seed 1 failed: ValueError: lr must be positive, got -1: raise it\n     the traceback is in" in said.err
    assert "nowhere: not drawn: nowhere is not to be had here." in said.out
    assert (tmp_path / "out" / "toy.png").is_file()


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        ([], 2, "name an experiment, such as fig3, or all; r2u bench paper --list shows them"),
        (["no-such"], 1, "unknown experiment 'no-such'"),
        (["paper_toys:run"], 1, "paper_toys:run is a function, not an Experiment"),
        (["paper_toys:GONE"], 1, "the experiment paper_toys:GONE is not there: paper_toys has no GONE"),
        (["all", "--thread", "2"], 2, "unknown flag --thread; did you mean '--threads'?"),
        (["--page"], 1, "holds no experiment yet"),
        (["paper_toys:TOY", "--threads", "0"], 1, "jobs and threads must be at least 1, got 1 and 0"),
    ],
)
def test_a_mistake_is_told_in_one_line(paper, argv, status, said):
    got = paper(*argv)
    assert got.status == status
    assert said in got.err


def test_an_unknown_preset_suggests_the_nearest(r2u):
    said = r2u("bench", "paper", "all", "--preset", "quik")
    assert (said.status, said.err) == (1, "r2u: unknown preset 'quik'; did you mean 'quick'? there are quick, full, or name a .yaml file\n")


def test_the_paper_is_one_benchmark_among_others(r2u):
    assert "`paper` repeats" in r2u("bench", "--help").out
    assert "did you mean 'paper'?" in r2u("bench", "papr").err
    assert {"paper", "rivals", "forgetting"} <= {line.split()[0] for line in r2u("bench", "--list").out.splitlines()}


def test_help_imports_nothing_heavy():
    show = "print(sorted({'torch', 'pandas', 'numpy', 'matplotlib', 'rich'} & set(sys.modules)))"
    code = f"import sys; from r2u_rec.cli.main import main; main(['bench', 'paper', '--help']); {show}"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.startswith("usage: r2u bench paper [flags]")
    assert said.endswith("[]\n")


def test_ctrl_c_keeps_what_has_finished_and_leaves_no_process(tmp_path):
    (tmp_path / "slow_toys.py").write_text(SLOW.replace("{folder}", str(tmp_path / "pids")))
    (tmp_path / "pids").mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(TOYS), *sys.path])}
    command = [sys.executable, "-m", "r2u_rec.cli.main", "bench", "paper", "slow_toys:SLOW", "--jobs", "2", "--out", str(tmp_path / "out")]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job is born deaf to it
    running = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    lines = [running.stderr.readline() for _ in range(2)]
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to parent and workers alike
    rest = running.communicate(timeout=120)[1]
    assert running.returncode == 130
    assert {line.split("]")[0] for line in lines} == {"[1/4", "[2/4"}
    assert rest == f"r2u: stopped; 2 of 4 trials are kept in {tmp_path / 'out'}: the same command goes on from there\n"
    pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert len(list((tmp_path / "out" / "trials").glob("*.json"))) == 2
