"""Batch normalisation with a scale and a shift for each class."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.networks.layers.batch_normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="ganzoo")
class ConditionalBatchNormalization(BatchNormalization):
    """`layers.BatchNormalization` whose gamma and beta are those of each example's class.

    Call it with `[inputs, labels]`: `[N, …, C]` and int32 `[N]`. Statistics are over all classes.

    Args:
      classes: number of labels.

    Source: Dumoulin et al. 2017, arXiv:1610.07629, section 2.2; in GANs, Miyato & Koyama 2018, arXiv:1802.05637.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape: Any) -> None:
        self._create_weights(input_shape[0][-1], (self.classes,))

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        examples, labels = inputs
        shape = [-1, *[1] * (examples.shape.rank - 2), examples.shape[-1]]
        gamma, beta = (tf.reshape(tf.gather(v.value, labels), shape) for v in (self.gamma, self.beta))
        return self._normalised(examples, gamma, beta, training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}
