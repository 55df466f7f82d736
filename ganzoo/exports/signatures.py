"""Signatures of an export: a model's functions under fixed names, with bounds and PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf

from ganzoo.engine.exported import Exported
from ganzoo.exports import bounds, pictures

Function: TypeAlias = tf.types.experimental.PolymorphicFunction
Signatures: TypeAlias = dict[str, Function]


def signatures(functions: Mapping[str, Exported]) -> Signatures:
    """Return the signatures of a SavedModel by name.

    The first axis of every input is the batch; row i of the output depends on row i alone.
    Signatures of a model that draws:
      generate(seeds int32 [N, 2] = (seed, position), truncation float32 [N], labels int32 [N] if conditional)
        -> images uint8 [N, H, W, C], points or rows float32 [N, columns], or sequences float32 [N, length, columns]
      decode(latents float32 [N, latent_size], labels int32 [N] if conditional) -> the same
      generate_png(as generate) -> png_bytes string [N]; for images only
    Signatures of a model that translates, for each domain:
      translate_to_DOMAIN(images uint8 [N, H, W, C]) -> images uint8 [N, H, W, C]
      translate_to_DOMAIN_bytes(image_bytes string [N], PNG or JPEG, each of any size) -> png_bytes string [N]
    `serving_default` is `generate`, or the translation to the first domain.

    Args:
      functions: Functions of the model by name.

    Returns:
      Name -> function with an input signature and a dictionary of outputs; inputs out of `bounds` fail.
    """
    made: Signatures = {}
    for name, function in functions.items():
        if _inputs(function) == ["images"]:
            made[name] = _translating(function)
            made[f"{name}_bytes"] = _translating_files(function)
        else:
            made[name] = _drawing(function)
    if "generate" in made and "images" in made["generate"].get_concrete_function().structured_outputs:
        made["generate_png"] = _as_files(made["generate"])
    return {"serving_default": next(iter(made.values())), **made}


def by_dictionary(signature: Function) -> Function:
    """Return a signature as a function of one dictionary of inputs, as `keras.layers.TFSMLayer` calls it."""
    specs = {spec.name: spec for spec in signature.input_signature}
    return tf.function(lambda inputs: signature(*(inputs[name] for name in specs)), input_signature=[specs])


def _inputs(function: Exported) -> list[str]:
    return [spec.name for spec in function.run.input_signature]


def _drawing(function: Exported) -> Function:
    names = _inputs(function)
    shape = function.run.get_concrete_function().structured_outputs.shape
    is_image = function.output == "images"
    pixels = math.prod(shape[1:3]) if is_image else 0

    def draw(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(bounds.of_draws(dict(zip(names, inputs, strict=True)), function.classes, pixels)):
            checked = [tf.identity(tensor) for tensor in inputs]
        return {function.output: function.run(*checked)}

    return tf.function(draw, input_signature=function.run.input_signature)


def _as_files(generate: Function) -> Function:
    def draw(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"png_bytes": tf.io.encode_png(generate(*inputs)["images"])}

    return tf.function(draw, input_signature=generate.input_signature)


def _translating(function: Exported) -> Function:
    def translate(images: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(bounds.of_images(images, function.smallest_side)):
            checked = tf.identity(images)
        return {"images": function.run(checked)}

    return tf.function(translate, input_signature=function.run.input_signature)


def _translating_files(function: Exported) -> Function:
    channels = function.run.input_signature[0].shape[-1]

    def one(file: tf.Tensor) -> tf.Tensor:
        return tf.io.encode_png(function.run(pictures.decode(file, channels)[tf.newaxis])[0])

    def translate(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        files = pictures.checked_files(image_bytes, function.smallest_side)
        spec = tf.TensorSpec([], tf.string)
        return {"png_bytes": tf.map_fn(one, files, fn_output_signature=spec, parallel_iterations=1)}

    return tf.function(translate, input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
