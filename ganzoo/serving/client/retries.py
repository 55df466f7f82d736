"""Asking a server until it answers: what is tried again, when, and for how long."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

from ganzoo.errors import ServerError

FIRST_WAIT = 0.25  # seconds; each further one is twice as long
LONGEST_WAIT = 8.0
LONGEST_MESSAGE = 400  # characters of a server's own words

Answer = TypeVar("Answer")


class AbsentError(ServerError):
    """There is no such model, or no such version of it, or not yet, or not any more."""


class AttemptError(Exception):
    """One try that failed.

    Attributes:
      message: one line.
      passing: another try may do better.
      absent: there is no such model, or not yet.
      wait: seconds that the server asks to wait before it is asked again.
    """

    def __init__(self, message: str, *, passing: bool = False, absent: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.message, self.passing, self.absent, self.wait = message, passing, absent, wait


class Call:
    """One call of the client: its requests share a version and a time limit, and each of them may be tried again.

    Args:
      address: for messages.
      version: of the model; None leaves it to the server.
      timeout: seconds for all of it.
      retries: of each request.
      note: told when something is tried again for the first time.
    """

    def __init__(
        self, address: str, version: int | None, timeout: float, retries: int, note: Callable[[str], None]
    ) -> None:
        self.version = version
        self._address, self._timeout, self._retries = address, timeout, retries
        self._note, self._noted = note, False
        self._end = time.monotonic() + timeout

    def ask(self, request: Callable[[float], Answer]) -> Answer:
        """Gives what a request gives, which is told how many seconds are left.

        It raises AttemptError, or TimeoutError when those seconds are over.

        Raises:
          AbsentError: what it asks for is not there.
          ServerError: it failed for good, as often as it may, or until the time was over.
        """
        last = None
        for failures in itertools.count():
            try:
                return request(self._left(last))
            except TimeoutError:
                raise self._late(last) from None
            except AttemptError as failure:
                last = failure
            if not last.passing or failures == self._retries:
                kind = AbsentError if last.absent else ServerError
                raise kind(f"{last.message} (tried {failures + 1} times)" if failures else last.message)
            wait = max(_backoff(failures), last.wait or 0.0)
            if wait >= self._left(last):
                raise self._late(last)
            if not self._noted:
                self._note(f"{last.message}; trying again (retries: {self._retries})")
                self._noted = True
            time.sleep(wait)
        raise AssertionError

    def _left(self, last: AttemptError | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._late(last)
        return left

    def _late(self, last: AttemptError | None) -> ServerError:
        why = f"; at last: {last.message}" if last else ""
        return ServerError(
            f"{self._address}: no answer within the time limit of {self._timeout:g} s (a longer one: timeout, "
            f"--timeout){why}"
        )


def one_line(message: str) -> str:
    """A server's own words that can be printed: TensorFlow's without the stack of nodes that follows them."""
    reason = re.search(r"assertion failed: (\[.*)", message)
    if reason:  # [what is wanted] [what is given]
        message = reason.group(1).strip().replace("] [", " ").removeprefix("[").removesuffix("]")
    message = message.partition("\n\t [[")[0]
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def _backoff(failures: int) -> float:
    """Seconds: exponential, and drawn from its upper half, so that clients do not come back all at once."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2**failures) * random.uniform(0.5, 1.0)
