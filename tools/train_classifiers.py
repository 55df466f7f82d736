"""Train the classifiers `mnist_cnn` and `fashion_cnn` of ganzoo/evaluation/extractors/small_cnn.py on real images.

    python tools/train_classifiers.py [mnist_cnn] [fashion_cnn]

Writes the weights (float16) into the package, and prints their SHA-256 for small_cnn.py and the accuracy on held-out
images. The seed is fixed: the same images give the same files on the same machine, byte for byte.
"""

from __future__ import annotations

import math
import sys
import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ganzoo.core import weights
from ganzoo.core.images import to_float
from ganzoo.data.open import open_source
from ganzoo.evaluation.extractors import small_cnn
from ganzoo.schema import DatasetConfig

SEED = 0
BATCH_SIZE = 128
LEARNING_RATE = 2e-3


class Recipe(NamedTuple):
    """Training recipe of one classifier.

    Attributes:
      dataset: data set with splits `train` and `test`.
      epochs: passes over the images, each with new augmentations.
      dropout: dropout rate, see `small_cnn.build`.
      degrees: largest rotation, either way.
      zoom, shear: largest change of scale and largest slant.
      shift: largest shift in pixels, either way.
      flip: whether to mirror half of the images.
    """

    dataset: str
    epochs: int
    dropout: float
    degrees: float
    zoom: float
    shear: float
    shift: float
    flip: bool


RECIPES = {
    "mnist_cnn": Recipe("mnist_5k", 45, 0.3, degrees=10.0, zoom=0.1, shear=0.1, shift=1.5, flip=False),
    "fashion_cnn": Recipe("fashion_mnist", 11, 0.25, degrees=0.0, zoom=0.0, shear=0.0, shift=0.0, flip=True),
}


def main(names: list[str]) -> None:
    """Train the named classifiers, by default all."""
    if unknown := set(names) - set(RECIPES):
        raise SystemExit(f"unknown classifier {', '.join(sorted(unknown))} (known: {', '.join(RECIPES)})")
    for name in names or RECIPES:
        start = time.perf_counter()
        model = train(RECIPES[name])
        path = small_cnn.weights_file(name)
        arrays = {key: variable.numpy().astype(np.float16) for key, variable in small_cnn.variables(model).items()}
        weights.write(path, arrays, {"name": name})
        print(
            f"{path}: {path.stat().st_size:,} bytes, SHA-256 {weights.sha256(path)}\n"
            f"{name}: accuracy on held-out images {accuracy(name):.4f}, {time.perf_counter() - start:.0f} s"
        )


def train(recipe: Recipe) -> keras.Model:
    """Build and train a model of `small_cnn.build`."""
    keras.utils.set_random_seed(SEED)
    images, labels = load(recipe.dataset, "train")
    model = small_cnn.build(recipe.dropout)
    classifier = keras.Model(model.input, model.outputs[1])
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, recipe.epochs * math.ceil(len(images) / BATCH_SIZE))
    classifier.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    generator = np.random.default_rng(SEED)
    for epoch in range(recipe.epochs):
        order = generator.permutation(len(images))
        augmented = augment(images[order], recipe, generator)
        history = classifier.fit(augmented, labels[order], batch_size=BATCH_SIZE, shuffle=False, verbose=0)
        print(f"epoch {epoch + 1} of {recipe.epochs}: loss {history.history['loss'][0]:.4f}", file=sys.stderr)
    return model


def load(dataset: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 `[N, 28, 28, 1]` and labels int32 `[N]`."""
    source = open_source(DatasetConfig(name=dataset, split=split, size=small_cnn.SIZE, channels=1))
    batch = source.fetch(tf.range(source.length, dtype=tf.int64))
    return batch["examples"].numpy(), batch["labels"].numpy()


def augment(images: np.ndarray, recipe: Recipe, generator: np.random.Generator) -> tf.Tensor:
    """Apply a random affine map to each image, uint8 `[N, 28, 28, 1]`; return float32 in [-1, 1]."""
    count, centre = len(images), (small_cnn.SIZE - 1) / 2

    def draw(limit: float) -> np.ndarray:
        return generator.uniform(-limit, limit, count)

    angle, shear = np.radians(draw(recipe.degrees)), draw(recipe.shear)
    wide, high = 1.0 + draw(recipe.zoom), 1.0 + draw(recipe.zoom)
    mirror = np.where(generator.random(count) < 0.5, -1.0, 1.0) if recipe.flip else np.ones(count)
    # (x, y) of the result -> (a x + b y + c, d x + e y + f) of the original, about the centre
    a, b = mirror * wide * np.cos(angle), high * (shear * np.cos(angle) - np.sin(angle))
    d, e = mirror * wide * np.sin(angle), high * (shear * np.sin(angle) + np.cos(angle))
    c = centre - a * centre - b * centre + draw(recipe.shift)
    f = centre - d * centre - e * centre + draw(recipe.shift)
    zero = np.zeros(count)
    maps = np.stack([a, b, c, d, e, f, zero, zero], axis=1).astype(np.float32)
    return keras.ops.image.affine_transform(to_float(images), maps, fill_value=-1.0, data_format="channels_last")


def accuracy(name: str) -> float:
    """Return the accuracy of the package's weights file on the split `test`."""
    images, labels = load(RECIPES[name].dataset, "test")
    path = small_cnn.weights_file(name)
    model = small_cnn.build()
    weights.place(weights.read(path), small_cnn.variables(model), str(path))
    _, logits = model.predict(to_float(images), batch_size=500, verbose=0)
    return float(np.mean(np.argmax(logits, axis=-1) == labels))


if __name__ == "__main__":
    main(sys.argv[1:])
