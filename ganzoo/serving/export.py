"""A SavedModel that needs no Python: the very functions that `generate` and `decode` run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from ganzoo import files
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.models.generative import GenerativeModel


def export(model: GenerativeModel, directory: str | Path, version: int = 1, *, overwrite: bool = False) -> Path:
    """Writes `directory/VERSION/`, a SavedModel with the signatures `generate` (also `serving_default`) and `decode`.

    Args:
      model: a model.
      directory: the base directory of the model's versions.
      version: a number of 1 or more.
      overwrite: replace a version that is there.

    Returns:
      The directory of the version. Its signatures take keyword tensors and give one output, `images` (or `points`):
        generate(seeds int32 [N, 2] = (seed, position), truncation float32 [N], labels int32 [N] if conditional)
        decode(latents float32 [N, latent_size], labels int32 [N] if conditional)

    Raises:
      UsageError: the version is no number of 1 or more, or is there already.
      RunError: it cannot be written; a version that was there stays.
    """
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise UsageError(f"version: {version!r} given, an integer of 1 or more wanted")
    final = Path(directory) / str(version)
    if final.exists() and not overwrite:
        raise UsageError(f"{final}: is there already (give another version, or overwrite=True)")
    sampler = model.sampler
    output = "images" if len(sampler.decode.get_concrete_function().structured_outputs.shape) == 4 else "points"
    module = tf.Module()
    module.generator_variables = sampler.generator_variables
    module.generate = _named(sampler.generate, output)
    module.decode = _named(sampler.decode, output)
    signatures = {"serving_default": module.generate, "generate": module.generate, "decode": module.decode}
    temporary, old = (final.with_name(f".{final.name}.{part}.{os.getpid()}") for part in ("new", "old"))
    try:
        tf.saved_model.save(module, str(temporary), signatures=signatures)
        if final.exists():
            final.rename(old)
        temporary.rename(final)
    except (OSError, tf.errors.OpError) as error:
        raise files.cannot_write(final, error) from None
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return final


def _named(
    function: tf.types.experimental.PolymorphicFunction, output: str
) -> tf.types.experimental.PolymorphicFunction:
    """The same function with a dictionary for an output, which is what a signature wants."""
    return tf.function(lambda *inputs: {output: function(*inputs)}, input_signature=function.input_signature)
