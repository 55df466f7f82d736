"""`stacked_mnist_cnn`: classifier of three stacked digits, by `mnist_cnn` on each channel."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ganzoo.core.images import fit, to_float
from ganzoo.data.sources.stacked_mnist import CHANNELS
from ganzoo.evaluation.extractors import small_cnn
from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint
from ganzoo.registry import register

SIZE, DIGITS = small_cnn.SIZE, small_cnn.CLASSES


@register("extractor", "stacked_mnist_cnn")
def stacked_mnist_cnn() -> Extractor:
    """Return the classifier of `stacked_mnist`'s 1,000 classes; it reads each channel independently.

    Features are those of red, green and blue in this order. The class is 100 a + 10 b + c for the digits a, b, c.
    """
    model = small_cnn.trained("mnist_cnn", small_cnn.MNIST_SHA256)

    def network(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        channels = tf.reshape(tf.transpose(pixels, [0, 3, 1, 2]), [-1, SIZE, SIZE, 1])
        features, logits = model(to_float(channels), training=False)
        a, b, c = tf.unstack(tf.reshape(logits, [-1, CHANNELS, DIGITS]), axis=1)
        # the softmax of sums is the product of the channels' probabilities
        sums = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return tf.reshape(features, [-1, CHANNELS * small_cnn.DIMENSIONS]), tf.reshape(sums, [-1, DIGITS**CHANNELS])

    return Extractor(
        "stacked_mnist_cnn",
        sha256=fingerprint("stacked_mnist_cnn", small_cnn.MNIST_SHA256, small_cnn.VERSION),
        dimensions=CHANNELS * small_cnn.DIMENSIONS,
        prepare=_prepare,
        network=network,
        class_names=tuple(f"{number:03d}" for number in range(DIGITS**CHANNELS)),
        licence="Apache-2.0",
        trained_on="mnist_5k train",
    )


def _prepare(images: np.ndarray) -> np.ndarray:
    """Convert uint8 `[n, H, W, 1 or 3]` to `[n, 28, 28, 3]`; 28x28x3 is kept, others go through `images.fit`."""
    if images.shape[1:] == (SIZE, SIZE, CHANNELS):
        return images
    return np.stack([fit(image, SIZE, CHANNELS) for image in images])
