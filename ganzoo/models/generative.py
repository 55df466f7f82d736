"""What every model that draws examples offers: generate, sample_latents, decode."""

from __future__ import annotations

import secrets
from typing import Any

import keras
import numpy as np

from ganzoo.errors import UsageError
from ganzoo.models.sampling import Exported, Sampler

ROWS_A_CALL = 256  # bounds the memory of one call; a multiple costs no more
LARGEST_SEED = 2**31 - 1


class GenerativeModel:
    """A mixin for models that draw examples from latents.

    Attributes:
      generator_ema: what is drawn from: latents `[N, latent_size]` (and labels int32 `[N]`) -> examples.
      latent_size: size of the latents.
      prior: `normal` or `uniform`.
      classes: number of labels; 0 for an unconditional model.
    """

    name: str
    generator_ema: keras.Model
    latent_size: int
    prior: str
    classes: int
    _sampler: Sampler | None = None

    @property
    def sampler(self) -> Sampler:
        """The functions that sample the moving average: what is called here is what is exported."""
        if self._sampler is None:
            self._sampler = Sampler(self.generator_ema, self.latent_size, self.prior, bool(self.classes))
        return self._sampler

    def exported(self) -> dict[str, Exported]:
        """The functions that a SavedModel of the model holds, by name; see `serving.export`."""
        functions = {"generate": self.sampler.generate, "decode": self.sampler.decode}
        variables = self.generator_ema.variables
        return {name: Exported(function, variables, self.classes) for name, function in functions.items()}

    def generate(
        self,
        n: int | None = None,
        labels: Any = None,
        seed: int | None = None,
        truncation: float = 1.0,
        positions: Any = None,
    ) -> np.ndarray:
        """Draws examples; number i depends on (seed, i) and its label alone.

        Args:
          n: how many; by default as many as there are labels or positions, else one a class, else 16.
          labels: one int or ints `[n]` in [0, classes); by default they cycle through the classes by position.
          seed: integer in [0, 2**31); by default a new one each time.
          truncation: in (0, 1]: shrinks the latents towards the prior's mean; less varied, more typical examples.
          positions: ints `[n]`: which examples of the seed's endless sequence are wanted; by default 0 … n-1.

        Returns:
          uint8 `[n, H, W, C]`, or float32 `[n, columns]` for points.

        Raises:
          UsageError: n < 1; a label, seed, truncation or position out of range; labels for an unconditional model.
        """
        n = self._count(n, labels, positions)
        positions = np.arange(n) if positions is None else _integers("positions", positions, n, LARGEST_SEED + 1)
        seeds = np.stack([np.full(n, check_seed(seed)), positions], axis=1).astype(np.int32)
        inputs = [seeds, np.full(n, _check_truncation(truncation), np.float32)]
        if labels is None and self.classes:
            labels = positions % self.classes
        inputs += self.check_labels(labels, n)
        return _in_parts(self.sampler.generate, inputs)

    def sample_latents(self, n: int, seed: int | None = None, truncation: float = 1.0) -> np.ndarray:
        """The latents float32 `[n, latent_size]` of examples 0 … n-1 of a seed, as `generate` draws them."""
        n = _check_count(n)
        seeds = np.stack([np.full(n, check_seed(seed)), np.arange(n)], axis=1).astype(np.int32)
        return _in_parts(self.sampler.latents, [seeds, np.full(n, _check_truncation(truncation), np.float32)])

    def decode(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Examples from latents.

        Args:
          latents: float32 `[n, latent_size]`.
          labels: one int or ints `[n]`; by default they cycle through the classes.

        Returns:
          As `generate`.

        Raises:
          UsageError: latents of another shape, or labels as in `generate`.
        """
        latents = np.asarray(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.latent_size or not len(latents):
            raise UsageError(f"latents: shape {list(latents.shape)} given, [n, {self.latent_size}] wanted")
        if labels is None and self.classes:
            labels = np.arange(len(latents)) % self.classes
        return _in_parts(self.sampler.decode, [latents, *self.check_labels(labels, len(latents))])

    def check_labels(self, labels: Any, n: int) -> list[np.ndarray]:
        """The networks' further inputs: `[int32 [n]]` for a conditional model, `[]` for another.

        Raises:
          UsageError: labels that are missing, not wanted, not integers, too many or out of range.
        """
        if not self.classes:
            if labels is not None:
                raise UsageError(f"labels: {self.name} is not conditional (leave them out)")
            return []
        if labels is None:
            raise UsageError(f"labels: wanted, ints in 0 … {self.classes - 1}")
        if np.ndim(labels) == 0:
            labels = [labels] * n
        return [_integers("labels", labels, n, self.classes).astype(np.int32)]

    def _count(self, n: int | None, labels: Any, positions: Any) -> int:
        if n is not None:
            return _check_count(n)
        for values in (labels, positions):
            if values is not None and np.ndim(values) == 1:
                return _check_count(len(values))
        return 1 if labels is not None else self.classes or 16


def check_seed(seed: int | None) -> int:
    """A seed in [0, 2**31); a fresh one for None.

    Raises:
      UsageError: not an integer, or out of range.
    """
    if seed is None:
        return secrets.randbelow(LARGEST_SEED + 1)
    return int(_integers("seed", [seed], 1, LARGEST_SEED + 1)[0])


def _check_count(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise UsageError(f"n: {n!r} given, an integer of 1 or more wanted")
    return int(n)


def _check_truncation(truncation: Any) -> float:
    if not isinstance(truncation, int | float | np.number) or not 0.0 < float(truncation) <= 1.0:
        raise UsageError(f"truncation: {truncation!r} given, a number in (0, 1] wanted")
    return float(truncation)


def _integers(what: str, values: Any, n: int, limit: int) -> np.ndarray:
    """int64 `[n]` in [0, limit), or a UsageError that names the first value that is not."""
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != n:
        raise UsageError(f"{what}: {n} wanted, shape {list(array.shape)} given")
    if not np.issubdtype(array.dtype, np.integer):
        raise UsageError(f"{what}: {array.tolist()[0]!r} given, integers in 0 … {limit - 1} wanted")
    wrong = array[(array < 0) | (array >= limit)]
    if len(wrong):
        raise UsageError(f"{what}: {wrong[0]} is out of range (0 … {limit - 1})")
    return array.astype(np.int64)


def _in_parts(function: Any, inputs: list[np.ndarray]) -> np.ndarray:
    parts = range(0, len(inputs[0]), ROWS_A_CALL)
    return np.concatenate([function(*(x[start : start + ROWS_A_CALL] for x in inputs)).numpy() for start in parts])
