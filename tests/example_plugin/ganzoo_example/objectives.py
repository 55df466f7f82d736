"""A loss with an option, and a penalty with one."""

import tensorflow as tf

import ganzoo


@ganzoo.register("loss", "example_margin")
class Margin:
    """Logistic loss of logits that are to be beyond a margin."""

    def __init__(self, *, margin: float = 0.0):
        self.margin = margin

    def discriminator(self, real_logits, fake_logits):
        return tf.nn.softplus(self.margin - real_logits) + tf.nn.softplus(self.margin + fake_logits)

    def generator(self, real_logits, fake_logits):
        return tf.nn.softplus(-fake_logits)


@ganzoo.register("penalty", "example_drift")
def drift(context, *, centre: float = 0.0):
    """Keeps the logits of real examples near a centre."""
    return tf.square(context.real_outputs["logits"] - centre)
