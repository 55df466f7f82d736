"""The hinge loss."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from ganzoo.objectives.losses.loss import Flipping, LabelledLoss
from ganzoo.registry import register


@register("loss", "hinge")
class Hinge(LabelledLoss):
    """Hinge loss: examples beyond the margin on the correct side have no discriminator loss; the generator's is linear.

    Args:
      margin: logits beyond it, on the correct side, have no gradient.
      label_flipping: share of the discriminator's labels that are swapped, in expectation; see LabelledLoss.

    Sources: Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17.
    """

    def __init__(self, *, margin: Annotated[float, Field(gt=0.0)] = 1.0, label_flipping: Flipping = 0.0) -> None:
        self.margin = margin
        self.label_flipping = label_flipping

    def as_real(self, logits: tf.Tensor) -> tf.Tensor:
        """`max(0, m - D(x))`."""
        return tf.nn.relu(self.margin - logits)

    def as_fake(self, logits: tf.Tensor) -> tf.Tensor:
        """`max(0, m + D(x))`."""
        return tf.nn.relu(self.margin + logits)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake_logits
