"""Export a model by its name, or from a run directory or a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.core.start import import_quietly
from ganzoo.zoo.catalog import TO_EXPORT, card_path, check_trained, config, has_no_weights, names
from ganzoo.zoo.load import open_model

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel


def export(
    model: SteppedModel | str | Path,
    directory: str | Path,
    version: int = 1,
    *,
    name: str | None = None,
    format: str = "savedmodel",
    precision: str = "float32",
    overwrite: bool = False,
    allow_untrained: bool = False,
    quiet: bool = False,
) -> Path:
    """Writes `directory/NAME/VERSION/`, by default a SavedModel that TensorFlow Serving loads as it is.

    `ganzoo.exports.signatures` documents the signatures, `ganzoo.exports.bounds` what is refused.
    `assets.extra/` gets the resolved config, the card (of a zoo model that is given by its name), and warm-up requests
    where tensorflow-serving-api is installed. `ganzoo.exports.formats` documents the other formats' files, beside which
    are the config and the card.

    Args:
      model: a model, or what `load` takes.
      directory: the base directory of all models.
      version: an integer of 1 or more.
      name: that servers call it by; by default the config's, which a run shares with the zoo's model.
      format: `savedmodel`; `onnx` or `litert`, for ONNX Runtime or LiteRT.
      precision: that the networks of a SavedModel compute in: `float32`, which gives Python's bytes, or `bfloat16`,
        which is faster where the processor has it, and some grey levels away.
      overwrite: replace a version that is there.
      allow_untrained: export random weights where a zoo model or a YAML file has no others.
      quiet: no notes on stderr.

    Returns:
      The directory of the version.

    Raises:
      UsageError: there is no such format or precision, or a package for it is missing; the version is no integer of 1
        or more, or is there already, or lies beside another in another format.
      ConfigError: the model is unknown.
      WeightsError: there are no trained weights, or they are damaged.
      RunError: it cannot be converted or written; a version that was there stays.
    """
    import_quietly()
    from ganzoo.exports.versions import base_of, check_version, write_version
    from ganzoo.training.progress import note_unless

    note = note_unless(quiet)
    if not isinstance(model, str | Path):
        named: Any = getattr(model, "config", model)  # a model that was put together by hand has no config
        base = base_of(directory, named.name if name is None else name)
        return write_version(model, base, version, format=format, precision=precision, overwrite=overwrite, note=note)
    resolved = config(model)
    base = base_of(directory, resolved.name if name is None else name)
    check_version(base, version, overwrite, format, precision)
    untrained = has_no_weights(model)
    if not allow_untrained:
        check_trained(model, TO_EXPORT)
    if untrained:
        note(f"{resolved.name}: has no trained weights, random ones are exported")
    loaded = open_model(model, "random" if untrained else "pretrained", "last")
    card_file = card_path(resolved.name)
    card = card_file if str(model) in names() and card_file.is_file() else None
    return write_version(
        loaded, base, version, format=format, precision=precision, overwrite=overwrite, card=card, note=note
    )
