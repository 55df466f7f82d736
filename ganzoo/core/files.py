"""Atomic writes, the list of files left out, and the cache folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from ganzoo.errors import RunError

LEFT_OUT = "left_out.txt"


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file atomically: under a temporary name, then renamed. A kill leaves no partial file.

    Args:
      path: the file; its folder is created, an existing file is replaced.
      data: the content.

    Raises:
      RunError: if it cannot be written (no permission, disk full, …). An existing file is left unchanged.
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
    """Check before long work that its result can be written: create the folder, do not touch the file.

    Raises:
      RunError: if it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise RunError(f"{path}: expected a file, got a folder (give a file name)")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = temporary_beside(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(path, error) from error


def temporary_beside(path: Path) -> Path:
    """Return a new temporary name in the folder of `path`."""
    return path.parent / f".ganzoo-{secrets.token_hex(8)}.tmp"


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file; see `write_bytes`. Bytes of file names that are no text are escaped, as JSON reads them."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def remove(path: Path) -> None:
    """Remove a file; leave a folder of that name alone."""
    if not path.is_dir():
        path.unlink(missing_ok=True)


def write_left_out(folder: str | os.PathLike[str], lines: Iterable[str]) -> Path:
    """Write `left_out.txt`, a line for each file left out; return its path.

    Args:
      folder: folder of the list.
      lines: path and reason of each file; bytes of a path that are no text become question marks.
    """
    path = Path(folder) / LEFT_OUT
    text = "".join(" ".join(line.splitlines()) + "\n" for line in lines)
    write_bytes(path, text.encode("utf-8", "replace"))
    return path


def cannot_write(path: str | os.PathLike[str], error: Exception) -> RunError:
    """Return the one-line error for a path that cannot be written."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return RunError(f"{path}: cannot be written ({reason}): make room or choose another place")


def cache_folder() -> Path:
    """Return the cache folder: $GANZOO_HOME, else $XDG_CACHE_HOME/ganzoo, else ~/.cache/ganzoo.

    `GANZOO_CACHE`, the name before version 0.2, is read if `GANZOO_HOME` is not set.

    Raises:
      RunError: there is no home directory.
    """
    if own := os.environ.get("GANZOO_HOME") or os.environ.get("GANZOO_CACHE"):
        return expanded(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ganzoo"
    except RuntimeError:  # neither HOME nor an entry for this user
        raise RunError("GANZOO_HOME: expected a folder for caches, as this user has no home (set it)") from None


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with its `~` or `~user` as a folder, and as it is if there is no such home: `~photo.jpg`."""
    return Path(os.path.expanduser(path))  # `Path.expanduser` raises RuntimeError then


def sync(path: str | os.PathLike[str]) -> None:
    """Flush a file's content, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
