"""Directories `BASE/VERSION/` of an exported model, with the same functions as `generate`, `decode` and `translate`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from ganzoo.core import files
from ganzoo.engine.exported import Exported
from ganzoo.errors import UsageError
from ganzoo.exports import formats, warm_up
from ganzoo.exports.compact import compact
from ganzoo.exports.signatures import Signatures, by_dictionary, signatures
from ganzoo.models.build import build

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel

CONFIG_FILE = "config.yaml"
CARD_FILE = "card.yaml"


def write_version(
    model: SteppedModel,
    base: str | Path,
    version: int = 1,
    *,
    format: str = formats.SAVED_MODEL,
    precision: str = formats.FLOAT32,
    overwrite: bool = False,
    card: Path | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write `base/VERSION/`.

    The default is a SavedModel for TensorFlow Serving, with the signatures of `signatures.signatures`. Weights that are
    exact in float16, like those of the zoo, are stored so. `assets.extra/` holds the resolved config, the card and the
    warm-up requests. Other formats have the files of `formats.write`, the config and the card.

    Args:
      model: Model.
      base: Directory of the model's versions.
      version: Version number, from 1 to `formats.LARGEST_VERSION`.
      format: `savedmodel`, `onnx` or `litert`.
      precision: Compute precision of a SavedModel, `float32` or `bfloat16`. The latter needs a model with a config, and
        differs from Python by some grey levels.
      overwrite: Whether to replace an existing version.
      card: File of the model's card.
      note: Function that receives a message about each part left out.

    Returns:
      Directory of the version.

    Raises:
      UsageError: As `formats.check_version`.
      RunError: The version cannot be written; an existing one stays.
    """
    final = formats.check_version(base, version, overwrite, format, precision)
    temporary = files.temporary_beside(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if format == formats.SAVED_MODEL:
            _save(model, final.parent.name, precision, temporary, card, note)
        else:
            temporary.mkdir()
            formats.write(model, temporary, format)
            _write_papers(model, temporary, card)
        _put(temporary, final)
    except (OSError, tf.errors.OpError) as error:
        raise files.cannot_write(final, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def _save(
    model: SteppedModel,
    name: str,
    precision: str,
    directory: Path,
    card: Path | None,
    note: Callable[[str], None],
) -> None:
    functions, variables = compact(_functions(model, precision))
    made = signatures(functions)
    module = tf.Module()
    module.variables_used = variables
    module.serve = by_dictionary(made["serving_default"])  # what TFSMLayer calls if it is not told
    for signature, function in made.items():
        if len(function.input_signature) > 1:  # TFSMLayer prefers this to the signature, which takes keywords
            setattr(module, signature, by_dictionary(function))
    tf.saved_model.save(module, str(directory), signatures=made)
    _write_extra(model, name, directory / "assets.extra", card, made, note)


def _functions(model: SteppedModel, precision: str) -> dict[str, Exported]:
    """Return the functions to export; for bfloat16, from networks rebuilt with the same weights."""
    if precision == formats.FLOAT32:
        return model.exported()
    config = getattr(model, "config", None)
    if config is None:
        raise UsageError(f"precision {precision}: {model.name} has no config to build its networks from (leave it out)")
    short = build(config, precision=precision)
    for role, average in model.averages.items():
        short.networks[role].set_weights(average.get_weights())
    return short.exported(short.networks)


def _write_extra(
    model: SteppedModel, name: str, extra: Path, card: Path | None, made: Signatures, note: Callable[[str], None]
) -> None:
    """Write `assets.extra/`: TensorFlow Serving reads the warm-up requests in it."""
    extra.mkdir()
    _write_papers(model, extra, card)
    if not warm_up.write(extra / warm_up.FILE, name, made):
        note(f"{name}: exported without warm-up requests (pip install 'ganzoo[serving]' adds them)")


def _write_papers(model: SteppedModel, directory: Path, card: Path | None) -> None:
    config = getattr(model, "config", None)  # a model built by hand has none
    if config is not None:
        (directory / CONFIG_FILE).write_text(config.to_yaml(), encoding="utf-8")
    if card is not None:
        shutil.copyfile(card, directory / CARD_FILE)


def _put(made: Path, final: Path) -> None:
    """Rename a directory; if that fails, restore the existing one of that name."""
    old = files.temporary_beside(final)
    if final.exists():
        final.rename(old)
    try:
        made.rename(final)
    except OSError:
        if old.exists():
            old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)
