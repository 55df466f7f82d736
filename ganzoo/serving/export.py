"""A SavedModel that needs no Python: the very functions that `generate`, `decode` and `translate` run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from ganzoo import files
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.models.stepped import SteppedModel


def export(model: SteppedModel, directory: str | Path, version: int = 1, *, overwrite: bool = False) -> Path:
    """Writes `directory/VERSION/`, a SavedModel.

    Args:
      model: a model.
      directory: the base directory of the model's versions.
      version: a number of 1 or more.
      overwrite: replace a version that is there.

    Returns:
      The directory of the version. Its signatures take keyword tensors and give one output, `images` (or `points`).
      Of a model that draws (`generate` is `serving_default` too):
        generate(seeds int32 [N, 2] = (seed, position), truncation float32 [N], labels int32 [N] if conditional)
        decode(latents float32 [N, latent_size], labels int32 [N] if conditional)
      Of one that translates, for each domain that it makes (the first is `serving_default` too):
        translate_to_DOMAIN(images uint8 [N, H, W, C])

    Raises:
      UsageError: the version is no number of 1 or more, or is there already.
      RunError: it cannot be written; a version that was there stays.
    """
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise UsageError(f"version: {version!r} given, an integer of 1 or more wanted")
    final = Path(directory) / str(version)
    if final.exists() and not overwrite:
        raise UsageError(f"{final}: is there already (give another version, or overwrite=True)")
    content = model.exported()
    module = tf.Module()
    module.variables_used = content.variables
    module.functions = content.signatures
    temporary, old = (final.with_name(f".{final.name}.{part}.{os.getpid()}") for part in ("new", "old"))
    try:
        tf.saved_model.save(module, str(temporary), signatures=content.signatures)
        if final.exists():
            final.rename(old)
        temporary.rename(final)
    except (OSError, tf.errors.OpError) as error:
        raise files.cannot_write(final, error) from None
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return final
