"""What is said of the machine."""

import os
import subprocess
import sys

import numpy as np

from ganzoo.core import hardware


def test_cpu_and_cores():
    assert hardware.cpu_name()
    assert 1 <= hardware.cores() <= os.cpu_count()


def test_peak_memory_counts_what_was_given_back():
    before = hardware.peak_memory_gib()
    held = np.ones(2**28 // 8)  # 0.25 GiB
    del held
    assert hardware.peak_memory_gib() >= before


def test_a_child_does_not_start_at_its_parents_peak():
    held = np.ones(2**28 // 8)
    script = "from ganzoo.core.hardware import peak_memory_gib; print(peak_memory_gib())"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 0.001 < float(child.stdout) < 0.2 < held.nbytes / 2**30
