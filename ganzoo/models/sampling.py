"""Sampling as TensorFlow functions: Python calls the functions that are exported, so the two cannot differ.

Row i of a result depends only on row i of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.networks.layers import split_at_styles


class Sampler(tf.Module):
    """`generate`, `decode` and `latents` of one generator.

    Args:
      generator: network, latents `[N, latent_size]` (and labels int32 `[N]`) -> examples in [-1, 1], or points.
      latent_size: size of the latents.
      prior: `normal` or `uniform`.
      conditional: whether the generator takes labels.
      kind: kind of the examples; by default from the shape of the network's output.
      coded: maps latents to what the generator sees of them.

    The functions have fixed signatures; only conditional models have `labels`:
      generate(seeds int32 [N, 2], truncation float32 [N], labels int32 [N]) -> uint8 [N, H, W, C] or float32 [N, D]
      decode(latents float32 [N, latent_size], labels int32 [N]) -> the same
      latents(seeds int32 [N, 2], truncation float32 [N]) -> float32 [N, latent_size]
    Truncation multiplies the latents or, of a generator with styles, their distance from the mean (psi in W): see
    `layers.StyleMean`.
    `inside` is `decode` without the conversion to the data's dtype, as a plain function.
    """

    def __init__(
        self,
        generator: keras.Model,
        latent_size: int,
        prior: str,
        conditional: bool,
        kind: Kind | None = None,
        coded: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    ) -> None:
        super().__init__(name="sampler")
        kind = kind or kinds.of_shape(tuple(generator.output_shape[1:]))
        seeds = tf.TensorSpec([None, 2], tf.int32, "seeds")
        truncation = tf.TensorSpec([None], tf.float32, "truncation")
        labels = [tf.TensorSpec([None], tf.int32, "labels")] if conditional else []
        floats = keras.config.floatx()
        styled = split_at_styles(generator)
        self.styled = styled is not None

        def draw(seeds: tf.Tensor, truncation: tf.Tensor) -> tf.Tensor:
            drawn = randomness.latents_by_row(prior, seeds, latent_size)
            return tf.cast(drawn * tf.cast(truncation, floats)[:, tf.newaxis], tf.float32)

        def inside(latents: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
            return tf.cast(call(generator, coded(tf.cast(latents, floats)), labels, training=False), floats)

        def decode(latents: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
            return kind.to_edge(inside(latents, *labels))

        def generate(seeds: tf.Tensor, truncation: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
            if styled is None:
                return decode(draw(seeds, truncation), *labels)
            mapping, mean, synthesis = styled
            drawn = tf.cast(draw(seeds, tf.ones_like(truncation)), floats)
            styles = mean.truncated(call(mapping, coded(drawn), labels, training=False), tf.cast(truncation, floats))
            return kind.to_edge(tf.cast(synthesis(styles, training=False), floats))

        latents = tf.TensorSpec([None, latent_size], tf.float32, "latents")
        self.latents = tf.function(draw, input_signature=[seeds, truncation])
        self.decode = tf.function(decode, input_signature=[latents, *labels])
        self.inside = inside
        self.generate = tf.function(generate, input_signature=[seeds, truncation, *labels])


def call(network: keras.Model, examples: tf.Tensor, conditions: Sequence[tf.Tensor], *, training: bool) -> tf.Tensor:
    """Return a network's output for latents or examples `[N, …]` and labels, if it takes any."""
    # a function that runs eagerly (tf.config.run_functions_eagerly) is given arrays
    inputs = [tf.convert_to_tensor(tensor) for tensor in (examples, *conditions)]
    return network(inputs if conditions else inputs[0], training=training)
