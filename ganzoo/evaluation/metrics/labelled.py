"""For conditional models: is a sample what was asked for, and do the samples of a class differ?"""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.examples import Examples
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric

EXAMPLES_A_CLASS = 500  # bounds the time and memory of all pairs


@metric(needs=("classes", "labels"), label_accuracy="higher")
def label_accuracy(comparison: Comparison) -> dict[str, Value]:
    """The share of samples that the extractor reads as what was asked for, in [0, 1]."""
    labels, classes = comparison.fake.examples.labels, comparison.fake.classes
    names, read = comparison.real.examples.class_names, comparison.extractor.class_names
    if names != read:
        raise UsageError(
            f"metrics: label_accuracy: {comparison.extractor.name} reads other classes ({', '.join(read[:3])}, …) than "
            f"those of {comparison.real.examples.name} (leave it out, or give other --features)"
        )
    assert labels is not None, "the need is checked before"
    assert classes is not None, "the need is checked before"
    return {"label_accuracy": Value(float(np.mean(classes == labels)))}


@metric(needs=("labels",), class_diversity="higher", class_diversity_least="higher")
def diversity(comparison: Comparison) -> dict[str, Value]:
    """`class_diversity` of the first 500 examples of each class: the mean over classes, and the least."""
    ratios = class_diversity(_by_class(comparison.fake.examples), _by_class(comparison.real.examples))
    return {
        "class_diversity": Value(float(np.mean(list(ratios.values())))),
        "class_diversity_least": Value(min(ratios.values())),
    }


def class_diversity(fake: dict[int, np.ndarray], real: dict[int, np.ndarray]) -> dict[int, float]:
    """For each class, the generated images' mean pairwise distance over the real ones': 0 is one image, 1 as varied.

    Args:
      fake, real: label -> uint8 `[n, H, W, C]`, n of 2 or more.

    Raises:
      UsageError: a class that has no fakes, or whose real images are all alike.
    """
    ratios = {}
    for label, images in real.items():
        if label not in fake:
            raise UsageError(f"metrics: class_diversity: no generated example of class {label} (give more samples)")
        yardstick = mean_pairwise_distance(images)
        if yardstick == 0.0:
            raise UsageError(f"metrics: class_diversity: all real examples of class {label} are alike (leave it out)")
        ratios[label] = mean_pairwise_distance(fake[label]) / yardstick
    return ratios


def mean_pairwise_distance(images: np.ndarray) -> float:
    """The mean Euclidean distance over all pairs of two different images, pixels in [0, 1].

    Args:
      images: uint8 `[N, …]`, N of 2 or more.
    """
    flat = images.reshape(len(images), -1).astype(np.float64) / 255.0
    squares = np.sum(flat**2, axis=1)
    squared = np.maximum(squares[:, None] + squares[None] - 2.0 * flat @ flat.T, 0.0)
    np.fill_diagonal(squared, 0.0)
    return float(np.sqrt(squared).sum() / (len(flat) * (len(flat) - 1)))


def _by_class(examples: Examples) -> dict[int, np.ndarray]:
    """The first examples of each class.

    Raises:
      UsageError: no labels, or fewer than two examples of a class.
    """
    if examples.labels is None:
        raise UsageError(f"metrics: class_diversity needs labels, and {examples.name} has none (leave it out)")
    found = {}
    for label in np.unique(examples.labels):
        numbers = np.flatnonzero(examples.labels == label)[:EXAMPLES_A_CLASS]
        if len(numbers) < 2:
            raise UsageError(f"metrics: class_diversity: {examples.name} has one example of class {label} (give more)")
        found[int(label)] = examples.read(numbers)
    return found
