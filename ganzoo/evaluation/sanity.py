"""Do the metrics say what they should? Real images against real images that were made worse, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from ganzoo.evaluation.evaluate import Evaluator
from ganzoo.evaluation.examples import Examples, from_array

METRICS = ("fid", "kid", "precision", "recall", "density", "coverage", "sliced_wasserstein", "inception_score")
BIASED = ("fid", "kid")
BLURS = (0.0, 0.5, 0.75, 1.0, 1.5)  # standard deviation in pixels
NOISES = (0.0, 16.0, 32.0, 64.0, 96.0)  # standard deviation in levels of 255
DROPPED = (0, 1, 3, 5, 8)  # classes
COUNTS = (250, 500, 1000, 2500, 5000, 10_000)


@dataclass(frozen=True)
class Table:
    """Metrics of one kind of damage, a row an extent.

    Attributes:
      title: what was done.
      extents: of the damage, growing.
      rows: the metrics' values at each.
    """

    title: str
    extents: tuple[float, ...]
    rows: list[dict[str, float]]

    def column(self, name: str) -> list[float]:
        """One metric over the extents."""
        return [row[name] for row in self.rows]

    def describe(self) -> str:
        """In Markdown."""
        names = list(self.rows[0])
        head = f"| {self.title} | {' | '.join(names)} |"
        rule = f"|{'---|' * (len(names) + 1)}"
        lines = [
            f"| {extent:g} | {' | '.join(_short(row[name]) for name in names)} |"
            for extent, row in zip(self.extents, self.rows, strict=True)
        ]
        return "\n".join([head, rule, *lines])


def damage_tables(real: Examples, others: np.ndarray, labels: np.ndarray, features: str) -> list[Table]:
    """How the metrics answer to growing blur, noise and dropped classes.

    Args:
      real: what is compared with.
      others: further real images uint8 `[n, H, W, C]`, which are damaged.
      labels: theirs, int `[n]` in 0 … 9.
      features: name of the extractor.
    """
    evaluator = Evaluator(real, features, METRICS)
    damages: Sequence[tuple[str, tuple[float, ...], Callable[[float], np.ndarray]]] = (
        ("blur, sd in pixels", BLURS, lambda extent: blurred(others, extent)),
        ("noise, sd in levels", NOISES, lambda extent: noisy(others, extent)),
        ("classes dropped", DROPPED, lambda extent: others[labels >= extent]),
    )
    return [
        Table(title, extents, [dict(evaluator(from_array("damaged", damage(extent)))) for extent in extents])
        for title, extents, damage in damages
    ]


def bias_table(real: np.ndarray, others: np.ndarray, features: str, counts: Sequence[int] = COUNTS) -> Table:
    """Metrics of two sets of real images, which differ by chance alone, over the number of images in each.

    Args:
      real, others: uint8 `[n, H, W, C]`; random choices of them are compared.
      features: name of the extractor.
      counts: how many of each.
    """
    rows = []
    for count in counts:
        generator = np.random.default_rng(count)
        chosen, judged = (images[generator.choice(len(images), count, replace=False)] for images in (real, others))
        rows.append(dict(Evaluator(from_array("real", chosen), features, BIASED)(from_array("others", judged))))
    return Table("images of each", tuple(counts), rows)


def blurred(images: np.ndarray, sd: float) -> np.ndarray:
    """uint8 images `[n, H, W, C]` behind a Gaussian filter of this standard deviation in pixels."""
    if sd == 0:
        return images
    spread = ImageFilter.GaussianBlur(sd)
    flat = [Image.fromarray(image.squeeze()).filter(spread) for image in images]
    return np.stack([np.asarray(picture) for picture in flat]).reshape(images.shape)


def noisy(images: np.ndarray, sd: float) -> np.ndarray:
    """uint8 images `[n, H, W, C]` with Gaussian noise of this standard deviation in levels, clipped."""
    noise = np.random.default_rng(0).normal(0.0, sd, images.shape) if sd else 0.0
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
