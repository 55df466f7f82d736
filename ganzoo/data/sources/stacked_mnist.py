"""`stacked_mnist`: endless colour images of three digits of `mnist_5k`, one in each channel; 1,000 modes.

Source: Metz et al. 2017 (unrolled GANs), arXiv:1611.02163, section 3.3.1; with 60,000 digits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.data import draws, kinds
from ganzoo.data.arrays import fit_all
from ganzoo.data.source import Source
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import DataError
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

CHANNELS = 3


def _check(dataset: DatasetConfig, **_: Any) -> None:
    if dataset.channels != CHANNELS:
        raise DataError(
            f"dataset.channels: expected {CHANNELS} for {dataset.name}, got {dataset.channels} (set dataset.channels=3)"
        )


@register("dataset", "stacked_mnist", check=_check)
def stacked_mnist(dataset: DatasetConfig, *, seed: int, **_: Any) -> Source:
    """Images whose channels are digits of one split, drawn independently; native size 28x28x3.

    The label is 100 a + 10 b + c for the digits a, b, c in red, green and blue. Image i is a function of (seed, split,
    i) only.
    """
    import tensorflow as tf

    images, labels = load_mnist_5k(dataset.split)
    with tf.device("CPU:0"):
        digits = tf.constant(fit_all(images, dataset.image_shape[0], 1)[..., 0])
        values = tf.constant(labels)
    purpose = f"{dataset.name}/{dataset.split}/digits"

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        chosen = tf.cast(draws.uniform(seed, purpose, indices, CHANNELS) * len(images), tf.int32)
        examples = tf.transpose(tf.gather(digits, chosen), [0, 2, 3, 1])
        return {"examples": examples, "labels": tf.reduce_sum(tf.gather(values, chosen) * [100, 10, 1], axis=1)}

    names = tuple(f"{mode:03d}" for mode in range(1000))
    return Source(dataset.name, None, kinds.of(dataset), names, fetch)
