"""Features of a frozen network, and their mixing over sizes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.networks.features.efficientnet_lite0 import CHANNELS, trained
from ganzoo.networks.layers.upsampling import enlarged


@keras.saving.register_keras_serializable(package="ganzoo")
class FrozenFeatures(keras.layers.Layer):
    """EfficientNet-Lite0's features of 4, 8, 16 and 32 pixels.

    Maps `[N, H, W, 1 or 3]` in [-1, 1] to four tensors, `[N, H / 4, W / 4, 24]` to `[N, H / 32, W / 32, 320]`.

    Its weights are constants: they are neither trained nor part of a checkpoint.
    """

    def build(self, input_shape: Any) -> None:
        self.network = trained()

    def call(self, inputs: tf.Tensor) -> list[tf.Tensor]:
        levels = (tf.cast(inputs, tf.float32) + 1.0) * 127.5
        return self.network.levels(tf.concat([levels] * (3 // levels.shape[-1]), -1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *sides, _ = input_shape
        return [
            (rows, *(side and -(-side // 2 ** (number + 2)) for side in sides), channels)
            for number, channels in enumerate(CHANNELS)
        ]


@keras.saving.register_keras_serializable(package="ganzoo")
class Mixing(keras.layers.Layer):
    """Sum of features and of the next larger size's, which are enlarged: `[N, H, W, C], [N, H / 2, W / 2, C]`."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        fine, coarse = inputs
        return fine + enlarged(coarse, tf.shape(fine)[1:3])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
