"""The networks of `zoo_configs/dcgan_benchmark.yaml` in a Keras tutorial's training loop: a speed reference.

One `tf.function` per step, called from Python for each batch of a `tf.data` pipeline; two generator calls per step.
"""

from __future__ import annotations

import argparse
import math
import time

import keras
import tensorflow as tf

from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.training import turns

LATENT_SIZE = 100


def main() -> None:
    """Take part in a contest; see ganzoo/training/turns.py."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--batch_size", type=int, default=128)
    given = flags.parse_args()
    turns.serve(lambda: prepare(given.batch_size))


def prepare(batch_size: int) -> tuple[turns.Reply, turns.Turn]:
    """Build everything and run the first step."""
    began = time.monotonic()
    batches = iter(make_dataset(batch_size))
    generator, discriminator = make_generator(), make_discriminator()
    train_step = make_train_step(generator, discriminator)

    def step() -> None:
        generator_loss, _ = train_step(next(batches))
        float(generator_loss)

    step()
    about = {
        "first_step_seconds": time.monotonic() - began,
        "parameters": {network.name: count(network) for network in (generator, discriminator)},
        "made_with": {"TensorFlow": tf.__version__, "Keras": keras.__version__},
    }
    return about, lambda steps: turns.timed(step, steps, batch_size)


def make_dataset(batch_size: int) -> tf.data.Dataset:
    """Return endless shuffled batches, float32 `[batch_size, 28, 28, 1]` in [-1, 1]."""
    images, _ = load_mnist_5k()
    images = images.reshape(-1, 28, 28, 1).astype("float32") / 127.5 - 1.0
    dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images))
    return dataset.batch(batch_size, drop_remainder=True).repeat().prefetch(tf.data.AUTOTUNE)


def make_generator() -> keras.Model:
    """Build a network from latents `[N, 100]` to images `[N, 28, 28, 1]`."""
    return keras.Sequential(
        [
            keras.Input((LATENT_SIZE,)),
            keras.layers.Dense(7 * 7 * 256, use_bias=False),
            keras.layers.Reshape((7, 7, 256)),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(0.3),
            keras.layers.Conv2DTranspose(128, 5, strides=1, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(0.3),
            keras.layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(0.3),
            keras.layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ],
        name="generator",
    )


def make_discriminator() -> keras.Model:
    """Build a network from images `[N, 28, 28, 1]` to logits `[N, 1]`."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(64, 5, strides=2, padding="same"),
            keras.layers.LeakyReLU(0.3),
            keras.layers.Dropout(0.3),
            keras.layers.Conv2D(128, 5, strides=2, padding="same"),
            keras.layers.LeakyReLU(0.3),
            keras.layers.Dropout(0.3),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ],
        name="discriminator",
    )


def make_train_step(generator: keras.Model, discriminator: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """Return a compiled function from images to both losses; it updates the discriminator first."""
    generator_optimizer = keras.optimizers.Adam(1e-4)
    discriminator_optimizer = keras.optimizers.Adam(1e-4)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train_step(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        shape = (tf.shape(images)[0], LATENT_SIZE)
        fakes = generator(tf.random.normal(shape), training=True)
        with tf.GradientTape() as tape:
            real_logits = discriminator(images, training=True)
            fake_logits = discriminator(fakes, training=True)
            discriminator_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss += cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        gradients = tape.gradient(discriminator_loss, discriminator.trainable_variables)
        discriminator_optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables, strict=True))
        with tf.GradientTape() as tape:
            fake_logits = discriminator(generator(tf.random.normal(shape), training=True), training=True)
            generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
        gradients = tape.gradient(generator_loss, generator.trainable_variables)
        generator_optimizer.apply_gradients(zip(gradients, generator.trainable_variables, strict=True))
        return generator_loss, discriminator_loss

    return train_step


def count(network: keras.Model) -> int:
    """Return the number of trainable parameters."""
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


if __name__ == "__main__":
    main()
