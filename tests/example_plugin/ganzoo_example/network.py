"""A generator of points."""

import keras

import ganzoo


@ganzoo.register("generator", "example_affine")
def affine(latent_size, example_shape, classes=0, conditioning=None, *, units: int = 8):
    """One hidden layer."""
    latents = keras.Input((latent_size,), name="latents")
    x = keras.layers.Dense(units, activation="relu", name="hidden")(latents)
    return keras.Model(latents, keras.layers.Dense(example_shape[0], name="points")(x), name="generator")
