"""The LeCam penalty."""

from __future__ import annotations

from typing import Annotated, ClassVar

import tensorflow as tf
from pydantic import Field

from ganzoo.core.replicas import global_mean
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import register


@register("penalty", "lecam")
class LeCam:
    """Squared distance of the logits to the moving average of those of the other kind, for few training examples.

    With the averages a_R and a_F of the logits of real and generated examples, over the global batches of earlier
    updates (0 before the first), it is `(D(x) - a_F)^2 + (D(G(z)) - a_R)^2`.

    Args:
      decay: decay of the averages in each update.

    Source: Tseng et al. 2021, arXiv:2104.03310, eq. 4 (weights of 0.01 to 0.5, decay 0.99).
    """

    over_batch = True
    state: ClassVar = {"real": 0.0, "fake": 0.0}

    def __init__(self, *, decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99) -> None:
        self.decay = decay

    def __call__(self, context: PenaltyContext) -> tf.Tensor:
        """Return `[N]` (`[N, h, w]` for patches), and update the averages."""
        real, fake = (outputs["logits"] for outputs in (context.real_outputs, context.fake_outputs))
        of_real, of_fake = (context.state[kind].value for kind in ("real", "fake"))
        value = tf.square(real - of_fake) + tf.square(fake - of_real)
        for kind, average, logits in (("real", of_real, real), ("fake", of_fake, fake)):
            context.state[kind].assign(average + (1.0 - self.decay) * (global_mean(logits) - average))
        return value
