"""Metrics of translations: closeness to the target, preserved content, and cycle consistency."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.examples import Examples
from ganzoo.evaluation.metrics.kernel import kernel_distance
from ganzoo.evaluation.metrics.metric import Comparison, Value, mean, metric
from ganzoo.evaluation.metrics.paired_error import EXAMPLES_A_PART, mean_absolute_error

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601


@metric(needs=("features", "untouched"), kid_ratio="lower")
def kid_ratio(comparison: Comparison) -> dict[str, Value]:
    """Return the KID of the translations to the target over that of the original images: 1 is no gain.

    Raises:
      UsageError: the original images already have a KID of 0 or less.
    """
    assert comparison.untouched is not None, "the need is checked before"
    real, fake, untouched = (each.kept() for each in (comparison.real, comparison.fake, comparison.untouched))
    before, _ = kernel_distance(real, untouched, comparison.subsets, seed=comparison.seed)
    if before <= 0.0:
        given, target = comparison.untouched.examples.name, comparison.real.examples.name
        raise UsageError(f"metrics: kid_ratio: {given} already resembles {target}, KID {before:.2g} (leave it out)")
    after, _ = kernel_distance(real, fake, comparison.subsets, seed=comparison.seed)
    return {"kid_ratio": Value(after / before)}


@metric(needs=("translation", "both_ways"), cycle_error="lower")
def cycle_error(comparison: Comparison) -> dict[str, Value]:
    """Return the mean absolute error of round trips in [0, 1], through uint8 images."""
    translation, translator = comparison.translated()
    back = translator.other(translation.to)
    pairs = _side_by_side(translation.given, comparison.fake.examples)
    return {"cycle_error": _over_images(mean_absolute_error(x, translator.translate(made, back)) for x, made in pairs)}


@metric(needs=("translation", "truth"), translation_error="lower")
def translation_error(comparison: Comparison) -> dict[str, Value]:
    """Return the mean absolute error of the translations against the true ones in [0, 1]."""
    truth = comparison.translated()[0].truth
    assert truth is not None, "the need is checked before"
    pairs = _side_by_side(truth, comparison.fake.examples)
    return {"translation_error": _over_images(mean_absolute_error(wanted, made) for wanted, made in pairs)}


@metric(needs=("translation",), luminance_correlation="higher", luminance_correlation_least="higher")
def luminance(comparison: Comparison) -> dict[str, Value]:
    """Return mean and minimum of `luminance_correlation` between images and translations."""
    pairs = _side_by_side(comparison.translated()[0].given, comparison.fake.examples)
    found = np.concatenate([luminance_correlation(given, made) for given, made in pairs])
    return {
        "luminance_correlation": mean(found),
        "luminance_correlation_least": Value(float(found.min()), np.nan),
    }


def luminance_correlation(given: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of the luminance of each pair of images.

    Args:
      given, made: uint8 `[n, H, W, C]`, C = 1 or 3.

    Returns:
      float64 `[n]` in [-1, 1]: 1 if only brightness and contrast differ, -1 for an inverted image, 0 if either image is
      of one shade.
    """
    return np.array([_correlation(_luminance(one), _luminance(other)) for one, other in zip(given, made, strict=True)])


def _luminance(image: np.ndarray) -> np.ndarray:
    """Return centred luminance, float64 `[H W]`; exactly 0 for an image of one shade."""
    shades = image.reshape(-1, image.shape[-1]) @ (LUMA if image.shape[-1] == 3 else np.ones(1))
    shades -= shades[0]  # no rounding for a single shade
    return shades - shades.mean()


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / scale if scale > 0.0 else 0.0


def _side_by_side(one: Examples, other: Examples) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield parts of two sets of equal size, in parallel."""
    return zip(one.parts(EXAMPLES_A_PART), other.parts(EXAMPLES_A_PART), strict=True)


def _over_images(errors: Iterator[np.ndarray]) -> Value:
    """Return the mean over all images."""
    return mean(np.concatenate(list(errors)))
