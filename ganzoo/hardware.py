"""What the processor can do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


@cache
def cpu_flags() -> frozenset[str]:
    """The instruction sets of the CPU as Linux names them (`avx512_bf16`); none where it does not tell."""
    try:
        return frozenset(CPU_INFO.read_text(encoding="utf-8").split())
    except OSError:
        return frozenset()
