"""Image files that are given to be translated: found, checked, and the names of their translations."""

from __future__ import annotations

import glob
import itertools
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganzoo.core import files, images
from ganzoo.errors import DataError, UsageError

NAMED = 10  # files in a message
LeftOut = dict[Path, DataError]  # images that cannot be used

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """Image file and the size of the upright image in its header."""

    path: Path
    width: int
    height: int

    def sides(self, longest: int | None) -> tuple[int, int]:
        """Return height and width after shrinking the longer side to `longest`; None keeps them."""
        if longest is None:
            return self.height, self.width
        return images.shrunk_size(self.height, self.width, longest)


def find(names: Sequence[str]) -> list[Path]:
    """Return the image files, each once, in the order given.

    Args:
      names: files, folders (all images directly in them, except hidden ones), and patterns such as `*.jpg`.

    Raises:
      UsageError: there are no names, a file is missing, a folder has no images, or a pattern matches nothing.
    """
    if not names:
        raise UsageError("no images given: name files, folders or patterns (ganzoo translate --model NAME photo.jpg)")
    once: dict[str, Path] = {}
    for path in (path for name in names for place in _expanded(name) for path in _images_of(place)):
        once.setdefault(os.path.abspath(path), path)
    return list(once.values())


def headers(paths: Sequence[Path], left_out: LeftOut | None = None) -> list[Picture]:
    """Read the headers of all files, to find invalid images before the long work.

    Args:
      paths: image files.
      left_out: receives unreadable files; without it they are refused.

    Raises:
      DataError: a file is unreadable, not an image or too large; with `left_out`, only if all are.
    """
    pictures, broken = [], {}
    for path in paths:
        try:
            found = images.header(path)
            pictures.append(Picture(path, found.width, found.height))
        except DataError as error:
            broken[path] = error
    leave_out(broken, left_out, len(paths))
    return pictures


def large_enough(
    pictures: Sequence[Picture], smallest: int, left_out: LeftOut | None, longest: int | None = None
) -> list[Picture]:
    """Return the images whose sides are at least `smallest` pixels.

    Args:
      left_out: receives the others; without it they are refused.
      longest: longer side to shrink to first; None keeps the sizes.

    Raises:
      DataError: an image is too small; with `left_out`, only if all are.
    """
    small = {}
    for picture in pictures:
        height, width = picture.sides(longest)
        if min(height, width) < smallest:
            shrunk = (height, width) != (picture.height, picture.width)
            became = f", {width}x{height} with --longest {longest}" if shrunk else ""
            mend = "leave --longest out or make it larger" if shrunk else "enlarge it with --size N"
            small[picture.path] = DataError(
                f"{picture.path}: expected at least {smallest}x{smallest} pixels, got {picture.width}x{picture.height}"
                f"{became}: remove it, {mend}"
            )
    leave_out(small, left_out, len(pictures))
    return [picture for picture in pictures if picture.path not in small]


def outputs(paths: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Return source -> PNG file of its translation: STEM.png, or STEM_1.png, STEM_2.png, … for equal stems.

    Numbers follow the order given; stems are compared without case, as on many file systems.

    Raises:
      UsageError: a source would be replaced.
    """
    count = Counter(path.stem.casefold() for path in paths)
    taken = {stem for stem, times in count.items() if times == 1}
    named = {}
    for path in paths:
        alone = count[path.stem.casefold()] == 1
        named[path] = folder / f"{path.stem if alone else _numbered(path.stem, taken)}.png"
    refuse_sources(paths, named.values())
    return named


def printable(name: str | os.PathLike[str]) -> str:
    """Return a file name as valid Unicode; undecodable bytes, which Linux allows, become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")


def leave_out(broken: LeftOut, left_out: LeftOut | None, of: int = 0) -> None:
    """Add broken images to those left out.

    Raises:
      DataError: there are some, and `left_out` is None; or all `of` images are broken.
    """
    if not broken:
        return
    first, *others = broken.values()
    if left_out is None:
        more = f" (one of {len(broken)}: {_named(broken)})" if others else ""
        raise DataError(f"{first}, or leave such files out with --skip_broken{more}") from first
    if len(broken) == of:
        raise DataError(f"{first} (none of the {of} images given can be used)") from first
    left_out |= broken


def report(left_out: LeftOut | None, folder: str | os.PathLike[str]) -> None:
    """Write the list of the images left out into a folder, and warn of them in one line."""
    if left_out is not None and not left_out:
        (Path(folder) / files.LEFT_OUT).unlink(missing_ok=True)  # that of an earlier call
    if left_out:
        listed = files.write_left_out(folder, map(str, left_out.values()))
        _log.warning(
            "left out %d image(s) that cannot be used: %s (reasons: %s)", len(left_out), _named(left_out), listed
        )


def _named(left_out: LeftOut) -> str:
    return ", ".join([*map(str, list(left_out)[:NAMED]), *["…"] * (len(left_out) > NAMED)])


def refuse_sources(paths: Sequence[Path], places: Iterable[Path]) -> None:
    """Refuse to write to a place that is one of the sources.

    Raises:
      UsageError: a source would be replaced.
    """
    sources = {_identity(path) for path in paths if path.exists()}
    for place in places:
        if place.exists() and _identity(place) in sources:
            raise UsageError(f"{place}: is one of the images given, and would be replaced (choose another place)")


def _expanded(name: str) -> list[Path]:
    """Expand the pattern in an argument, as not every shell does."""
    path = files.expanded(name)
    if path.exists():
        return [path]
    if not glob.has_magic(name):
        raise UsageError(f"{name}: no such file or folder (check the path)")
    found = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    if not found:
        raise UsageError(f"{name}: no file matches (check the pattern)")
    return found


def _images_of(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise UsageError(f"{place}: neither a file nor a folder (give image files)")
    try:
        listed = images.files_in(place, nested=False)
    except OSError as error:
        raise UsageError(f"{place}: cannot be read ({error.strerror}): check its permissions") from error
    others = images.counted(listed.passed_over)
    if not listed.files:
        but = f"; it has {others}" if others else ""
        raise UsageError(f"{place}: no images in it (looked for {images.EXAMPLES}; not in its subfolders{but})")
    if others:
        _log.warning("%s: passed over what is not an image: %s", place, others)
    return list(listed.files)


def _numbered(stem: str, taken: set[str]) -> str:
    """Return the first free name of STEM_1, STEM_2, …, and mark it as taken."""
    name = next(name for number in itertools.count(1) if (name := f"{stem}_{number}").casefold() not in taken)
    taken.add(name.casefold())
    return name


def _identity(path: Path) -> tuple[int, int]:
    """Return device and inode, equal for all names of one file (links, letter case)."""
    status = path.stat()
    return status.st_dev, status.st_ino
