"""What the machine is and can do, and the memory that a process took; standard library alone."""

from __future__ import annotations

import os
import platform
import resource
import sys
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


@cache
def cpu_flags() -> frozenset[str]:
    """The instruction sets of the CPU as Linux names them (`avx512_bf16`); none where it does not tell."""
    return frozenset(_cpu_info().split())


def cpu_name() -> str:
    """The processor's name, as well as the system tells it."""
    names = [line.partition(":")[2].strip() for line in _cpu_info().splitlines() if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def cores() -> int:
    """How many logical CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_gib() -> float:
    """The largest resident memory of this process so far, in GiB.

    Linux hands `ru_maxrss` on to a child process, which then starts at its parent's peak; VmHWM is the process's own.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        status = []
    own = [int(line.split()[1]) for line in status if line.startswith("VmHWM:")]
    if own:
        return round(own[0] / 2**20, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
    return round(peak / (2**30 if sys.platform == "darwin" else 2**20), 3)


def _cpu_info() -> str:
    """What Linux tells of the CPU; empty elsewhere."""
    try:
        return CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
