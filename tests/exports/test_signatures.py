"""The signatures of a written export: names and types, and that every bound is in the graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core import images
from ganzoo.exports import bounds
from ganzoo.models.build import build

ROWS = {"seeds": np.zeros([2, 2], np.int32), "truncation": np.ones(2, np.float32), "labels": np.zeros(2, np.int32)}
LATENTS = {"latents": np.zeros([2, 64], np.float32), "labels": np.zeros(2, np.int32)}
SIDES = r"images: expected sides of 8 to 4096 pixels, got \(height, width\)\]"


def exported(name, folder):
    small = {"generator.width": 4, "discriminator.width": 4}
    blocks = {"generator.blocks": 1} if name.startswith("cyclegan") else {}
    return str(ganzoo.export(build(ganzoo.config(name).override({**small, **blocks})), folder))


@pytest.fixture(scope="module")
def cgan_directory(tmp_path_factory):
    return exported("cgan_mnist", tmp_path_factory.mktemp("cgan"))


@pytest.fixture(scope="module")
def cgan(cgan_directory):
    return tf.saved_model.load(cgan_directory)


@pytest.fixture(scope="module")
def cyclegan_directory(tmp_path_factory):
    return exported("cyclegan_digits", tmp_path_factory.mktemp("cyclegan"))


@pytest.fixture(scope="module")
def cyclegan(cyclegan_directory):
    return tf.saved_model.load(cyclegan_directory)


@pytest.mark.parametrize("endpoint", ["serve", "serving_default", "generate"])
def test_a_layer_of_keras_takes_one_dictionary(endpoint, cgan_directory, cgan):
    layer = keras.layers.TFSMLayer(cgan_directory, call_endpoint=endpoint)
    inputs = {name: keras.Input(rows.shape[1:], dtype=rows.dtype.name, name=name) for name, rows in ROWS.items()}
    model = keras.Model(inputs, layer(inputs))
    expected = cgan.signatures["generate"](**{name: tf.constant(rows) for name, rows in ROWS.items()})["images"]
    for found in (layer(ROWS), model(ROWS)):
        np.testing.assert_array_equal(found["images"], expected)


def test_a_layer_of_keras_translates(cyclegan_directory):
    pictures = np.zeros([2, 8, 9, 1], np.uint8)
    by_default, by_name = (
        keras.layers.TFSMLayer(cyclegan_directory, **given) for given in ({}, {"call_endpoint": "serving_default"})
    )
    np.testing.assert_array_equal(by_default({"images": pictures})["images"], by_name(pictures)["images"])


def described(tensors):
    return {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in tensors.items()}


def types(loaded):
    return {
        name: (described(signature.structured_input_signature[1]), described(signature.structured_outputs))
        for name, signature in loaded.signatures.items()
    }


def test_names_and_types_of_a_generator(cgan):
    labels = {"labels": ("int32", [None])}
    rows = {"seeds": ("int32", [None, 2]), "truncation": ("float32", [None]), **labels}
    drawn = {"images": ("uint8", [None, 28, 28, 1])}
    assert types(cgan) == {
        "serving_default": (rows, drawn),
        "generate": (rows, drawn),
        "decode": ({"latents": ("float32", [None, 64]), **labels}, drawn),
        "generate_png": (rows, {"png_bytes": ("string", [None])}),
    }


@pytest.mark.slow
def test_names_and_types_of_a_translator(cyclegan):
    arrays = ({"images": ("uint8", [None, None, None, 1])}, {"images": ("uint8", [None, None, None, 1])})
    files = ({"image_bytes": ("string", [None])}, {"png_bytes": ("string", [None])})
    assert types(cyclegan) == {
        "serving_default": arrays,
        **{f"translate_to_{domain}": arrays for domain in ("bold", "plain")},
        **{f"translate_to_{domain}_bytes": files for domain in ("bold", "plain")},
    }


def call(loaded, signature, inputs):
    return loaded.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})


def refused(loaded, signature, inputs, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(loaded, signature, inputs)


def test_right_inputs_pass_up_to_the_bounds(cgan, cyclegan):
    most = {name: np.repeat(value[:1], bounds.MOST_ROWS, axis=0) for name, value in ROWS.items()}
    assert call(cgan, "generate", most)["images"].shape == (1024, 28, 28, 1)
    call(
        cgan, "generate", {**ROWS, "truncation": np.array([0.0, 3.0], np.float32), "labels": np.array([0, 9], np.int32)}
    )
    for shape in ((1, 8, 8, 1), (1, 8, 4096, 1), (3, 4096, 8, 1)):
        assert call(cyclegan, "translate_to_bold", {"images": np.zeros(shape, np.uint8)})["images"].shape == shape


@pytest.mark.parametrize("signature", ["generate", "serving_default", "generate_png"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": np.array([0, 10], np.int32)}, r"labels: expected integers from 0 to 9, got\] \[0 10\]"),
        ({"labels": np.array([-1, 0], np.int32)}, r"labels: expected integers from 0 to 9, got\] \[-1 0\]"),
        ({"labels": np.zeros(3, np.int32)}, r"labels: expected as many rows as seeds, got\] \[3\] \[2\]"),
        ({"truncation": np.ones(1, np.float32)}, r"truncation: expected as many rows as seeds, got\] \[1\] \[2\]"),
        (
            {"truncation": np.array([1, -0.5], np.float32)},
            r"truncation: expected finite numbers of at least 0, got.* -0.5\]",
        ),
        ({"truncation": np.array([1, np.nan], np.float32)}, "truncation: expected finite numbers of at least 0, got"),
        ({"truncation": np.array([1, np.inf], np.float32)}, "truncation: expected finite numbers of at least 0, got"),
        (
            {"seeds": np.array([[0, 0], [-1, 0]], np.int32)},
            r"seeds: expected integers from 0 to 2147483647, got.*\[-1 0\]",
        ),
        (
            {"seeds": np.array([[0, -5], [1, 0]], np.int32)},
            r"seeds: expected integers from 0 to 2147483647, got.*\[\[0 -5\]",
        ),
        ({name: value[:0] for name, value in ROWS.items()}, r"seeds: expected 1 to 1024 rows, got\] \[0\]"),
        (
            {name: np.repeat(value[:1], 1025, axis=0) for name, value in ROWS.items()},
            r"seeds: expected 1 to 1024 rows, got\] \[1025\]",
        ),
    ],
)
def test_wrong_draws(cgan, signature, wrong, message):
    refused(cgan, signature, {**ROWS, **wrong}, message)


def test_bounds_hold_in_a_session_as_tensorflow_serving_runs_it(cgan_directory, cgan):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loader = tf.compat.v1.saved_model.loader.load
        signature = loader(session, ["serve"], cgan_directory).signature_def["generate"]

        def run(rows):
            feed = {signature.inputs[name].name: value for name, value in rows.items()}
            return session.run(signature.outputs["images"].name, feed)

        drawn = run(ROWS)
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels: expected integers from 0 to 9, got"):
            run({**ROWS, "labels": np.array([0, 10], np.int32)})
    np.testing.assert_array_equal(drawn, call(cgan, "generate", ROWS)["images"])


def with_last(number):
    latents = LATENTS["latents"].copy()
    latents[-1, -1] = number
    return latents


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": np.array([0, 10], np.int32)}, r"labels: expected integers from 0 to 9, got\] \[0 10\]"),
        ({"labels": np.zeros(1, np.int32)}, r"labels: expected as many rows as latents, got\] \[1\] \[2\]"),
        ({"latents": np.zeros([1025, 64], np.float32)}, "latents: expected 1 to 1024 rows, got"),
        ({"latents": with_last(np.nan)}, r"latents: expected finite numbers, got others in rows\] \[1\]"),
        ({"latents": with_last(np.inf)}, "latents: expected finite numbers, got"),
        ({"latents": with_last(-np.inf)}, "latents: expected finite numbers, got"),
    ],
)
def test_wrong_latents(cgan, wrong, message):
    refused(cgan, "decode", {**LATENTS, **wrong}, message)


@pytest.mark.parametrize("signature", ["translate_to_bold", "translate_to_plain", "serving_default"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 9, 9, 1), "images: expected 1 to 1024 rows, got"),
        ((1025, 8, 8, 1), "images: expected 1 to 1024 rows, got"),
        ((1, 7, 9, 1), SIDES + r" \[\[7 9\]\]"),
        ((1, 9, 4097, 1), SIDES + r" \[\[9 4097\]\]"),
        ((2, 2048, 1025, 1), r"images: expected at most 4194304 pixels in all, got\] \[4198400\]"),
    ],
)
def test_wrong_images(cyclegan, signature, shape, message):
    refused(cyclegan, signature, {"images": np.zeros(shape, np.uint8)}, message)


@pytest.mark.parametrize("domain", ["bold", "plain"])
@pytest.mark.parametrize(
    ("file", "message"),
    [
        (images.encode_png(np.zeros([7, 9, 1], np.uint8)), "image_bytes: expected sides of 8 to 4096 pixels, got"),
        (b"GIF89a", "image_bytes: expected PNG or JPEG files"),
        (images.encode_png(np.zeros([9, 9, 1], np.uint8))[:50], "Invalid PNG"),
        (
            images.encode_png(np.zeros([9, 9, 1], np.uint8)) + bytes(5_000_000),
            "image_bytes: expected at most 16 bytes per pixel and",
        ),
    ],
)
def test_wrong_files(cyclegan, domain, file, message):
    refused(cyclegan, f"translate_to_{domain}_bytes", {"image_bytes": [file]}, message)


def test_large_images_make_few_rows():
    """A generator of 2048x1024 pixels may draw two."""
    for rows in (2, 3):
        inputs = {"latents": tf.zeros([rows, 4])}
        if rows == 2:
            bounds.of_draws(inputs, classes=0, pixels=2**21)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError, match="latents: expected at most 2 rows, got"):
                bounds.of_draws(inputs, classes=0, pixels=2**21)
