"""The checkout of ganzoo that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit() -> str | None:
    """Return the first 12 digits of the checkout's commit; None for an installed package, or without git."""
    top = Path(__file__).parents[2]
    if not (top / ".git").exists():
        return None
    try:
        found = subprocess.run(["git", "-C", top, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    except OSError:
        return None
    return found.stdout.strip() or None
