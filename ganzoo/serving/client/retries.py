"""Retries: which requests are sent again, when, and for how long."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

from ganzoo.errors import ServerError

FIRST_WAIT = 0.25  # seconds; doubles each time
LONGEST_WAIT = 8.0
LONGEST_MESSAGE = 400  # characters of a server's message

Answer = TypeVar("Answer")


class AbsentError(ServerError):
    """Missing model or version on the server."""


class AttemptError(Exception):
    """Failed attempt of a request.

    Attributes:
      message: One-line message.
      passing: Whether a retry may succeed.
      absent: Whether the model is not on the server.
      wait: Delay before a retry that the server requests, in seconds.
    """

    def __init__(self, message: str, *, passing: bool = False, absent: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.message, self.passing, self.absent, self.wait = message, passing, absent, wait


class Call:
    """Call of the client: requests that share a version and a time limit, with retries.

    Args:
      address: Address in messages.
      version: Version of the model; None is the server's choice.
      timeout: Time limit of the call in seconds.
      retries: Largest number of retries of a request.
      note: Function that receives a message at the first retry.
    """

    def __init__(
        self, address: str, version: int | None, timeout: float, retries: int, note: Callable[[str], None]
    ) -> None:
        self.version = version
        self._address, self._timeout, self._retries = address, timeout, retries
        self._note, self._noted = note, False
        self._end = time.monotonic() + timeout

    def ask(self, request: Callable[[float], Answer]) -> Answer:
        """Return the result of a request, after retries.

        Args:
          request: Function of the remaining seconds; raises AttemptError, or TimeoutError when they are over.

        Raises:
          AbsentError: The model is not on the server.
          ServerError: The request failed, as did its retries, or the time limit is over.
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
                raise kind(f"{last.message} (after {failures + 1} attempts)" if failures else last.message)
            wait = max(_backoff(failures), last.wait or 0.0)
            if wait >= self._left(last):
                raise self._late(last)
            if not self._noted:
                self._note(f"{last.message}; retrying (at most {self._retries})")
                self._noted = True
            time.sleep(wait)
        raise AssertionError

    def _left(self, last: AttemptError | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._late(last)
        return left

    def _late(self, last: AttemptError | None) -> ServerError:
        why = f"; last error: {last.message}" if last else ""
        return ServerError(
            f"{self._address}: no answer within {self._timeout:g} s (for a longer limit: timeout, --timeout){why}"
        )


def one_line(message: str) -> str:
    """Return a server's message as one printable line, without TensorFlow's stack of nodes."""
    reason = re.search(r"assertion failed: (\[.*)", message)
    if reason:  # [expected …, got] [value]
        message = reason.group(1).strip().replace("] [", " ").removeprefix("[").removesuffix("]")
    message = message.partition("\n\t [[")[0]
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def _backoff(failures: int) -> float:
    """Return a delay in seconds: exponential, with jitter so that clients do not retry all at once."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2**failures) * random.uniform(0.5, 1.0)
