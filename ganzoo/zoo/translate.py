"""Translate image files from one domain into another: find, check, translate, name and write them."""

from __future__ import annotations

import glob
import itertools
import logging
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.core import figures, files, images
from ganzoo.data import kinds
from ganzoo.errors import DataError, RunError, UsageError
from ganzoo.models import inputs
from ganzoo.models.tiling import tiled, tiles_in
from ganzoo.schema import Config, choose_domain
from ganzoo.training.progress import ProgressBar, stderr_unless
from ganzoo.zoo import catalog

if TYPE_CHECKING:
    from ganzoo.models.translation import TranslationModel

# Measured on a CPU, a ResNet takes 0.7 KB per pixel at width 32 and twice that at the paper's 64: 6 GB for 2048x2048.
LARGEST_WHOLE = 2048
AUTOMATIC_TILE = 1024
SHEET_PAIRS = 60
SHEET_SIDE = 256
NAMED = 10  # files in a message

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """Image file and the size of the upright image in its header."""

    path: Path
    width: int
    height: int


@dataclass(frozen=True)
class Translated:
    """Result of `translate_files`.

    Attributes:
      files: source -> file written; without the images left out.
      sheet_pairs: number of pairs on the sheet.
    """

    files: dict[Path, Path]
    sheet_pairs: int


def check_translates(model: str, to: str | None) -> None:
    """Refuse a model that does not translate, before it is built.

    Args:
      model: name, file or directory, as for `catalog.config`.
      to: target domain; None for the model's first.

    Raises:
      ConfigError: the model is unknown.
      UsageError: the model does not translate, or not to that domain.
    """
    config = catalog.config(model)
    if not config.offers("translate"):
        task = "image_translation"
        others = ", ".join(catalog.list_models(task=task, pretrained=True) or catalog.list_models(task=task))
        what = kinds.of(config.dataset).plural
        raise UsageError(
            f"{config.name}: makes {what} from noise and does not translate (use ganzoo generate --model {model}, or "
            f"translate with one of these: {others})"
        )
    check_domain(config, to)


def check_domain(config: Config, to: str | None) -> None:
    """Refuse a domain that a model cannot make, without TensorFlow; the loaded model checks again.

    Raises:
      UsageError: the domain is unknown, or the input domain of a model of pairs.
    """
    domains = config.dataset.domains
    choose_domain(config.name, to, domains[1:] if config.dataset.paired else domains)


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


def headers(paths: Sequence[Path], skip_broken: bool = False) -> list[Picture]:
    """Read the headers of all files, to find invalid images before the long work.

    Args:
      paths: image files.
      skip_broken: leave out unreadable files, with a warning.

    Raises:
      DataError: a file is unreadable, not an image or too large; with `skip_broken`, only if all are.
    """
    pictures, broken = [], {}
    for path in paths:
        try:
            found = images.header(path)
            pictures.append(Picture(path, found.width, found.height))
        except DataError as error:
            broken[path] = error
    report(broken, skip_broken, len(paths))
    return pictures


def large_enough(
    pictures: Sequence[Picture], smallest: int, skip_broken: bool, longest: int | None = None
) -> list[Picture]:
    """Return the images whose sides are at least `smallest` pixels.

    Args:
      longest: longer side to shrink to first; None keeps the sizes.
      skip_broken: leave the others out, with a warning.

    Raises:
      DataError: an image is too small; with `skip_broken`, only if all are.
    """
    small = {}
    for picture in pictures:
        height, width = _shrunk(picture, longest)
        if min(height, width) < smallest:
            shrunk = (height, width) != (picture.height, picture.width)
            became = f", {width}x{height} with --longest {longest}" if shrunk else ""
            mend = "leave --longest out or make it larger" if shrunk else "enlarge it with --size N"
            small[picture.path] = DataError(
                f"{picture.path}: expected at least {smallest}x{smallest} pixels, got {picture.width}x{picture.height}"
                f"{became}: remove it, {mend}"
            )
    report(small, skip_broken, len(pictures))
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
    _refuse_sources(paths, named.values())
    return named


