"""The type of `ganzoo.load`'s result; imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
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

    def __call__(self, inputs: Any, training: bool = False) -> Any:
        """Map latents (and labels), or images to translate, to floats in [-1, 1]; see `keras.Model`."""

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> np.ndarray:
        """Call the model on batches; see `keras.Model.predict`."""

    def fit(self, x: Any = None, y: Any = None, **settings: Any) -> Any:
        """Train; see `ganzoo.engine.stepped.SteppedModel.fit`."""

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write a `.keras` file; see `keras.Model.save`."""

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the networks by role; see `keras.Model.summary`."""

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
