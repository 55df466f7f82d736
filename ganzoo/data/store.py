"""Prepared images: decoded and resized once into one uint8 array on disk with random access."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from ganzoo.core import files
from ganzoo.core.files import cache_folder

# Part of every key: stores made by other code, or by a Pillow that may decode differently, are rebuilt.
FORMAT = 4


@dataclass(frozen=True)
class LeftOut:
    """A skipped image: its name and the reason."""

    name: str
    reason: str


# An image (uint8 `[H, W, C]`) with its label, or a skipped one.
Item = tuple[np.ndarray, int] | LeftOut


@dataclass(frozen=True)
class Prepared:
    """Result of `prepare`.

    Attributes:
      images: uint8 `[N, H, W, C]`: a read-only `np.memmap`, or an array in memory if the cache cannot be written.
      labels: int32 `[N]`.
      left_out: name of each skipped image -> reason.
    """

    images: np.ndarray
    labels: np.ndarray
    left_out: dict[str, str]


def prepare(
    key: Any,
    count: int,
    example_shape: tuple[int, int, int],
    items: Callable[[], Iterable[Item]],
    anew: bool = False,
) -> Prepared:
    """Return images from the cache, or build them and cache them.

    Args:
      key: JSON-serialisable identity of the content.
      count: number of items, >= 1.
      example_shape: `(H, W, C)` of every image.
      items: returns a new iterable of the items, in order, at each call; at least one item is an image.
      anew: rebuild even if the cache has them.

    Raises:
      any exception of `items`; nothing is cached then.
    """
    identity = json.dumps([FORMAT, PIL.__version__, example_shape, key])
    entry = cache_folder() / "prepared" / hashlib.sha256(identity.encode()).hexdigest()[:32]
    if entry.is_dir() and not anew:
        with contextlib.suppress(OSError):  # damaged from outside: entries are complete, because they are renamed
            return _read(entry, example_shape)
    try:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(entry)
        _write(entry, count, example_shape, items())
        return _read(entry, example_shape)
    except OSError as error:
        logging.getLogger(__name__).warning(
            "%s: cannot be written (%s): images stay in memory and are decoded again next time; set GANZOO_HOME",
            entry.parent,
            error.strerror or error,
        )
        return _in_memory(count, example_shape, items())


def _read(entry: Path, example_shape: tuple[int, int, int]) -> Prepared:
    """Read the images of an entry.

    Raises:
      OSError: if it is damaged or cannot be read.
    """
    try:
        left_out = json.loads((entry / "about.json").read_text(encoding="utf-8"))["left_out"] or {}
        labels = np.load(entry / "labels.npy")
        images = np.load(entry / "images.npy", mmap_mode="r")
        whole = (
            (images.dtype, images.shape, labels.dtype) == (np.uint8, (len(labels), *example_shape), np.int32)
            and isinstance(left_out, dict)
            and all(isinstance(reason, str) for reason in left_out.values())
        )
    except Exception as error:  # json and numpy raise nearly any type: EOFError, KeyError, TypeError, ValueError …
        raise OSError(f"damaged: {error}") from error
    if not whole:
        raise OSError("damaged: its files do not belong together")
    return Prepared(images, labels, left_out)


def _write(entry: Path, count: int, example_shape: tuple[int, int, int], items: Iterable[Item]) -> None:
    """Write an entry under a temporary name, flush it to disk, then rename it: a power cut leaves no partial entry.

    Images use ordinary writes: a full disk raises OSError, while a write into a memory map would kill the process.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=entry.parent))
    try:
        left_out: dict[str, str] = {}
        labels: list[int] = []
        with (temporary / "images.npy").open("wb") as file:
            _write_header(file, count, example_shape)
            for image, label in _kept(items, left_out):
                file.write(image.tobytes())
                labels.append(label)
            file.seek(0)
            _write_header(file, len(labels), example_shape)
        np.save(temporary / "labels.npy", np.array(labels, np.int32))
        (temporary / "about.json").write_text(json.dumps({"left_out": left_out}), encoding="utf-8")
        for path in (*temporary.iterdir(), temporary):
            files.sync(path)
        try:
            temporary.rename(entry)
        except OSError:
            if not entry.is_dir():  # otherwise another process has written the same content
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_header(file: Any, count: int, example_shape: tuple[int, int, int]) -> None:
    """Write a .npy header; numpy pads it so that its length does not depend on `count`."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *example_shape)}
    np.lib.format.write_array_header_1_0(file, header)


def _in_memory(count: int, example_shape: tuple[int, int, int], items: Iterable[Item]) -> Prepared:
    images = np.empty((count, *example_shape), np.uint8)
    left_out: dict[str, str] = {}
    labels: list[int] = []
    for image, label in _kept(items, left_out):
        images[len(labels)] = image
        labels.append(label)
    return Prepared(images[: len(labels)], np.array(labels, np.int32), left_out)


def _kept(items: Iterable[Item], left_out: dict[str, str]) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the images among the items; add the others to `left_out`."""
    for item in items:
        if isinstance(item, LeftOut):
            left_out[item.name] = item.reason
        else:
            yield item
