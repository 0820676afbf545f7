"""Cost of an action."""

import subprocess
import sys
import time

import pytest

from r2u_rec.evaluate.cost import measured


def test_an_action_is_timed_and_its_result_handed_on():
    result, cost = measured(lambda: time.sleep(0.05) or "done")
    assert result == "done"
    assert 0.05 <= cost.seconds < 1
    assert cost.cpu_seconds < cost.seconds


def test_the_peak_rises_by_what_the_action_holds():
    program = """
import numpy as np
from r2u_rec.evaluate.cost import measured
print(measured(lambda: np.ones(25_000_000).sum())[1].peak_bytes, measured(lambda: np.ones(1000).sum())[1].peak_bytes)
"""  # in a process of its own: an earlier peak would hide this one
    large, small = map(int, subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split())
    assert 150e6 < large < 300e6  # 25 million float64 are 200 MB
    assert small < 10e6


def test_bytes_read_are_counted_where_the_system_counts_them(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(bytes(3_000_000))
    _, cost = measured(file.read_bytes)
    if cost.bytes_read is None:
        pytest.skip("this system does not count the bytes that a process reads")
    assert 3_000_000 <= cost.bytes_read < 3_200_000


def test_a_failure_passes_through():
    with pytest.raises(ZeroDivisionError):
        measured(lambda: 1 / 0)
