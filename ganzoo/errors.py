"""Errors that a user can mend: each is one line that says what is wrong, where, and what to do.

The command lines print them as they are and exit with the error's code, 2 but for a lost worker; in Python they are
ordinary exceptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GanzooError(Exception):
    """Base of every error that ganzoo raises on purpose.

    Attributes:
      exit_code: of a command that ends with it.
    """

    exit_code = 2


class UsageError(GanzooError, ValueError):
    """A call or a command line that asks for something impossible (`n=0`, a label out of range)."""


class ConfigError(GanzooError, ValueError):
    """A config or an override that is not valid; the message starts with file and key."""


class DataError(GanzooError, ValueError):
    """A data set that is unknown, missing, empty or broken."""


class WeightsError(GanzooError):
    """Weights that are absent, damaged or made for other networks."""


class RunError(GanzooError):
    """A work directory that cannot be written, or that belongs to another config."""


class ServerError(GanzooError):
    """A server that is not there, refuses, fails, or answers something else than it was asked."""


class WorkerLostError(GanzooError):
    """Another worker of the training is gone: nothing is wrong here, and the same command goes on."""

    exit_code = 75  # "try again" in sysexits.h; a job that gives up at wrong use does not give up at this


def did_you_mean(name: str, valid: Iterable[str], before: str = "", after: str = "") -> str:
    """` (did you mean 'x'?)` for the closest valid name, or the list of them where none is close.

    Args:
      name: what was given; the initials of a name are close to it, too (`lr` to `learning_rate`).
      valid: the names that would have been right.
      before, after: what stands around the name (`training.`), for the answer.
    """
    options = sorted(set(valid))
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    close += [option for option in options if name == "".join(word[:1] for word in option.split("_"))]
    if close:
        return f" (did you mean '{before}{close[0]}{after}'?)"
    return f" (known: {', '.join(options)})" if options else ""
