"""`mnist_cnn` and `fashion_cnn`: small classifiers of 28x28 grey images; features are their last hidden layer.

Trained by tools/train_classifiers.py on real images only.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ganzoo.core import weights
from ganzoo.core.images import fit, to_float
from ganzoo.core.randomness import reproducible_initialisation
from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint
from ganzoo.registry import register

SIZE = 28
DIMENSIONS = 128
CLASSES = 10

# SHA-256 of the weights files, printed by tools/train_classifiers.py.
MNIST_SHA256 = "ca430696b883e956949299015bf064ffc95974ff6dafde22cc3f76989bd1066b"
FASHION_SHA256 = "c47580ced257e7d9ddaf464ceb4a928938a9a949fadfea9d64a21708918fea9b"

# Version of everything else that determines the features: increase it with each change of network or resizing.
VERSION = 1

_ORDER = "channels_last"  # whatever Keras's own settings say


@register("extractor", "mnist_cnn")
def mnist_cnn() -> Extractor:
    """Return the classifier of digits, trained on the 4,000 of `mnist_5k`'s split `train`."""
    return _open("mnist_cnn", MNIST_SHA256, tuple("0123456789"), "mnist_5k train")


@register("extractor", "fashion_cnn")
def fashion_cnn() -> Extractor:
    """Return the classifier of clothes, trained on the 60,000 of Fashion-MNIST's split `train`."""
    names = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    return _open("fashion_cnn", FASHION_SHA256, tuple(names.split(", ")), "fashion_mnist train")


def build(dropout: float = 0.0) -> keras.Model:
    """Build the network of both classifiers, always in float32.

    Args:
      dropout: dropout rate before each of the two dense layers, for training.

    Returns:
      Model from float `[n, 28, 28, 1]` in [-1, 1] to features `[n, 128]`, 0 or more, and logits `[n, 10]`.
    """
    pixels = keras.Input((SIZE, SIZE, 1), dtype="float32")
    hidden = _block(pixels, 32, "block_1", pooled=True)
    hidden = _block(hidden, 48, "block_2", pooled=True)
    hidden = _block(hidden, 64, "block_3", pooled=False)
    hidden = keras.layers.Flatten(_ORDER, dtype="float32")(hidden)
    hidden = keras.layers.Dropout(dropout, dtype="float32")(hidden)
    features = keras.layers.Dense(DIMENSIONS, activation="relu", dtype="float32", name="features")(hidden)
    kept = keras.layers.Dropout(dropout, dtype="float32")(features)
    return keras.Model(pixels, (features, keras.layers.Dense(CLASSES, dtype="float32", name="logits")(kept)))


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of a model from `build` that a weights file holds, by name."""
    return {variable.path: variable for variable in model.weights}


def weights_file(name: str) -> Path:
    """Return the weights file of `mnist_cnn` or `fashion_cnn` in the package."""
    return Path(__file__).with_name(f"{name}.safetensors")


def trained(name: str, sha256: str) -> keras.Model:
    """Return the network of `build` with the weights of `mnist_cnn` or `fashion_cnn` in the package."""
    path = weights_file(name)
    arrays = weights.read(path, sha256)
    with reproducible_initialisation(0):  # keeps the process's random state
        model = build()
    weights.place(arrays, variables(model), str(path))
    return model


def prepare(images: np.ndarray) -> np.ndarray:
    """Convert uint8 `[n, H, W, 1 or 3]` to `[n, 28, 28, 1]`; 28x28 is kept, other sizes go through `images.fit`."""
    if images.shape[1:] == (SIZE, SIZE, 1):
        return images
    return np.stack([fit(image, SIZE, 1) for image in images])


def _block(inputs: keras.KerasTensor, width: int, name: str, *, pooled: bool) -> keras.KerasTensor:
    """Apply a convolution block, which pools before normalisation for speed."""
    how = {"padding": "same", "use_bias": False, "data_format": _ORDER, "dtype": "float32"}
    hidden = keras.layers.Conv2D(width, 3, name=f"{name}_convolution", **how)(inputs)
    if pooled:
        hidden = keras.layers.MaxPooling2D(data_format=_ORDER, dtype="float32")(hidden)
    hidden = keras.layers.BatchNormalization(momentum=0.9, dtype="float32", name=f"{name}_norm")(hidden)
    return keras.layers.ReLU(dtype="float32")(hidden)


def _open(name: str, sha256: str, class_names: tuple[str, ...], trained_on: str) -> Extractor:
    model = trained(name, sha256)

    def embed(images: tf.Tensor) -> tf.Tensor:
        """Embed square images `[n, H, H, 1 or 3]`, resized as in `prepare` but not rounded to 256 levels."""
        grey = tf.image.rgb_to_grayscale(images) if images.shape[-1] == 3 else images
        resized = tf.image.resize(grey, (SIZE, SIZE), tf.image.ResizeMethod.BICUBIC, antialias=True)
        return model(tf.clip_by_value(resized, -1.0, 1.0), training=False)[0]

    return Extractor(
        name,
        sha256=fingerprint(name, sha256, VERSION),
        dimensions=DIMENSIONS,
        prepare=prepare,
        network=lambda pixels: model(to_float(pixels), training=False),
        embed=embed,
        class_names=class_names,
        licence="Apache-2.0",
        trained_on=trained_on,
    )