def translate_files(
    model: TranslationModel,
    pictures: Sequence[Picture],
    folder: str | os.PathLike[str],
    *,
    to: str | None = None,
    size: int | None = None,
    longest: int | str | None = None,
    strength: float = 1.0,
    tile: int | None = None,
    batch_size: int = 64,
    skip_broken: bool = False,
    sheet: str | os.PathLike[str] | None = None,
    quiet: bool = False,
) -> Translated:
    """Translate image files one after another; finished files stay if a later one fails.

    Args:
      model: translation model.
      pictures: image files, from `headers`.
      folder: folder of the PNG files, see `outputs`; existing ones are replaced. Each records model, domain and
        source, and `size`, `longest`, `strength` and `tile` if used.
      to: target domain; by default the first that the model makes.
      size: side to crop and resize each image to first (its central square), as in training; a note says so.
      longest, strength: see `TranslationModel.translate`; a note says what `auto` is. `longest` excludes `size`.
      tile: see `TranslationModel.translate`; by default 1024 for images of more pixels than 2048x2048, none for others.
      batch_size: largest number of images of one shape to translate together.
      skip_broken: leave out broken and too small images, with a warning.
      sheet: PNG file for the first 60 originals beside their translations.
      quiet: no progress bar and no notes.

    Raises:
      UsageError: the domain is unknown, a source would be replaced, the tile is too small, `longest` or `strength` is
        out of range, or `size` and `longest` are both given.
      DataError: an image cannot be decoded or is too small; with `skip_broken`, only if all are.
      RunError: a file cannot be written, or an image does not fit into memory.
    """
    to = model.check_domain(to)
    if size is not None and longest is not None:
        raise UsageError("size, longest: expected one of them (size crops a square, longest keeps the aspect)")
    side = inputs.check_longest(longest, model.check_made_for)
    strength = inputs.check_strength(strength)
    pictures = large_enough(pictures, inputs.SMALLEST_SIDE, skip_broken, side) if size is None else pictures
    paths = [picture.path for picture in pictures]
    places = outputs(paths, Path(folder))
    if sheet is not None:
        _check_sheet(Path(sheet), places)
    files.check_writable(places[paths[0]])
    job = _Job(model, to, size, side, strength, tile, batch_size, skip_broken, pictures, quiet)
    if longest == "auto":
        job.bar.note(
            f"{model.name}: longer sides are shrunk to {side} pixels, the size that it was trained at (--longest auto)"
        )
    shown = set(paths[:SHEET_PAIRS]) if sheet is not None else set()
    cell = min(SHEET_SIDE, max(max(job.shape(picture)) for picture in pictures))
    made: dict[Path, Path] = {}
    pairs: dict[Path, list[np.ndarray]] = {}
    try:
        for path, original, translation in job.run():
            images.write_png(places[path], translation, {**job.origin(original), "source": printable(path.name)})
            made[path] = places[path]
            if path in shown:
                pairs[path] = [images.letterbox(image, cell) for image in (original, translation)]
    except DataError as error:
        so_far = f" ({len(made)} of {len(places)} are done, in {folder})" if made else ""
        raise DataError(f"{error}{so_far}") from error
    finally:
        job.bar.close()
    if not made:
        raise DataError(f"{paths[0]}: broken, as are all {len(paths)} images given (check them)")
    report(job.broken, skip_broken)
    if sheet is not None and pairs:
        ordered = [image for path in paths if path in pairs for image in pairs[path]]
        columns = 2 * max(1, round(math.sqrt(len(pairs) / 2)))
        images.write_png(sheet, figures.sheet(np.stack(ordered), columns), {"model": model.name, "to": to})
    return Translated({path: made[path] for path in paths if path in made}, len(pairs))


