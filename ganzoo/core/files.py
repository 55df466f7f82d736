"""Files that are written whole or not at all, and the folder of those that can be had again."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ganzoo.errors import RunError


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file under a temporary name beside its place and renames it: a kill leaves no half file.

    Args:
      path: the file; its folder is made, an older file of that name is replaced.
      data: the content.

    Raises:
      RunError: it cannot be written (no permission, disk full, …); an older file is left as it was.
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Finds out before a long work whether its result can be written; the file is not touched, its folder is made.

    Raises:
      RunError: it cannot.
    """
    path = Path(path)
    if path.is_dir():
        raise RunError(f"{path}: is a folder, not a file: give a file's name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = temporary_beside(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(path, error) from error


def temporary_beside(path: Path) -> Path:
    """A new name in a file's folder, under which it is made before it gets its own."""
    return path.parent / f".ganzoo-{secrets.token_hex(8)}.tmp"


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a UTF-8 file; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def cannot_write(path: str | os.PathLike[str], error: Exception) -> RunError:
    """The error for a place that cannot be written, in one line."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return RunError(f"{path}: cannot be written ({reason}): make room or choose another place")


def cache_folder() -> Path:
    """Folder of downloads and prepared images: $GANZOO_HOME, else $XDG_CACHE_HOME/ganzoo, else ~/.cache/ganzoo.

    `GANZOO_CACHE` is the name that versions before 0.2 read; `GANZOO_HOME` goes first.
    """
    if own := os.environ.get("GANZOO_HOME") or os.environ.get("GANZOO_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ganzoo"


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until the disk has a file's content, or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
