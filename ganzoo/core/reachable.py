"""Check in 1.2 seconds that a host answers; data set builders retry for minutes before they fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

# For the whole check: name, connection, encryption, first line. A lost packet is sent again after one second.
SECONDS = 1.2

_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


def unreachable(url: str) -> str | None:
    """Return why a URL cannot be downloaded, or None if it answers.

    Uses the proxies of the environment, as the download does. Never takes longer than `SECONDS`, even if name servers
    do not answer. A redirection counts as an answer; its target is not checked.
    """
    import requests  # takes a tenth of a second, which most commands do not need
    from requests.utils import get_environ_proxies, select_proxy

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
    import requests

    with requests.get(url, stream=True, timeout=SECONDS, allow_redirects=False) as response:
        return response.status_code


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Return the call's result or raise TimeoutError; a call that hangs stays in its daemon thread."""
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
    """Return the operating system's message inside a chain of exceptions, on one line."""
    while error.__context__ is not None:
        error = error.__context__
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
