"""Whether a download has a chance, found out in a second: data set builders retry for minutes before they say so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

# A host that does not take a connection by then is not there; one that does may take its time to answer.
CONNECT_SECONDS = 1.2
ANSWER_SECONDS = 10.0

_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


def unreachable(url: str) -> str | None:
    """Why a URL cannot be downloaded, or None if it answers.

    Honours the proxies of the environment, as the download itself will. Never takes longer than the two limits, even
    where name servers do not answer.
    """
    proxy = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    first = urlsplit(proxy if proxy and "://" in proxy else f"http://{proxy}" if proxy else url)
    host, port = first.hostname or "", first.port or _PORTS.get(first.scheme, 1080)
    try:
        _within(CONNECT_SECONDS, lambda: socket.create_connection((host, port), CONNECT_SECONDS).close())
        status = _within(ANSWER_SECONDS, lambda: _status(url))
    except (OSError, ValueError) as error:
        reason = "no answer" if isinstance(error, TimeoutError) else _innermost(error)
        return f"no connection to {host}:{port}: {reason}"
    return f"{urlsplit(url).hostname} answers with HTTP status {status}" if status >= 400 else None


def _status(url: str) -> int:
    with requests.get(url, stream=True, timeout=(ANSWER_SECONDS, ANSWER_SECONDS)) as response:
        return response.status_code


def _within(seconds: float, call: Callable[[], T]) -> T:
    """The call's result, or TimeoutError; a call that hangs is left behind in its thread."""
    results: list[T] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]


def _innermost(error: BaseException) -> str:
    """The words of the operating system inside a chain of exceptions, on one line."""
    while error.__context__ is not None:
        error = error.__context__
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
