"""Formats of an export: its directories, and ONNX and LiteRT files, one per network, with uint8 images.

TensorFlow is imported only when a file is written.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ganzoo.compat import with_constants
from ganzoo.errors import RunError, UsageError, did_you_mean

if TYPE_CHECKING:
    import tensorflow as tf

    from ganzoo.engine.exported import Exported
    from ganzoo.engine.stepped import SteppedModel

    Function: TypeAlias = tf.types.experimental.PolymorphicFunction

SAVED_MODEL = "savedmodel"
ENDINGS = {SAVED_MODEL: ".pb", "onnx": ".onnx", "litert": ".tflite"}
FLOAT32 = "float32"
PRECISIONS = (FLOAT32, "bfloat16")  # of the networks of a SavedModel
PACKAGES = {"onnx": ("onnx", "tf2onnx")}  # beyond those of TensorFlow
LARGEST_VERSION = 10**18 - 1  # within TensorFlow Serving's int64 and the local server's pattern
OPSET = 15  # of ONNX: recommended by tf2onnx; ONNX Runtime supports it since 1.10
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
AXES = "NHW"  # names of the free axes in an ONNX file


def base_of(directory: str | Path, name: str) -> Path:
    """Return the directory of all versions of a model.

    Raises:
      UsageError: A name that cannot be part of a URL.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"name: expected a letter or digit, then letters, digits, '_', '.' or '-', got {name!r}")
    return Path(directory) / name


def check_version(
    base: str | Path, version: int, overwrite: bool, format: str = SAVED_MODEL, precision: str = FLOAT32
) -> Path:
    """Return the directory of a version, checked to be writable.

    Raises:
      UsageError: An unknown format or precision, or a missing package for it; a version that is not an integer of at
        least 1, or exists already; another version with another format.
    """
    _check(format, precision)
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= LARGEST_VERSION:
        raise UsageError(f"version: expected an integer from 1 to {LARGEST_VERSION}, got {version!r}")
    final = Path(base) / str(version)
    if final.exists() and not overwrite:
        raise UsageError(f"{final}: already exists (give another version, or overwrite it: overwrite, --overwrite)")
    _check_beside(final, format)
    return final


