"""Mixin for models that generate examples: generate, sample_latents, decode."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field

from ganzoo.core import randomness
from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.engine.exported import Exported
from ganzoo.errors import UsageError
from ganzoo.models import rows
from ganzoo.models.display import DisplayArray
from ganzoo.models.sampling import Sampler
from ganzoo.schema import Section

ROWS_A_CALL = 256  # bounds the memory of one call; larger values are not faster


class Latent(Section):
    """Latents of a config: their size and prior."""

    size: int = Field(ge=1, le=65536)
    prior: Literal["normal", "uniform"] = "normal"


class GenerativeModel:
    """Mixin for models that generate examples from latents.

    Attributes:
      generator_ema: network that generates: latents `[N, latent_size]` (and labels int32 `[N]`) -> examples.
      latent_size: size of the latents.
      prior: `normal` or `uniform`.
      classes: number of labels; 0 for an unconditional model.
    """

    name: str
    generator_ema: keras.Model
    latent_size: int
    prior: str
    classes: int
    key: Callable[..., tf.Tensor]
    _sampler: Sampler | None = None

    def draw_latents(self, draw: int, count: Any) -> tf.Tensor:
        """Draw latents `[count, latent_size]` for a replica's rows of the global batch, in a training step.

        Args:
          draw: index of the draw in the step.
          count: rows of the replica.
        """
        draw_key = self.key("latents", draw)
        return randomness.place_of_replica(count).rows(
            lambda total: randomness.latents(self.prior, draw_key, [total, self.latent_size]), count
        )

    def coded(self, latents: tf.Tensor) -> tf.Tensor:
        """Return what the generator sees of latents: all, as they are."""
        return latents

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels from the config, in order; empty if it has none."""
        config = getattr(self, "config", None)
        return () if config is None else tuple(config.dataset.class_names)

    @property
    def sampler(self) -> Sampler:
        """Sampling functions of the moving average; the same functions are exported."""
        if self._sampler is None:
            self._sampler = self._sampler_of(self.generator_ema)
        return self._sampler

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return examples in the networks' range from latents, for `model(inputs)` and `model.predict(inputs)`.

        Args:
          inputs: latents `[N, latent_size]`, or (latents, labels int `[N]`) for a conditional model.
          training: ignored; the moving average always runs in inference mode.

        Returns:
          float32 `[N, …]`, images in [-1, 1]; `decode` returns them in the dtype of the data.

        Raises:
          UsageError: if labels are missing, or given to an unconditional model.
        """
        latents, *labels = inputs if isinstance(inputs, list | tuple) else [inputs]
        if len(labels) != bool(self.classes):
            wanted = "[latents, labels]" if self.classes else "latents alone"
            raise UsageError(f"{self.name}: expected {wanted}, got {1 + len(labels)} input(s)")
        return self.sampler.inside(latents, *(tf.cast(label, tf.int32) for label in labels))

    @property
    def batch_parts(self) -> dict[str, Kind | int]:
        """See SteppedModel."""
        return {"examples": self.kind} | ({"labels": self.classes} if self.classes else {})

    def exported(self, networks: Mapping[str, keras.Model] | None = None) -> dict[str, Exported]:
        """See SteppedModel."""
        network = networks["generator"] if networks else self.generator_ema
        sampler = self._sampler_of(network) if networks else self.sampler
        functions = {"generate": sampler.generate, "decode": sampler.decode}
        return {
            name: Exported(function, network.variables, self.classes, output=self.kind.plural)
            for name, function in functions.items()
        }

    def _sampler_of(self, generator: keras.Model) -> Sampler:
        return Sampler(generator, self.latent_size, self.prior, bool(self.classes), self.kind, self.coded)

    @property
    def kind(self) -> Kind:
        """Kind of the generated data: from the config, or from the shape of the generator's output."""
        config = getattr(self, "config", None)  # None in a model that was not built from a config
        return (
            kinds.of_shape(tuple(self.generator_ema.output_shape[1:])) if config is None else kinds.of(config.dataset)
        )

    def generate(
        self,
        n: int | None = None,
        labels: Any = None,
        seed: int | None = None,
        truncation: float = 1.0,
        positions: Any = None,
    ) -> np.ndarray:
        """Generate examples; example i depends only on (seed, i) and its label.

        Args:
          n: number of examples; by default that of labels or positions, otherwise one per class, otherwise 16.
          labels: one label, or one per example: ints in [0, classes), or texts: names in `class_names`, or their
            numbers; by default they cycle through the classes by position.
          seed: integer in [0, 2**31); by default a new one each time.
          truncation: in (0, 1]: factor of the latents, for less varied, more typical examples. Of a generator with
            styles it is psi: that of the styles' distance from their mean (Karras et al. 2019, arXiv:1812.04948). For
            the truncated normal of BigGAN see `truncated_latents`.
          positions: ints `[n]`: positions in the seed's endless sequence of examples; by default 0 … n-1.

        Returns:
          uint8 `[n, H, W, C]`, or float32 `[n, columns]` for points, as an array that displays itself in a notebook.

        Raises:
          UsageError: if n < 1; a label, seed, truncation or position is out of range; a class name is unknown; or an
            unconditional model gets labels.
        """
        inputs = rows.drawing(self.name, self.classes, n, labels, seed, truncation, positions, self.class_names)
        return DisplayArray.of(in_parts(self.sampler.generate, list(inputs.values())), self.kind)

    def sample_latents(self, n: int, seed: int | None = None, truncation: float = 1.0) -> np.ndarray:
        """Return the latents float32 `[n, latent_size]` of a seed's examples 0 … n-1, as `generate` draws them.

        Raises:
          UsageError: if an argument is out of range, or the generator is truncated in its styles.
        """
        n = rows.check_count(n)
        if truncation != 1.0 and self.sampler.styled:
            raise UsageError(
                f"truncation: expected 1 for latents of {self.name}, whose generator is truncated in its styles, got "
                f"{truncation!r} (use generate)"
            )
        seeds = np.stack([np.full(n, rows.check_seed(seed)), np.arange(n)], axis=1).astype(np.int32)
        return in_parts(self.sampler.latents, [seeds, np.full(n, rows.check_truncation(truncation), np.float32)])

    def truncated_latents(self, n: int, threshold: float, seed: int | None = None) -> np.ndarray:
        """Return latents of N(0, 1) truncated to [-threshold, threshold], for `decode`; row i depends on (seed, i).

        Args:
          n: number of rows.
          threshold: above 0; smaller is more typical and less varied.
          seed: as for `generate`.

        Returns:
          float32 `[n, latent_size]`.

        Raises:
          UsageError: if an argument is out of range, or the prior is not normal.

        Source: Brock et al. 2019, arXiv:1809.11096, section 3.1, by the inverse distribution instead of redrawing.
        """
        if self.prior != "normal":
            raise UsageError(f"{self.name}: truncated_latents: expected the prior normal, got {self.prior}")
        if not threshold > 0.0:
            raise UsageError(f"threshold: expected a number above 0, got {threshold!r}")
        drawn = tf.cast(self.sample_latents(n, seed), tf.float64) / math.sqrt(2.0)
        inside = tf.math.erf(drawn) * math.erf(threshold / math.sqrt(2.0))
        return np.clip(tf.math.erfinv(inside).numpy() * math.sqrt(2.0), -threshold, threshold).astype(np.float32)

    def decode(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Return examples from latents.

        Args:
          latents: float32 `[n, latent_size]`.
          labels: as in `generate`; by default they cycle through the classes.

        Returns:
          As `generate`.

        Raises:
          UsageError: if the shape of the latents is wrong, or labels as in `generate`.
        """
        latents = np.asarray(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.latent_size or not len(latents):
            raise UsageError(f"latents: expected [n, {self.latent_size}], got {list(latents.shape)}")
        if labels is None and self.classes:
            labels = np.arange(len(latents)) % self.classes
        made = in_parts(self.sampler.decode, [latents, *self.check_labels(labels, len(latents))])
        return DisplayArray.of(made, self.kind)

    def check_labels(self, labels: Any, n: int) -> list[np.ndarray]:
        """Return further inputs of the networks: `[int32 [n]]` for a conditional model, otherwise `[]`.

        Raises:
          UsageError: if labels are missing, not supported, not integers, too many or out of range.
        """
        return list(rows.check_labels(self.name, self.classes, labels, n, self.class_names).values())


def in_parts(function: Any, inputs: list[np.ndarray]) -> np.ndarray:
    """Call a function of rows on at most `ROWS_A_CALL` rows at a time."""
    parts = range(0, len(inputs[0]), ROWS_A_CALL)
    return np.concatenate([function(*(x[start : start + ROWS_A_CALL] for x in inputs)).numpy() for start in parts])