def printable(name: str | os.PathLike[str]) -> str:
    """Return a file name as valid Unicode; undecodable bytes, which Linux allows, become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")


class _Job:
    """Translation of images batch by batch, with a progress bar."""

    def __init__(
        self,
        model: TranslationModel,
        to: str,
        size: int | None,
        longest: int | None,
        strength: float,
        tile: int | None,
        batch_size: int,
        skip_broken: bool,
        pictures: Sequence[Picture],
        quiet: bool,
    ) -> None:
        self.model, self.to, self.size, self.tile = model, to, size, tile
        self.longest, self.strength = longest, strength
        self.batch_size, self.skip_broken = batch_size, skip_broken
        self.channels = model.translators[to].channels
        by_size: dict[tuple[int, int], list[Picture]] = {}
        for picture in pictures:
            by_size.setdefault(self.shape(picture), []).append(picture)
        # Large images last: most files are done soon.
        self.pictures = [picture for shape in sorted(by_size, key=math.prod) for picture in by_size[shape]]
        self.deep_range = images.SharedRange(model.name, [picture.path for picture in pictures])
        self.broken: dict[Path, DataError] = {}
        self.done, total = 0, sum(self._parts(picture) for picture in pictures)
        what = "tiles" if total > len(pictures) else "images"
        self.bar = ProgressBar(model.name, total, 1, stderr_unless(quiet), unit=what, costs=self._costs())
        cropped = sum(picture.width != picture.height for picture in pictures) if size is not None else 0
        if cropped:
            self.bar.note(
                f"{cropped} image(s) are cropped to their central square (--longest {size} keeps the whole image)"
            )
        automatic = sum(self._tile(*self.shape(picture)) is not None for picture in pictures) if tile is None else 0
        if automatic:
            self.bar.note(
                f"{automatic} image(s) of more pixels than {LARGEST_WHOLE}x{LARGEST_WHOLE} are translated in tiles of "
                f"{AUTOMATIC_TILE} (--tile sets their side)"
            )

    def run(self) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
        """Yield (path, original, translation) of each readable image.

        Raises:
          DataError: an image is unreadable, without `skip_broken`.
          RunError: an image does not fit into memory.
        """
        for batch in self._batches():
            paths, originals = zip(*batch, strict=True)
            given = np.stack(originals)
            made = inputs.blend(given, self._translated(paths, given), self.strength)
            yield from zip(paths, originals, made, strict=True)

    def origin(self, original: np.ndarray) -> dict[str, str]:
        """Return the metadata of a translation's PNG."""
        tile = self._tile(*original.shape[:2])
        own = {"model": self.model.name, "to": self.to, "size": self.size, "longest": self.longest, "tile": tile}
        if self.strength != 1.0:
            own["strength"] = f"{self.strength:g}"
        return {key: str(value) for key, value in own.items() if value is not None}

    def _batches(self) -> Iterator[list[tuple[Path, np.ndarray]]]:
        from ganzoo.models.translation import PIXELS_A_CALL

        batch: list[tuple[Path, np.ndarray]] = []
        for picture in self.pictures:
            try:
                image = self._read(picture)
            except DataError:
                if batch:  # finish the images read before
                    yield batch
                raise
            if image is None:
                continue
            pixels = (len(batch) + 1) * math.prod(image.shape[:2])  # bounds the memory of waiting images
            if batch and (len(batch) == self.batch_size or pixels > PIXELS_A_CALL or image.shape != batch[0][1].shape):
                yield batch
                batch = []
            batch.append((picture.path, image))
        if batch:
            yield batch

    def _read(self, picture: Picture) -> np.ndarray | None:
        try:
            image = images.read(picture.path, self.size, self.channels, self.deep_range)
            return image if self.longest is None else images.shrink(image, self.longest)
        except DataError as error:
            self.broken[picture.path] = error
            if not self.skip_broken:
                report(self.broken, self.skip_broken)
            self._advance(self._parts(picture))
            return None

    def _translated(self, paths: Sequence[Path], originals: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        def one(part: np.ndarray) -> np.ndarray:
            made = self.model.translate(part, self.to)
            self._advance(1)
            return made

        tile = self._tile(*originals.shape[1:3])
        try:
            if tile is not None:
                return np.stack([tiled(one, original, tile) for original in originals])
            made = self.model.translate(originals, self.to)
        except tf.errors.ResourceExhaustedError as error:
            height, width = originals.shape[1:3]
            smaller = max(32, (tile or AUTOMATIC_TILE) // 2)
            raise RunError(
                f"{paths[0]}: {width}x{height} pixels do not fit into memory (--tile {smaller} translates it in "
                "tiles, --size N makes it smaller)"
            ) from error
        self._advance(len(paths))
        return made

    def _advance(self, parts: int) -> None:
        self.done += parts
        self.bar.update(self.done, {})

    def shape(self, picture: Picture) -> tuple[int, int]:
        """Return height and width of the image to translate."""
        return (self.size, self.size) if self.size else _shrunk(picture, self.longest)

    def _parts(self, picture: Picture) -> int:
        """Return the number of network calls for an image outside batches."""
        height, width = self.shape(picture)
        tile = self._tile(height, width)
        return tiles_in(height, width, tile) if tile else 1

    def _costs(self) -> Iterator[float]:
        """Yield the pixels of each network call, in order."""
        for picture in self.pictures:
            height, width = self.shape(picture)
            tile = self._tile(height, width)
            pixels = min(tile, height) * min(tile, width) if tile else height * width
            yield from [pixels] * self._parts(picture)

    def _tile(self, height: int, width: int) -> int | None:
        return self.tile or (AUTOMATIC_TILE if height * width > LARGEST_WHOLE**2 else None)


def _shrunk(picture: Picture, longest: int | None) -> tuple[int, int]:
    """Return height and width after shrinking the longer side."""
    height, width = picture.height, picture.width
    return (height, width) if longest is None else images.shrunk_size(height, width, longest)


def _expanded(name: str) -> list[Path]:
    """Expand the pattern in an argument, as not every shell does."""
    path = Path(name).expanduser()
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


def report(broken: dict[Path, DataError], skip_broken: bool, of: int = 0) -> None:
    """Raise or warn about broken images.

    Raises:
      DataError: there are some, without `skip_broken`; or all are broken, with it.
    """
    if not broken:
        return
    first, *others = broken.values()
    named = ", ".join([*map(str, list(broken)[:NAMED]), *["…"] * (len(broken) > NAMED)])
    if not skip_broken:
        more = f" (one of {len(broken)}: {named})" if others else ""
        raise DataError(f"{first}, or leave such files out with --skip_broken{more}") from first
    if len(broken) == of:
        raise DataError(f"{first} (none of the {of} images given can be used)") from first
    _log.warning("left out %d image(s) that cannot be used: %s", len(broken), named)


def _check_sheet(sheet: Path, places: dict[Path, Path]) -> None:
    """Refuse a sheet that would replace an original or a translation, or cannot be written.

    Raises:
      UsageError, RunError: the sheet is refused.
    """
    _refuse_sources(list(places), [sheet])
    if sheet.resolve() in {place.resolve() for place in places.values()}:
        raise UsageError(f"{sheet}: is the translation of one of the images too (choose another name)")
    files.check_writable(sheet)


def _numbered(stem: str, taken: set[str]) -> str:
    """Return the first free name of STEM_1, STEM_2, …, and mark it as taken."""
    name = next(name for number in itertools.count(1) if (name := f"{stem}_{number}").casefold() not in taken)
    taken.add(name.casefold())
    return name


def _refuse_sources(paths: Sequence[Path], places: Iterable[Path]) -> None:
    sources = {_identity(path) for path in paths if path.exists()}
    for place in places:
        if place.exists() and _identity(place) in sources:
            raise UsageError(f"{place}: is one of the images given, and would be replaced (choose another place)")


def _identity(path: Path) -> tuple[int, int]:
    """Return device and inode, equal for all names of one file (links, letter case)."""
    status = path.stat()
    return status.st_dev, status.st_ino
