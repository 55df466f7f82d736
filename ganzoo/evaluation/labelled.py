"""Metrics for labelled images: is a sample what was asked for, and do the samples of a class differ?

The judge is a small classifier that is trained on real images here and never sees a generated one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np

from ganzoo.data.mnist_5k import load_mnist_5k
from ganzoo.images import to_float
from ganzoo.randomness import reproducible_initialisation

if TYPE_CHECKING:
    from ganzoo.models.generative import GenerativeModel

BATCH_SIZE = 64
DIGITS_JUDGED = 1000
DIGITS_SEED = 12345
DIGIT_PROTOCOL = {
    "label_accuracy": "share of 1,000 digits (100 a class, seed 12345) that a classifier of real ones reads as asked",
    "class_diversity": "mean over classes: mean pairwise pixel distance of the 100 digits over that of the real ones",
    "class_diversity_least": "the same, the class where it is least",
}


def train_classifier(images: np.ndarray, labels: np.ndarray, *, epochs: int = 16, seed: int = 0) -> keras.Model:
    """A convolutional classifier of small images.

    Args:
      images: uint8 `[N, H, W, C]`.
      labels: int `[N]`, 0 … classes-1.
      epochs: passes over the images, each shifted by up to two pixels at random.
      seed: of weights, order and shifts.

    Returns:
      A model from float `[n, H, W, C]` in [-1, 1] to logits `[n, classes]`.
    """
    classes = int(labels.max()) + 1
    with reproducible_initialisation(seed):
        model = keras.Sequential(
            [
                keras.Input(images.shape[1:]),
                *(layer for width in (32, 64) for layer in _block(width)),
                keras.layers.Flatten(),
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dropout(0.4, seed=seed),
                keras.layers.Dense(classes),
            ]
        )
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * math.ceil(len(images) / BATCH_SIZE))
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(len(images))
        model.fit(
            to_float(_shift(images[order], generator)), labels[order], batch_size=BATCH_SIZE, shuffle=False, verbose=0
        )
    return model


def digit_metrics(model: GenerativeModel, classifier: keras.Model) -> dict[str, float]:
    """What a conditional model of digits is measured by: see DIGIT_PROTOCOL.

    Args:
      model: draws 28x28x1 digits of ten classes.
      classifier: from `train_classifier`, on the real digits of `mnist_5k`'s split `train`.

    Returns:
      `label_accuracy` and, over the classes, the mean and the least of `class_diversity`.
    """
    labels = np.arange(DIGITS_JUDGED) % 10
    drawn = model.generate(labels=labels, seed=DIGITS_SEED)
    real, real_labels = load_mnist_5k("train")
    ratios = list(class_diversity(drawn, labels, real[..., np.newaxis], real_labels).values())
    return {
        "label_accuracy": label_accuracy(classifier, drawn, labels),
        "class_diversity": float(np.mean(ratios)),
        "class_diversity_least": min(ratios),
    }


def classify(classifier: keras.Model, images: np.ndarray) -> np.ndarray:
    """The most likely class int64 `[N]` of uint8 images `[N, H, W, C]`."""
    return np.argmax(classifier.predict(to_float(images), batch_size=500, verbose=0), axis=-1)


def label_accuracy(classifier: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of uint8 images `[N, H, W, C]` that the classifier reads as their labels int `[N]`, in [0, 1]."""
    return float(np.mean(classify(classifier, images) == labels))


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


def class_diversity(
    fake: np.ndarray, fake_labels: np.ndarray, real: np.ndarray, real_labels: np.ndarray
) -> dict[int, float]:
    """For each class, the generated images' mean pairwise distance over the real ones': 0 is one image, 1 as varied.

    Args:
      fake, real: uint8 `[N, H, W, C]`.
      fake_labels, real_labels: int `[N]`.
    """
    return {
        int(label): mean_pairwise_distance(fake[fake_labels == label])
        / mean_pairwise_distance(real[real_labels == label])
        for label in np.unique(real_labels)
    }


def _shift(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each image moved by up to two pixels either way."""
    rows, columns = generator.integers(-2, 3, size=(2, len(images), 1, 1))
    height, width = images.shape[1:3]
    row_index = (np.arange(height)[:, None] - rows) % height
    column_index = (np.arange(width)[None, :] - columns) % width
    return images[np.arange(len(images))[:, None, None], row_index, column_index]


def _block(width: int) -> list[keras.layers.Layer]:
    return [
        keras.layers.Conv2D(width, 3, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.MaxPooling2D(),
    ]
