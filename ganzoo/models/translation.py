"""What every model that translates images between two domains offers: translate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import images
from ganzoo.engine.exported import Exported
from ganzoo.models import rows
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.tiling import tiled
from ganzoo.schema import choose_domain, other_domain

PIXELS_A_CALL = 2**18  # bounds the memory of one call


class TranslationModel(AdversarialModel):
    """Generators from images to images, each with its moving average.

    Args:
      domains: the names of both, A and B.
      generators: domain that it makes images of -> network `[N, H, W, C]` in [-1, 1] -> the same, with an attribute
        `stride` that H and W have to be multiples of. In the state they are called `generator_DOMAIN`.
      discriminators: domain -> network.
      ema_decay, seed: see SteppedModel.
    """

    roles = ("generator", "discriminator")
    offers = ("translate",)

    def __init__(
        self,
        domains: Sequence[str],
        generators: Mapping[str, keras.Model],
        discriminators: Mapping[str, keras.Model],
        *,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        networks = {f"generator_{domain}": network for domain, network in generators.items()}
        networks |= {f"discriminator_{domain}": network for domain, network in discriminators.items()}
        averaged = [f"generator_{domain}" for domain in generators]
        super().__init__(networks, averaged, ema_decay=ema_decay, seed=seed, name=name)
        self.domains = tuple(domains)
        self.generators = dict(generators)
        self.discriminators = dict(discriminators)
        self.translators = {
            domain: Translator(self.averages[f"generator_{domain}"], network.stride)
            for domain, network in generators.items()
        }

    @classmethod
    def domains_made(cls, domains: Sequence[str]) -> list[str]:
        """Those of a config's domains that the scheme's models can make images of."""
        return list(domains)

    def weights_to_ship(self) -> dict[str, keras.Variable]:
        """The generators' moving averages: `generator_DOMAIN/…`."""
        return {f"{role}/{v.path}": v for role, network in self.averages.items() for v in network.variables}

    def trace(self) -> None:
        """Traces the translation to the first domain, 0.4 s of `cyclegan_monet`'s, so that no picture waits for it."""
        self.translators[self.check_domain(None)].run.get_concrete_function()

    def translate(self, pictures: Any, to: str | None = None, tile: int | None = None) -> np.ndarray:
        """Images of the one domain as images of the other.

        Args:
          pictures: uint8 `[n, H, W, C]`, or one image `[H, W, C]`, of any size from 8x8 pixels.
          to: the domain that is wanted; by default the first that the model can make.
          tile: translate squares of that side, which overlap and are blended, for images that do not fit into memory.
            Each is normalised by itself, so large tiles look better.

        Returns:
          uint8 of the same shape. Images are mirrored at their edges up to what the network can divide, and cropped
          back; each image's translation depends on it alone.

        Raises:
          UsageError: an unknown domain; images of another type or shape; a tile that is too small.
        """
        translator = self.translators[self.check_domain(to)]
        batch = rows.translating(pictures, translator.channels)
        if tile is not None:
            result = np.stack(
                [tiled(lambda x: translator.run(x[np.newaxis]).numpy()[0], image, tile) for image in batch]
            )
        else:
            together = max(1, PIXELS_A_CALL // math.prod(batch.shape[1:3]))
            parts = [batch[start : start + together] for start in range(0, len(batch), together)]
            result = np.concatenate([translator.run(part).numpy() for part in parts])
        return result[0] if np.ndim(pictures) == 3 else result

    def exported(self, networks: Mapping[str, keras.Model] | None = None) -> dict[str, Exported]:
        """See SteppedModel."""
        functions = {}
        for domain, translator in self.translators.items():
            network = (networks or self.averages)[f"generator_{domain}"]
            run = Translator(network, translator.stride).run if networks else translator.run
            functions[f"translate_to_{domain}"] = Exported(run, network.variables, smallest_side=rows.SMALLEST_SIDE)
        return functions

    def check_domain(self, to: str | None) -> str:
        """A domain that the model can make; the first of these for None.

        Raises:
          UsageError: it cannot make that one.
        """
        return choose_domain(self.name, to, [domain for domain in self.domains if domain in self.translators])

    def other(self, domain: str) -> str:
        """The other domain."""
        return other_domain(self.domains, domain)

    def of_domains(self, batch: Any) -> dict[str, tf.Tensor]:
        """A batch's images by domain: what `fit` is given is such a mapping, or both in the order of the domains."""
        both = batch if isinstance(batch, dict) else dict(zip(self.domains, batch, strict=True))
        return {domain: tf.cast(both[domain], keras.config.floatx()) for domain in self.domains}


class Translator(tf.Module):
    """One generator as a TensorFlow function: what Python calls is what is exported.

    Args:
      generator: `[N, H, W, C]` in [-1, 1] -> the same.
      stride: that H and W have to be multiples of, for the generator.

    `run` maps uint8 `[N, H, W, C]` of any size to the same; image i depends on image i alone.
    """

    def __init__(self, generator: keras.Model, stride: int) -> None:
        super().__init__(name="translator")
        self.stride, self.channels = stride, generator.input_shape[-1]

        def run(pictures: tf.Tensor) -> tf.Tensor:
            height, width = tf.shape(pictures)[1], tf.shape(pictures)[2]
            whole = _mirrored_up_to(_mirrored_up_to(pictures, stride, 1), stride, 2)
            floats = keras.config.floatx()
            made = tf.cast(generator(tf.cast(images.to_float(whole), floats), training=False), floats)
            return images.to_uint8(made[:, :height, :width])

        spec = tf.TensorSpec([None, None, None, self.channels], tf.uint8, "images")
        self.run = tf.function(run, input_signature=[spec])


def _mirrored_up_to(pictures: tf.Tensor, stride: int, axis: int) -> tf.Tensor:
    """Mirrored at the far end of an axis, as often as it takes to reach the next multiple of the stride."""
    side = tf.shape(pictures)[axis]
    there_and_back = 2 * (side - 1)
    at = tf.range(side + tf.math.floormod(-side, stride)) % there_and_back
    return tf.gather(pictures, tf.minimum(at, there_and_back - at), axis=axis)
