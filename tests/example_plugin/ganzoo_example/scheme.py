"""A scheme: a GAN whose discriminator is trained twice on each batch."""

import tensorflow as tf

import ganzoo
from ganzoo.models.vanilla import VanillaGAN


@ganzoo.register("scheme", "example_twice")
class TwiceGAN(VanillaGAN):
    """Two updates of the discriminator on a batch, with other fakes, then one of the generator."""

    def train_step(self, batches):
        real, labels = self.read_batch(batches[0])
        for k in range(2):
            fake = self._fakes(k, real, labels)
            self.minimise("discriminator", self.discriminator_loss, real, fake, labels, tf.constant(k))
        self.minimise("generator", self.generator_loss, real, fake, labels)
