"""Export a model as files that need neither ganzoo nor Keras: for TensorFlow Serving, ONNX Runtime or LiteRT.

BASE/NAME/VERSION/ gets the model, its config and card, and for TensorFlow Serving warm-up requests.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from ganzoo import zoo
from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError
from ganzoo.exports import formats

FLAGS = {
    "Model": (
        _flags.text("model", "NAME|RUN|FILE", "a model of the zoo, or the directory of a run"),
        _flags.switch("allow_untrained", "export random weights if the model has no others"),
        _flags.choice("format", tuple(formats.ENDINGS), "what is written (default: savedmodel)"),
        _flags.choice(
            "precision", formats.PRECISIONS, "that a SavedModel computes in (default: float32, as in Python)"
        ),
    ),
    "Where to": (
        _flags.text("out", "BASE", "the folder of all models", "exported"),
        _flags.text("name", "NAME", "what servers call it (default: as the model; a run has its zoo model's name)"),
        _flags.whole("version", "the number of this version", at_least=1, at_most=formats.LARGEST_VERSION, default=1),
        _flags.text(
            "deploy", "DIR", "also write what runs all models of BASE under TensorFlow Serving into that folder"
        ),
        _flags.switch("overwrite", "replace the version, and the files of --deploy, if they are there"),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Loads the model and writes the version."""
    if given.model is None:
        raise UsageError("--model is missing: for example --model cgan_mnist (see ganzoo models --pretrained)")
    format, precision = given.format or formats.SAVED_MODEL, given.precision or formats.FLOAT32
    if given.deploy is not None and format != formats.SAVED_MODEL:
        raise UsageError(f"--deploy: TensorFlow Serving serves no {format} files (leave out --deploy or --format)")
    name, untrained = given.name or zoo.config(given.model).name, zoo.has_no_weights(given.model)
    _tensorflow.import_quietly()
    others: list[Path] = []
    if given.deploy is not None:
        from ganzoo.exports.deploy import check_before_export

        others = _others(Path(given.out, name))
        check_before_export(name, given.deploy, given.overwrite, others)
    path = zoo.export(
        given.model,
        given.out,
        given.version,
        name=given.name,
        format=format,
        precision=precision,
        overwrite=given.overwrite,
        allow_untrained=given.allow_untrained,
        quiet=given.quiet,
    )
    deployed = _deploy(given, [path.parent, *others]) if given.deploy is not None else []
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    said = [f"{name}: version {given.version} is in {path} ({size / 1e6:.1f} MB)"]
    if deployed:
        said.append(f"TensorFlow Serving: {len(deployed)} files are in {given.deploy}, begin with its README.md")
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
    """The exports beside a model's."""
    return sorted({path.parent.parent for path in model.parent.glob("[!.]*/[0-9]*/saved_model.pb")} - {model})


def _deploy(given: SimpleNamespace, exports: list[Path]) -> list[Path]:
    from ganzoo.exports.deploy import write_deployment

    return write_deployment(exports, given.deploy, overwrite=given.overwrite)


COMMAND = Command(
    name="export",
    about=__doc__,
    usage="--model NAME|RUN|FILE [flags]",
    flags=FLAGS,
    work=work,
)
