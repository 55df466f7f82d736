"""Translate image files from one domain into another, and write them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
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
from ganzoo.zoo.image_files import LeftOut, Picture, large_enough, leave_out, outputs, printable, refuse_sources, report

if TYPE_CHECKING:
    from ganzoo.models.translation import TranslationModel

# Measured on a CPU, a ResNet takes 0.7 KB per pixel at width 32 and twice that at the paper's 64: 6 GB for 2048x2048.
LARGEST_WHOLE = 2048
AUTOMATIC_TILE = 1024
SHEET_PAIRS = 60
SHEET_SIDE = 256


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
    left_out: LeftOut | None = None,
    sheet: str | os.PathLike[str] | None = None,
    quiet: bool = False,
) -> Translated:
    """Translate image files one after another; finished files stay if a later one fails.

    Args:
      model: translation model.
      pictures: image files, from `image_files.headers`.
      folder: folder of the PNG files, see `image_files.outputs`; existing ones are replaced. Each records model, domain
        and source, and `size`, `longest`, `strength` and `tile` if used.
      to: target domain; by default the first that the model makes.
      size: side to crop and resize each image to first (its central square), as in training; a note says so.
      longest, strength: see `TranslationModel.translate`; a note says what `auto` is. `longest` excludes `size`.
      tile: see `TranslationModel.translate`; by default 1024 for images of more pixels than 2048x2048, none for others.
      batch_size: largest number of images of one shape to translate together.
      left_out: files left out so far; receives broken and too small images, which are refused without it. A warning
        and a list in `folder` name them all.
      sheet: PNG file for the first 60 originals beside their translations.
      quiet: no progress bar and no notes.

    Raises:
      UsageError: the domain is unknown, a source would be replaced, the tile is too small, `longest` or `strength` is
        out of range, or `size` and `longest` are both given.
      DataError: an image cannot be decoded or is too small; with `left_out`, only if all are.
      RunError: a file cannot be written, or an image does not fit into memory.
    """
    to = model.check_domain(to)
    if size is not None and longest is not None:
        raise UsageError("size, longest: expected one of them (size crops a square, longest keeps the aspect)")
    side = inputs.check_longest(longest, model.check_made_for)
    strength = inputs.check_strength(strength)
    pictures = large_enough(pictures, inputs.SMALLEST_SIDE, left_out, side) if size is None else pictures
    paths = [picture.path for picture in pictures]
    places = outputs(paths, Path(folder))
    if sheet is not None:
        _check_sheet(Path(sheet), places)
    files.check_writable(places[paths[0]])
    job = _Job(model, to, size, side, strength, tile, batch_size, left_out, pictures, quiet)
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
    report(left_out, folder)
    if sheet is not None and pairs:
        ordered = [image for path in paths if path in pairs for image in pairs[path]]
        columns = 2 * max(1, round(math.sqrt(len(pairs) / 2)))
        images.write_png(sheet, figures.sheet(np.stack(ordered), columns), {"model": model.name, "to": to})
    return Translated({path: made[path] for path in paths if path in made}, len(pairs))


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
        left_out: LeftOut | None,
        pictures: Sequence[Picture],
        quiet: bool,
    ) -> None:
        self.model, self.to, self.size, self.tile = model, to, size, tile
        self.longest, self.strength = longest, strength
        self.batch_size, self.left_out = batch_size, left_out
        self.channels = model.translators[to].channels
        by_size: dict[tuple[int, int], list[Picture]] = {}
        for picture in pictures:
            by_size.setdefault(self.shape(picture), []).append(picture)
        # Large images last: most files are done soon.
        self.pictures = [picture for shape in sorted(by_size, key=math.prod) for picture in by_size[shape]]
        self.deep_range = images.SharedRange(model.name, [picture.path for picture in pictures])
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
          DataError: an image is unreadable, without `left_out`.
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
            leave_out({picture.path: error}, self.left_out)
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
        return (self.size, self.size) if self.size else picture.sides(self.longest)

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


def _check_sheet(sheet: Path, places: dict[Path, Path]) -> None:
    """Refuse a sheet that would replace an original or a translation, or cannot be written.

    Raises:
      UsageError, RunError: the sheet is refused.
    """
    refuse_sources(list(places), [sheet])
    if sheet.resolve() in {place.resolve() for place in places.values()}:
        raise UsageError(f"{sheet}: is the translation of one of the images too (choose another name)")
    files.check_writable(sheet)
