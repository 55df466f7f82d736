"""Whether a download has a chance, found out in 1.2 seconds: data set builders retry for minutes before they say so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy

# For all of it: name, connection, encryption, first line. One lost packet is sent again after a second.
SECONDS = 1.2

_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


def unreachable(url: str) -> str | None:
    """Why a URL cannot be downloaded, or None if it answers.

    Honours the proxies of the environment, as the download itself will. Never takes longer than `SECONDS`, even where
    name servers do not answer. A redirection is an answer: where it leads is not looked at.
    """
    proxy = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    first = urlsplit(proxy if proxy and "://" in proxy else f"http://{proxy}" if proxy else url)
    host, port = first.hostname or "", first.port or _PORTS.get(first.scheme, 1080)
    try:
        status = _within(SECONDS, lambda: _status(url))
    except (TimeoutError, requests.Timeout):
        return f"no answer from {host}:{port} within {SECONDS} s"
    except (OSError, ValueError) as error:
        return f"no connection to {host}:{port}: {_innermost(error)}"
    return f"{urlsplit(url).hostname} answers with HTTP status {status}" if status >= 400 else None


def _status(url: str) -> int:
    with requests.get(url, stream=True, timeout=SECONDS, allow_redirects=False) as response:
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
