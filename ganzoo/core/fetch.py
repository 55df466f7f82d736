"""Files that are too large for the package: fetched by URL into the cache, and used only with the right SHA-256."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import requests

from ganzoo.core import weights
from ganzoo.core.files import cache_folder, temporary_beside
from ganzoo.core.reachable import unreachable
from ganzoo.errors import WeightsError

# Seconds to connect, and for the server to send the next bytes.
_TIMEOUT = (5.0, 30.0)

_BLOCK = 1 << 20

# A file of more bytes than this is told of on stderr while it comes.
_LARGE = 10_000_000


def fetch(url: str, sha256: str, name: str, mend: str) -> Path:
    """The file of that name in the cache's folder `weights`, downloaded if it is not there or has another hash.

    It comes under a temporary name, which it loses once its hash is right, so that nothing else is ever found there.

    Args:
      url: http(s); redirections are followed.
      sha256: of the file, as 64 hexadecimal digits.
      name: of the file in the cache.
      mend: what else the user can do, as the end of a sentence that starts with "or".

    Raises:
      WeightsError: it cannot be had: one line that names the reason, the URL, where the file belongs, and the mend.
        Where nothing answers, this takes two seconds at most.
    """
    path = cache_folder() / "weights" / name
    damaged = path.is_file()
    if damaged and weights.sha256(path) == sha256:
        return path
    reason = unreachable(url) or _download(url, sha256, path)
    if reason is None:
        return path
    state = "has another SHA-256 than expected" if damaged else "is not there"
    raise WeightsError(
        f"{path}: {state} and cannot be downloaded ({reason}): fetch {url} elsewhere and put it there under that name "
        f"(SHA-256 {sha256}), or {mend}"
    )


def _download(url: str, sha256: str, path: Path) -> str | None:
    """Puts the file in its place, or says why it could not."""
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            digest = hashlib.sha256()
            with temporary.open("wb") as file:
                for block in _blocks(url, path.name):
                    digest.update(block)
                    file.write(block)
            if digest.hexdigest() != sha256:
                return f"what comes from there has SHA-256 {digest.hexdigest()[:12]}…, {sha256[:12]}… expected"
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except requests.RequestException as error:  # an OSError too
        return " ".join(str(error).split()) or type(error).__name__
    except OSError as error:
        return f"{path.parent} cannot be written: {error.strerror or error}: make room or set GANZOO_HOME"
    return None


def _blocks(url: str, name: str) -> Iterator[bytes]:
    """The content of a URL, told of on stderr where it is large: with a percentage on a terminal, else one line."""
    with requests.get(url, stream=True, timeout=_TIMEOUT) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0))
        told = total > _LARGE
        live = told and sys.stderr.isatty()
        if told:
            print(f"fetching {name} ({total / 1e6:.0f} MB)", end="" if live else "\n", file=sys.stderr, flush=True)
        received = 0
        for block in response.iter_content(_BLOCK):
            received += len(block)
            if live:
                print(f"\rfetching {name}: {received / total:.0%} of {total / 1e6:.0f} MB", end="", file=sys.stderr)
            yield block
        if live:
            print(file=sys.stderr)
