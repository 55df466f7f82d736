"""Export a model as files that need neither ganzoo nor Keras: for TensorFlow Serving, ONNX Runtime or LiteRT.

BASE/NAME/VERSION/ receives the model, its config and card and, for TensorFlow Serving, warm-up requests.
"""

from __future__ import annotations

from pathlib import Path

import ganzoo
from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError
from ganzoo.exports import formats
from ganzoo.zoo import catalog

FLAGS = {
    "Model": (
        _shared.MODEL.required("for example --model cgan_mnist (see ganzoo models --pretrained)"),
        _flags.switch("allow_untrained", "Export random weights if the model has no trained ones"),
        _flags.choice("format", tuple(formats.ENDINGS), "Format of the files (default: savedmodel)"),
        _flags.choice(
            "precision",
            formats.PRECISIONS,
            "Compute precision of a SavedModel (default: float32, with the same pixels as in Python)",
        ),
    ),
    "Where to": (
        _flags.text("out", "BASE", "Base folder of all exported models", "exported"),
        _flags.text("name", "NAME", "Name of the model on servers (default: the config's; for a run, its zoo model's)"),
        _flags.whole("version", "Version number", at_least=1, at_most=formats.LARGEST_VERSION, default=1),
        _flags.text(
            "deploy", "DIR", "Folder to write deployment files to, for serving all of BASE with TensorFlow Serving"
        ),
        _flags.switch("overwrite", "Replace an existing version and existing deployment files"),
    ),
}


def work(given: Given) -> Answer:
    """Load the model and write the version."""
    format, precision = given.format or formats.SAVED_MODEL, given.precision or formats.FLOAT32
    if given.deploy is not None and format != formats.SAVED_MODEL:
        raise UsageError(f"--deploy: TensorFlow Serving cannot load {format} files (leave out --deploy or --format)")
    name, untrained = given.name or ganzoo.config(given.model).name, catalog.has_no_weights(given.model)
    others: list[Path] = []
    if given.deploy is not None:
        from ganzoo.exports.deploy import check_before_export

        others = _others(Path(given.out, name))
        check_before_export(name, given.deploy, given.overwrite, others)
    how = given.pick("name", "overwrite", "allow_untrained", "quiet")
    path = ganzoo.export(given.model, given.out, given.version, format=format, precision=precision, **how)
    deployed = _deploy(given, [path.parent, *others]) if given.deploy is not None else []
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    said = [f"{name}: version {given.version} is in {path} ({size / 1e6:.1f} MB)"]
    if deployed:
        said.append(f"TensorFlow Serving: {len(deployed)} files are in {given.deploy}; begin with its README.md")
    return Answer(
        "\n".join(said),
        {
            "model": name,
            "version": given.version,
            "format": format,
            "precision": precision,
            "directory": str(path),
            "bytes": size,
            "untrained": untrained,
            "deployed": list(map(str, deployed)),
        },
        brief=str(path),
    )


def _others(model: Path) -> list[Path]:
    """Return the directories of the other exports in a model's base folder."""
    return sorted({path.parent.parent for path in model.parent.glob("[!.]*/[0-9]*/saved_model.pb")} - {model})


def _deploy(given: Given, exports: list[Path]) -> list[Path]:
    from ganzoo.exports.deploy import write_deployment

    return write_deployment(exports, given.deploy, overwrite=given.overwrite)


main = Command("export", __doc__, FLAGS, work).run
