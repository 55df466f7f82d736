"""Image files of folders, and what else is in them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# What Pillow registers for `decoding.FORMATS`.
SUFFIXES = (
    *(".apng", ".avif", ".avifs", ".bmp", ".bw", ".dib", ".gif", ".icb", ".ico", ".j2c", ".j2k", ".jfif", ".jp2"),
    *(".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pfm", ".pgm", ".png", ".pnm"),
    *(".ppm", ".qoi", ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp"),
)
EXAMPLES = ".jpg, .png, .tif, .webp and others"  # for messages
SUBFOLDERS = "subfolders"  # reason to pass over a folder


@dataclass(frozen=True)
class Listing:
    """Files in a folder.

    Attributes:
      files: image files, sorted.
      passed_over: one reason for each other file, and for each folder that was not entered.
      folders: subfolders that were not entered because `nested` is not set, sorted; without hidden ones.
    """

    files: tuple[Path, ...]
    passed_over: tuple[str, ...]
    folders: tuple[Path, ...] = ()


def files_in(folder: Path, nested: bool = True) -> Listing:
    """Find the image files in a folder by their suffixes.

    Args:
      folder: the folder; links to files and folders are followed, each folder is entered once.
      nested: look into its subfolders too.

    Raises:
      OSError: if the folder itself cannot be read.
    """
    files: list[Path] = []
    passed_over: list[str] = []
    folders: list[Path] = []
    for path in _walk(folder, None if nested else folders, {_identity(folder)}, passed_over):
        if reason := _reason(path):
            passed_over.append(reason)
        else:
            files.append(path)
    return Listing(tuple(sorted(files)), tuple(passed_over), tuple(sorted(folders)))


def counted(passed_over: Iterable[str]) -> str:
    """Return the number of files for each reason: `3 .txt, 1 hidden`; empty if there are none."""
    return ", ".join(f"{count} {reason}" for reason, count in Counter(passed_over).most_common())


def _walk(
    folder: Path, folders: list[Path] | None, seen: set[tuple[int, int]], passed_over: list[str]
) -> Iterator[Path]:
    """Yield the files in a folder; enter its subfolders, or collect them in `folders`."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            passed_over.append("hidden")
        elif not path.is_dir():
            yield path
        elif folders is not None:
            folders.append(path)
            passed_over.append(SUBFOLDERS)
        elif (identity := _identity(path)) in seen:
            passed_over.append("linked twice")
        else:
            seen.add(identity)
            try:
                yield from _walk(path, None, seen, passed_over)
            except PermissionError:
                passed_over.append("unreadable")


def _reason(path: Path) -> str:
    """Return why a file is not taken; empty if it is."""
    if path.suffix.lower() not in SUFFIXES:
        return path.suffix.lower() or "without suffix"
    return "" if path.is_file() else "not a file" if path.exists() else "broken links"


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
