"""The entry point: overview, errors without a traceback, exit status, and what --help costs."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from r2u_rec.cli.main import VERBS, overview
from r2u_rec.cli.verb_bench import benchmarks


def test_the_overview_names_every_verb_and_no_arguments_print_it(r2u):
    assert all(f"  {verb} " in overview() for verb in VERBS)
    assert r2u() == r2u("--help") == (0, overview() + "\n", "")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(r2u, verb):
    said = r2u(verb, "--help")
    assert said.status == 0
    assert said.out.startswith(f"usage: r2u {verb}")


def test_an_unknown_verb_suggests_the_nearest(r2u):
    assert r2u("trian") == (2, "", f"r2u: unknown verb 'trian'; did you mean 'train'? there are {', '.join(VERBS)}\n")


def test_a_wrong_flag_exits_with_2_and_points_to_the_help(r2u):
    assert r2u("train", "--model.nam", "mf") == (
        2,
        "",
        "r2u: unknown flag --model.nam; did you mean '--model.name'?\n     see r2u train --help\n",
    )


def test_an_error_of_the_package_exits_with_1_in_one_line(r2u, tmp_path):
    said = r2u("score", f"--data.path={tmp_path / 'none.csv'}")
    assert said.status == 1
    assert said.err.startswith("r2u: ")
    assert said.err.count("\n") == 1


def test_debug_raises_the_error_with_its_traceback(r2u, tmp_path):
    with pytest.raises(Exception, match=r"none\.csv"):
        r2u("score", f"--data.path={tmp_path / 'none.csv'}", "--debug")


def test_the_version_is_printed(r2u):
    assert r2u("--version").out.startswith("r2u 0.")


def processor_seconds(*argv: str) -> float:
    """Returns the processor time of one start, which a busy machine does not stretch as it does wall time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "r2u_rec.cli.main", *argv, "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("verb", ["", "run", "bench"])
def test_help_takes_less_than_half_a_second(verb):
    assert min(processor_seconds(*verb.split()) for _ in range(2)) < 0.5


@pytest.mark.parametrize("verb", VERBS)
def test_help_imports_nothing_heavy(verb):
    show = "print(sorted({'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules)))"
    code = f"import sys; from r2u_rec.cli.main import main; main(['{verb}', '--help']); {show}"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.endswith("[]\n")


def test_the_data_sets_are_listed_and_described(r2u):
    listed = r2u("datasets").out
    assert "ml-100k" in listed
    assert "1,682" in listed
    assert "licence: " in r2u("datasets", "ml-100k").out


def test_an_unknown_data_set_suggests_the_nearest(r2u):
    said = r2u("datasets", "ml-100")
    assert said.status == 1
    assert "did you mean 'ml-100k'?" in said.err


def test_fetching_needs_a_name(r2u):
    assert "name the data set to fetch" in r2u("datasets", "--fetch").err


def test_an_unknown_benchmark_suggests_the_nearest(r2u):
    said = r2u("bench", "reference_qualty")
    assert said.status == 2
    assert "did you mean 'reference_quality'?" in said.err


def test_every_listed_benchmark_says_what_it_measures(r2u):
    lines = r2u("bench", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(benchmarks())
    assert all(len(line.split()) > 3 for line in lines)
