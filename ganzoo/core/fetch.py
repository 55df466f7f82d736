"""Download of large files into the cache, verified by SHA-256."""

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

# Seconds to connect, and to wait for the next bytes.
_TIMEOUT = (5.0, 30.0)

_BLOCK = 1 << 20

# Files of more bytes report their progress on stderr.
_LARGE = 10_000_000


def fetch(url: str, sha256: str, name: str, mend: str) -> Path:
    """Return the path of a file in the cache folder `weights`; download it if it is missing or has another hash.

    The download gets its final name only after its hash is verified.

    Args:
      url: http(s) URL; redirections are followed.
      sha256: expected SHA-256, 64 hexadecimal digits.
      name: file name in the cache.
      mend: alternative for the user, to complete a sentence after "or".

    Raises:
      WeightsError: if the download fails. The message names the reason, the URL, the path and the alternative. If
        the host does not answer, the error comes within two seconds.
    """
    path = cache_folder() / "weights" / name
    damaged = path.is_file()
    if damaged and weights.sha256(path) == sha256:
        return path
    reason = unreachable(url) or _download(url, sha256, path)
    if reason is None:
        return path
    state = "has a wrong SHA-256" if damaged else "not found"
    raise WeightsError(
        f"{path}: {state}, and the download failed ({reason}): fetch {url} on another machine and save it under that "
        f"path (SHA-256 {sha256}), or {mend}"
    )


def _download(url: str, sha256: str, path: Path) -> str | None:
    """Download the file to `path`; return the reason if that fails."""
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
                return f"expected SHA-256 {sha256[:12]}…, got {digest.hexdigest()[:12]}…"
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except requests.RequestException as error:  # an OSError too
        return " ".join(str(error).split()) or type(error).__name__
    except OSError as error:
        return f"{path.parent} cannot be written: {error.strerror or error}: make room or set GANZOO_HOME"
    return None


def _blocks(url: str, name: str) -> Iterator[bytes]:
    """Yield the content of a URL; report large files on stderr: a percentage on a terminal, otherwise one line."""
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
