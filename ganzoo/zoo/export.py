"""Export a model by its name, or from a run directory or a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.core.start import import_quietly
from ganzoo.exports.formats import base_of, check_version
from ganzoo.training.progress import note_unless
from ganzoo.zoo.catalog import TO_EXPORT, card_path, check_trained, config, has_no_weights, names
from ganzoo.zoo.load import found

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
    """Write `directory/NAME/VERSION/`, by default a SavedModel ready for TensorFlow Serving.

    `ganzoo.exports.signatures` documents the signatures, `ganzoo.exports.bounds` their input checks, and
    `ganzoo.exports.formats` the files of other formats. `assets.extra/` holds the resolved config, the card (for a zoo
    model given by name) and, if tensorflow-serving-api is installed, warm-up requests. Other formats have config and
    card beside their files.

    Args:
      model: a model, or a name, directory or file as for `load`.
      directory: base directory of all exported models.
      version: version number, 1 or more.
      name: name of the model on servers; by default the config's, which a run shares with its zoo model.
      format: `savedmodel`; `onnx` for ONNX Runtime; or `litert` for LiteRT.
      precision: compute precision of a SavedModel: `float32` gives the same bytes as Python; `bfloat16` is faster on
        processors that have it, and some grey levels off.
      overwrite: replace an existing version.
      allow_untrained: export random weights if a zoo model or YAML file has no trained ones.
      quiet: no notes on stderr.

    Returns:
      The directory of the version.

    Raises:
      UsageError: format or precision is unknown, or a package for it is missing; the version is not an integer of 1 or
        more, exists already, or lies beside one in another format.
      ConfigError: the model is unknown.
      WeightsError: there are no trained weights, or they are damaged.
      RunError: the model cannot be converted or written; an existing version is kept.
    """
    note = note_unless(quiet)
    if not isinstance(model, str | Path):
        from ganzoo.exports.versions import write_version

        named: Any = getattr(model, "config", model)  # a model built by hand has no config
        base = base_of(directory, named.name if name is None else name)
        return write_version(model, base, version, format=format, precision=precision, overwrite=overwrite, note=note)
    resolved = config(model)
    base = base_of(directory, resolved.name if name is None else name)
    check_version(base, version, overwrite, format, precision)
    untrained = has_no_weights(model)
    if not allow_untrained:
        check_trained(model, TO_EXPORT)
    if untrained:
        note(f"{resolved.name}: has no trained weights; exporting random ones")
    build = found(model, "random" if untrained else "pretrained")
    import_quietly()
    from ganzoo.exports.versions import write_version

    loaded = build()
    card_file = card_path(resolved.name)
    card = card_file if str(model) in names() and card_file.is_file() else None
    return write_version(
        loaded, base, version, format=format, precision=precision, overwrite=overwrite, card=card, note=note
    )
