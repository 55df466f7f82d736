"""The hinge loss."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from ganzoo.objectives.losses.loss import AdversarialLoss
from ganzoo.registry import register


@register("loss", "hinge")
class Hinge(AdversarialLoss):
    """Hinge loss: examples beyond the margin on the correct side have no discriminator loss; the generator's is linear.

    Args:
      margin: logits beyond it, on the correct side, have no gradient.

    Sources: Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17.
    """

    def __init__(self, *, margin: Annotated[float, Field(gt=0.0)] = 1.0) -> None:
        self.margin = margin

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`max(0, m - D(x)) + max(0, m + D(G(z)))`."""
        return tf.nn.relu(self.margin - real_logits) + tf.nn.relu(self.margin + fake_logits)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake_logits
