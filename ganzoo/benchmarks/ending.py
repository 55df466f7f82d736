"""How a process ended, in words."""

from __future__ import annotations

LINES_OF_A_TAIL = 3


def described(code: int, printed: str, silent: str) -> str:
    """Return the way in which a process ended, and the last lines that it printed; `silent` stands for none."""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return f"{how} ({' | '.join(lines[-LINES_OF_A_TAIL:]) or silent})"
