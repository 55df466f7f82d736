"""Base class of models that translate images between two domains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.core import images
from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.engine.exported import Exported
from ganzoo.errors import UsageError
from ganzoo.models import inputs
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.display import DisplayArray
from ganzoo.models.tiling import tiled
from ganzoo.schema import choose_domain, other_domain

PIXELS_A_CALL = 2**18  # bounds the memory of one call


class TranslationModel(AdversarialModel):
    """Image-to-image generators, each with its moving average.

    Args:
      domains: names of A and B.
      generators: domain -> network that generates its images, `[N, H, W, C]` in [-1, 1] -> the same; H and W must be
        multiples of its attribute `stride`. Their state is named `generator_DOMAIN`.
      discriminators: domain -> network.
      further: further networks of a subclass, by name.
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
        further: Mapping[str, keras.Model] | None = None,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        networks = {f"generator_{domain}": network for domain, network in generators.items()}
        networks |= {f"discriminator_{domain}": network for domain, network in discriminators.items()}
        networks |= further or {}
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
    def domains_made(cls, domains: Sequence[str], options: Any) -> list[str]:
        """Return the domains of a config, with these options of the scheme, that its models can generate."""
        return list(domains)

    def weights_to_ship(self) -> dict[str, keras.Variable]:
        """Return the generators' moving averages: `generator_DOMAIN/…`."""
        return {f"{role}/{v.path}": v for role, network in self.averages.items() for v in network.variables}

    def trace(self) -> None:
        """Trace the translation to the first domain in advance (0.4 s for `cyclegan_monet`)."""
        self.translators[self.check_domain(None)].run.get_concrete_function()

    def translate(
        self,
        images: Any,
        to: str | None = None,
        *,
        longest: int | str | None = None,
        strength: float = 1.0,
        tile: int | None = None,
    ) -> Any:
        """Translate images from one domain to the other.

        Args:
          images: one image or several: a path, a Pillow image, an array `[H, W]` or `[H, W, C]`, a batch
            `[n, H, W, C]`, or a list of these, each of any size from 8x8 pixels. Arrays are uint8, or floats in
            [-1, 1] (if any value is below 0) or [0, 1]; C is 1 (grey), 3 (RGB) or 4 (RGBA, on white). Grey and colour
            are converted to the model's channels. See `models.inputs.read`.
          to: target domain; by default the first that the model can generate.
          longest: shrink each image first to this many pixels on its longer side; the aspect is kept and images are
            never enlarged. `auto` is the size that the model was trained at; None keeps the size.
          strength: in [0, 1]: 0 gives the original, 1 its translation, values between a linear blend.
          tile: translate overlapping, blended tiles of that side, for images that do not fit into memory. Each is
            normalised separately, so large tiles look better.

        Returns:
          uint8: `[H, W, C]` for one image; `[n, H, W, C]` for a batch, or a list of images of one size; a list of
          `[H, W, C]` for images of several sizes. Images are reflected at their edges up to a multiple of the
          network's stride, and cropped back; each translation depends on its image only. Arrays display themselves in
          a notebook.

        Raises:
          DataError: if a file is missing, broken or not an image.
          UsageError: if the domain is unknown, the images have another type, dtype, shape or range, or `longest`,
            `strength` or `tile` is out of range.
        """
        translator = self.translators[self.check_domain(to)]
        longest = inputs.check_longest(longest, self.check_made_for)
        strength = inputs.check_strength(strength)
        given = inputs.read(images, translator.channels, longest)
        made = given.mapped(lambda batch: _translated(translator, batch, tile), strength)
        return [image.view(DisplayArray) for image in made] if isinstance(made, list) else made.view(DisplayArray)

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return translations to the first domain as floats, for `model(inputs)` and `model.predict(inputs)`.

        Args:
          inputs: images uint8 `[N, H, W, C]`, or floats in [-1, 1].
          training: ignored; the moving average always runs in inference mode.

        Returns:
          float32 `[N, H, W, C]` in [-1, 1]; `translate` returns them as uint8.
        """
        images_inside = images.to_float(inputs) if tf.as_dtype(inputs.dtype) == tf.uint8 else inputs
        return self.translators[self.check_domain(None)].inside(images_inside)

    def direction(self, role: str) -> str:
        """See SteppedModel."""
        what, domain = role.split("_", 1)
        return f"{self.other(domain)} to {domain}" if what == "generator" else f"{domain}: real or not"

    def check_made_for(self) -> int:
        """Return the size of the model's training images, in pixels.

        Raises:
          UsageError: if the model has no config.
        """
        config = getattr(self, "config", None)
        if config is None:
            raise UsageError(f"longest: {self.name} has no config with its training size (give a number)")
        return config.dataset.size

    @property
    def batch_parts(self) -> dict[str, Kind | int]:
        """See SteppedModel."""
        config, network = getattr(self, "config", None), next(iter(self.generators.values()))
        kind = kinds.of_shape(tuple(network.inputs[0].shape[1:])) if config is None else kinds.of(config.dataset)
        return dict.fromkeys(self.domains, kind)

    def exported(self, networks: Mapping[str, keras.Model] | None = None) -> dict[str, Exported]:
        """See SteppedModel."""
        functions = {}
        for domain, translator in self.translators.items():
            network = (networks or self.averages)[f"generator_{domain}"]
            run = Translator(network, translator.stride).run if networks else translator.run
            functions[f"translate_to_{domain}"] = Exported(run, network.variables, smallest_side=inputs.SMALLEST_SIDE)
        return functions

    def check_domain(self, to: str | None) -> str:
        """Return a domain that the model can generate; the first one for None.

        Raises:
          UsageError: if the model cannot generate it.
        """
        return choose_domain(self.name, to, [domain for domain in self.domains if domain in self.translators])

    def other(self, domain: str) -> str:
        """Return the other domain."""
        return other_domain(self.domains, domain)

    def of_domains(self, batch: Any) -> dict[str, tf.Tensor]:
        """Return a batch's images by domain; the batch is such a mapping, or a pair in the order of the domains."""
        both = batch if isinstance(batch, dict) else dict(zip(self.domains, batch, strict=True))
        return {domain: tf.cast(both[domain], keras.config.floatx()) for domain in self.domains}


