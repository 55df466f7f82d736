"""CPU features and process memory, with the standard library only."""

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
    """Return the CPU's instruction sets as Linux names them (`avx512_bf16`); empty on other systems."""
    return frozenset(_cpu_info().split())


def cpu_name() -> str:
    """Return the processor's name, as far as the system reports it."""
    names = [line.partition(":")[2].strip() for line in _cpu_info().splitlines() if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of logical CPUs available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_gib() -> float:
    """Return the peak resident memory of this process, in GiB.

    On Linux a child inherits its parent's peak in `ru_maxrss`; VmHWM belongs to the process alone.
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
    """Return the content of /proc/cpuinfo; empty on systems other than Linux."""
    try:
        return CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
