"""Metrics of conditional models: correct classes, and diversity within each class."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.examples import Examples
from ganzoo.evaluation.metrics.metric import Comparison, Value, mean, metric


@metric(needs=("classes", "labels"), label_accuracy="higher")
def label_accuracy(comparison: Comparison) -> dict[str, Value]:
    """Return the share of samples that the extractor assigns to the requested class, in [0, 1]."""
    labels, classes = comparison.fake.examples.labels, comparison.fake.classes
    names, read = comparison.real.examples.class_names, comparison.extractor.class_names
    if names != read:
        raise UsageError(
            f"metrics: label_accuracy: expected the classes of {comparison.real.examples.name}, got those of "
            f"{comparison.extractor.name} ({', '.join(read[:3])}, …) (leave it out, or give other features, --features)"
        )
    assert labels is not None, "the need is checked before"
    assert classes is not None, "the need is checked before"
    return {"label_accuracy": mean(classes == labels)}


@metric(needs=("labels",), class_diversity="higher", class_diversity_least="higher")
def diversity(comparison: Comparison) -> dict[str, Value]:
    """Return mean and minimum over classes of `class_diversity`, for the first 500 examples of each class."""
    most = comparison.examples_a_class
    ratios = class_diversity(_by_class(comparison.fake.examples, most), _by_class(comparison.real.examples, most))
    return {
        "class_diversity": Value(float(np.mean(list(ratios.values())))),
        "class_diversity_least": Value(min(ratios.values())),
    }


def class_diversity(fake: dict[int, np.ndarray], real: dict[int, np.ndarray]) -> dict[int, float]:
    """Return per class the mean pairwise distance of generated images over that of real ones: 0 is a single image.

    Args:
      fake, real: label -> uint8 `[n, H, W, C]`, n of 2 or more.

    Raises:
      UsageError: a class has no generated images, or its real images are identical.
    """
    ratios = {}
    for label, images in real.items():
        if label not in fake:
            raise UsageError(f"metrics: class_diversity: no generated example of class {label} (use more samples)")
        yardstick = mean_pairwise_distance(images)
        if yardstick == 0.0:
            raise UsageError(
                f"metrics: class_diversity: all real examples of class {label} are identical (leave it out)"
            )
        ratios[label] = mean_pairwise_distance(fake[label]) / yardstick
    return ratios


def mean_pairwise_distance(images: np.ndarray) -> float:
    """Return the mean Euclidean distance over all pairs of different images, pixels in [0, 1].

    Args:
      images: uint8 `[N, …]`, N of 2 or more.
    """
    flat = images.reshape(len(images), -1).astype(np.float64) / 255.0
    squares = np.sum(flat**2, axis=1)
    squared = np.maximum(squares[:, None] + squares[None] - 2.0 * flat @ flat.T, 0.0)
    np.fill_diagonal(squared, 0.0)
    return float(np.sqrt(squared).sum() / (len(flat) * (len(flat) - 1)))


def _by_class(examples: Examples, most: int) -> dict[int, np.ndarray]:
    """Return the first examples of each class, `most` at most.

    Raises:
      UsageError: there are no labels, or fewer than two examples of a class.
    """
    if examples.labels is None:
        raise UsageError(f"metrics: class_diversity needs labels, {examples.name} has none (leave it out)")
    found = {}
    for label in np.unique(examples.labels):
        numbers = np.flatnonzero(examples.labels == label)[:most]
        if len(numbers) < 2:
            raise UsageError(
                f"metrics: class_diversity: expected 2 or more examples of class {label}, got 1 in {examples.name}"
            )
        found[int(label)] = examples.read(numbers)
    return found