def _translated(translator: Translator, batch: np.ndarray, tile: int | None) -> np.ndarray:
    """Translate uint8 `[n, H, W, C]`."""
    if tile is not None:
        return np.stack([tiled(lambda x: translator.run(x[np.newaxis]).numpy()[0], image, tile) for image in batch])
    together = max(1, PIXELS_A_CALL // math.prod(batch.shape[1:3]))
    parts = [batch[start : start + together] for start in range(0, len(batch), together)]
    return np.concatenate([translator.run(part).numpy() for part in parts])


class Translator(tf.Module):
    """One generator as a TensorFlow function, which Python calls and exports share.

    Args:
      generator: `[N, H, W, C]` in [-1, 1] -> the same.
      stride: divisor of H and W that the generator needs.

    `run` maps uint8 `[N, H, W, C]` of any size to the same; image i depends on image i only. `inside` does the same
    with floats in [-1, 1], as a plain function.
    """

    def __init__(self, generator: keras.Model, stride: int) -> None:
        super().__init__(name="translator")
        self.stride, self.channels = stride, generator.input_shape[-1]

        def inside(pictures: tf.Tensor) -> tf.Tensor:
            height, width = tf.shape(pictures)[1], tf.shape(pictures)[2]
            whole = _mirrored_up_to(_mirrored_up_to(pictures, stride, 1), stride, 2)
            floats = keras.config.floatx()
            made = tf.cast(generator(tf.cast(whole, floats), training=False), floats)
            return made[:, :height, :width]

        def run(pictures: tf.Tensor) -> tf.Tensor:
            return images.to_uint8(inside(images.to_float(pictures)))

        self.inside = inside
        spec = tf.TensorSpec([None, None, None, self.channels], tf.uint8, "images")
        self.run = tf.function(run, input_signature=[spec])


def _mirrored_up_to(pictures: tf.Tensor, stride: int, axis: int) -> tf.Tensor:
    """Reflect images at the far end of an axis, repeatedly if needed, up to the next multiple of the stride."""
    side = tf.shape(pictures)[axis]
    there_and_back = 2 * (side - 1)
    at = tf.range(side + tf.math.floormod(-side, stride)) % there_and_back
    return tf.gather(pictures, tf.minimum(at, there_and_back - at), axis=axis)