def _check(format: str, precision: str = FLOAT32) -> None:
    """Check that a format can be written, before the model is built.

    Raises:
      UsageError: An unknown format or precision, a format without that precision, or a missing package.
    """
    if format not in ENDINGS:
        raise UsageError(f"format: unknown format {format!r}{did_you_mean(str(format), ENDINGS)}")
    if precision not in PRECISIONS:
        raise UsageError(f"precision: unknown precision {precision!r}{did_you_mean(str(precision), PRECISIONS)}")
    if precision != FLOAT32 and format != SAVED_MODEL:
        raise UsageError(f"precision {precision}: only for a SavedModel (leave it out, or the format {format})")
    missing = [name for name in PACKAGES.get(format, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"format {format}: needs {' and '.join(missing)} (pip install 'ganzoo[export]')")


def _check_beside(version: Path, format: str) -> None:
    """Check that all versions of a model have one format: a server loads the newest, which must be a SavedModel.

    Raises:
      UsageError: Another version has another format.
    """
    for other in sorted(version.parent.glob("[0-9]*")):
        for name, ending in ENDINGS.items():
            if other != version and name != format and any(other.glob(f"*{ending}")):
                raise UsageError(f"{other}: is a version in another format, {name} (give another directory: --out)")


def write(model: SteppedModel, directory: Path, format: str) -> None:
    """Write one file per network into a directory.

    Generator, `NAME.onnx` (`.tflite`):
      latents float32 [N, latent_size], labels int32 [N] if conditional -> images uint8 [N, H, W, C], or points float32
      [N, columns]; a label that is not of a class fails
    Translator to each domain, `translate_to_DOMAIN.onnx` (`.tflite`):
      images uint8 [N, H, W, C] -> translated uint8 [N, H, W, C]

    Raises:
      RunError: The format has no counterpart of an operation of the network.
    """
    convert = {"onnx": _onnx, "litert": _litert}[format]
    for name, function in _files(model).items():
        try:
            made = convert(_named(function))
        except Exception as error:  # converters raise nearly anything, on many lines
            raise RunError(f"{name}: does not convert to {format} ({' '.join(str(error).split())[:300]})") from error
        (directory / f"{name}{ENDINGS[format]}").write_bytes(made)


def _files(model: SteppedModel) -> dict[str, Exported]:
    """Return file name -> function, without `generate`: no format has the integer operations of its draws."""
    functions = model.exported()
    return {model.name: functions["decode"]} if "decode" in functions else functions


def _named(function: Exported) -> Function:
    """Name the output, which converters keep; in ONNX it must differ from the inputs' names. Check the labels."""
    import tensorflow as tf

    signature = function.run.input_signature
    output = "translated" if signature[0].name == "images" else function.output

    def checked(spec: tf.TensorSpec, given: tf.Tensor) -> tf.Tensor:
        if spec.name != "labels":
            return given
        # No format has assertions, but both refuse to gather from beyond the end; ONNX counts negatives from the end.
        return tf.gather(tf.range(function.classes), tf.where(given < 0, function.classes, given))

    def run(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: function.run(*map(checked, signature, inputs))}

    return tf.function(run, input_signature=signature)


def _onnx(named: Function) -> bytes:
    import onnx
    import tf2onnx

    handlers: dict[str, Any] = {"FloorMod": (_floor_mod, [])}
    made, _ = tf2onnx.convert.from_function(named, named.input_signature, opset=OPSET, custom_op_handlers=handlers)
    onnx.checker.check_model(made)
    for value in (*made.graph.input, *made.graph.output):
        for name, side in zip(AXES, value.type.tensor_type.shape.dim, strict=False):
            if not side.dim_value:
                side.dim_param = name
    return made.SerializeToString()


def _floor_mod(graph: Any, node: Any, *_: Any, **__: Any) -> None:
    """Map FloorMod to Mod, equal for integers; tf2onnx 1.17 uses C's modulo, which differs below 0."""
    node.type = "Mod"


def _litert(named: Function) -> bytes:
    """Convert through a SavedModel, the only way that keeps the names of inputs and outputs."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(tf.Module(), folder, signatures=_with_builtins(named))
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def _with_builtins(named: Function) -> Function:
    """Copy a function, replacing operations that LiteRT lacks with built-in ones; variables become constants."""
    import tensorflow as tf

    concrete = named.get_concrete_function()
    frozen = with_constants(concrete)
    (output,) = concrete.structured_outputs

    def copied(operation: tf.Operation, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
        attributes = {key: value for key, value in operation.node_def.attr.items() if not key.startswith("_")}
        types = [tensor.dtype for tensor in operation.outputs]
        graph = tf.compat.v1.get_default_graph()
        return graph.create_op(operation.type, inputs, types, name=operation.name, attrs=attributes).outputs

    def run(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        made = {given.name: tensor for given, tensor in zip(frozen.inputs, inputs, strict=True)}
        for operation in frozen.graph.get_operations():
            tensors = [made[tensor.name] for tensor in operation.inputs]
            if operation.type == "Placeholder":
                continue
            if operation.type == "Atanh":  # LiteRT has none
                results = [tf.math.log((1.0 + tensors[0]) / (1.0 - tensors[0])) / 2.0]
            elif operation.type == "Reshape" and (shape := operation.outputs[0].shape).rank == 4 and shape[-1]:
                # the size computed by Keras's UpSampling2D hides the number of channels from the converter
                results = copied(operation, [tensors[0], tf.concat([tensors[1][:-1], [shape[-1]]], 0)])
            else:
                results = copied(operation, tensors)
            made |= {there.name: here for there, here in zip(operation.outputs, results, strict=True)}
        return {output: made[frozen.outputs[0].name]}

    return tf.function(run, input_signature=named.input_signature, autograph=False)
