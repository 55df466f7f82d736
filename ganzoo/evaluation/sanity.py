"""Sanity checks of the metrics: real images against increasingly damaged real images."""

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
    """Metrics for one kind of damage, one row per extent.

    Attributes:
      title: kind of damage.
      extents: increasing extents of the damage.
      rows: metrics at each extent.
    """

    title: str
    extents: tuple[float, ...]
    rows: list[dict[str, float]]

    def column(self, name: str) -> list[float]:
        """Return one metric over the extents."""
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
    """Measure the metrics under increasing blur, noise and dropped classes.

    Args:
      real: reference examples.
      others: other real images to damage, uint8 `[n, H, W, C]`.
      labels: labels of `others`, int `[n]` in 0 … 9.
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
    """Measure the metrics between two random sets of real images, for several set sizes.

    Args:
      real, others: uint8 `[n, H, W, C]` to choose from.
      features: name of the extractor.
      counts: set sizes.
    """
    rows = []
    for count in counts:
        generator = np.random.default_rng(count)
        chosen, judged = (images[generator.choice(len(images), count, replace=False)] for images in (real, others))
        rows.append(dict(Evaluator(from_array("real", chosen), features, BIASED)(from_array("others", judged))))
    return Table("images of each", tuple(counts), rows)


def blurred(images: np.ndarray, sd: float) -> np.ndarray:
    """Blur uint8 images `[n, H, W, C]` with a Gaussian filter of standard deviation `sd` in pixels."""
    if sd == 0:
        return images
    spread = ImageFilter.GaussianBlur(sd)
    flat = [Image.fromarray(image.squeeze()).filter(spread) for image in images]
    return np.stack([np.asarray(picture) for picture in flat]).reshape(images.shape)


def noisy(images: np.ndarray, sd: float) -> np.ndarray:
    """Add Gaussian noise of standard deviation `sd` in levels to uint8 images `[n, H, W, C]`, clipped."""
    noise = np.random.default_rng(0).normal(0.0, sd, images.shape) if sd else 0.0
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
