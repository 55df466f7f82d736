"""The type of `ganzoo.load`'s result; imports no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras

    from ganzoo.schema import Config


class Model(Protocol):
    """A model of the zoo.

    Its methods depend on its scheme: `generate`, `sample_latents` and `decode` for generative models, `translate` for
    translation models.

    Attributes:
      name: name of the config.
      config: the whole config.
      step: number of training steps; 0 for published weights.
    """

    name: str
    config: Config

    @property
    def step(self) -> int: ...

    @property
    def networks(self) -> dict[str, keras.Model]: ...

    @property
    def averages(self) -> dict[str, keras.Model]: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    def generate(
        self,
        n: int | None = None,
        labels: Any = None,
        seed: int | None = None,
        truncation: float = 1.0,
        positions: Any = None,
    ) -> np.ndarray:
        """Draw examples; see `ganzoo.models.generative.GenerativeModel.generate`."""

    def sample_latents(self, n: int, seed: int | None = None, truncation: float = 1.0) -> np.ndarray:
        """Draw latents; see `ganzoo.models.generative.GenerativeModel.sample_latents`."""

    def decode(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Make examples from latents; see `ganzoo.models.generative.GenerativeModel.decode`."""

    def translate(
        self,
        images: Any,
        to: str | None = None,
        *,
        longest: int | str | None = None,
        strength: float = 1.0,
        tile: int | None = None,
    ) -> Any:
        """Translate images; see `ganzoo.models.translation.TranslationModel.translate`."""
