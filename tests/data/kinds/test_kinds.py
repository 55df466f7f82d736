"""Every kind of data: which one it is, and what all of them share."""

import io

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data import kinds
from ganzoo.data.open import open_source
from ganzoo.errors import UsageError
from ganzoo.schema import DatasetConfig

CONFIGS = {
    "image": DatasetConfig(name="digits", size=8, channels=1),
    "points": DatasetConfig(name="ring", kind="points", columns=2),
    "table": DatasetConfig(name="wine", kind="table", columns=13),
    "sequence": DatasetConfig(name="sines", kind="sequence", length=24, columns=5),
}


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


def test_a_config_and_its_data_are_of_one_kind_and_shape(config):
    kind, source = kinds.of(config), open_source(config)
    assert kind.name == source.kind.name == config.kind
    assert kind.shape == source.kind.shape == source.example_shape == config.example_shape
    assert kind.sizes == {key: getattr(config, key) for key in kind.sizes}
    batch = source.fetch(tf.range(20, dtype=tf.int64))["examples"].numpy()
    assert (batch.dtype, batch.shape) == (kind.dtype, (20, *kind.shape))
    np.testing.assert_array_equal(kind.check(batch, "batch"), batch)


def test_what_goes_inside_comes_back(config):
    kind = open_source(config).kind
    examples = open_source(config).fetch(tf.range(20, dtype=tf.int64))["examples"]
    inside = tf.function(kind.to_inside)(examples)
    assert (inside.dtype, inside.shape) == (tf.float32, examples.shape)
    back = tf.function(kind.to_edge)(inside).numpy()
    assert back.dtype == kind.dtype
    np.testing.assert_allclose(back, examples, rtol=2e-6, atol=1e-6)


def test_a_model_in_any_float_type_gives_the_same_type_at_the_edge(config):
    kind = kinds.of(config)
    for floats in (tf.float32, tf.float64, tf.bfloat16):
        assert kind.to_edge(tf.zeros((2, *kind.shape), floats)).dtype == kind.dtype


def test_a_sheet_is_a_picture_that_does_not_change_its_size(config):
    kind = kinds.of(config)
    draw = np.random.default_rng(0)
    count = kind.on_a_sheet(0)

    def examples():
        if kind.is_image:
            return draw.integers(0, 256, (count, *kind.shape), np.uint8)
        return draw.normal(size=(count, *kind.shape)).astype(np.float32)

    real = examples() if kind.over_real else None
    first, second = (kind.draw(examples(), real, title=f"step {step}") for step in (1, 2))
    assert first.dtype == np.uint8
    assert first.shape == second.shape
    assert (first != second).any()


@pytest.mark.parametrize("name", ["points", "table", "sequence"])
def test_numbers_are_saved_exactly_in_both_kinds_of_files(name):
    kind = kinds.of(CONFIGS[name])
    examples = np.random.default_rng(0).normal(size=(7, *kind.shape)).astype(np.float32)
    np.testing.assert_array_equal(np.load(io.BytesIO(kind.encode(examples, ".npy"))), examples, strict=True)
    header, *lines = kind.encode(examples, ".csv").decode().splitlines()
    rows = np.array([line.split(",") for line in lines], np.float32)
    assert header.split(",")[-kind.shape[-1] :] == list(kind.column_names)
    np.testing.assert_array_equal(rows[:, -kind.shape[-1] :].reshape(examples.shape), examples)


def test_kinds_without_a_config():
    assert kinds.of_shape((28, 28, 1)) == kinds.Image(28, 28, 1)
    assert kinds.of_shape((24, 5)) == kinds.Sequence(24, 5)
    assert kinds.of_shape((3,)) == kinds.Points(3)
    for config in CONFIGS.values():
        kind = kinds.of(config)
        assert kinds.of_output(kind.plural, kind.shape) == kind
    assert kinds.of_array(np.zeros((2, 3)), "x") == kinds.Points(3)
    with pytest.raises(
        UsageError, match=r"^x: expected \[n, height, width, channels\] or \[n, columns\], got float64 "
    ):
        kinds.of_array(np.zeros((2, 3, 4)), "x")


@pytest.mark.parametrize(
    ("name", "examples", "message"),
    [
        ("image", np.zeros((2, 8, 8), np.uint8), "x: expected images [n, 8, 8, 1], got uint8 [2, 8, 8]"),
        (
            "image",
            np.zeros((2, 8, 8, 1), np.int64),
            "x: expected uint8 pixels or floats in [-1, 1], got int64 (convert them)",
        ),
        (
            "image",
            np.full((2, 8, 8, 1), 255.0),
            "x: expected floats in [-1, 1], got 255 to 255 in example 0 (pixels of 0 to 255 are uint8)",
        ),
        ("points", np.zeros((2, 3), np.float32), "x: expected points [n, 2], got float32 [2, 3]"),
        ("points", np.zeros((0, 2), np.float32), "x: expected points [n, 2], got float32 [0, 2]"),
        ("points", np.zeros((2, 2), np.int64), "x: expected floats, got int64 (convert them)"),
        (
            "points",
            [[0.0, 0.0], [0.0, np.inf]],
            "x: expected finite numbers, got NaN or infinity in example 1 (leave it out)",
        ),
        ("table", np.zeros((2, 12)), "x: expected rows [n, 13], got float64 [2, 12]"),
        ("table", [["red"] * 13], "x: expected a table of numbers, got <U3 (convert or leave out the texts)"),
        ("sequence", np.zeros((2, 5, 24)), "x: expected sequences [n, 24, 5], got float64 [2, 5, 24]"),
        ("sequence", [[1.0], [1.0, 2.0]], "x: expected examples of one shape, got several (make them all of one)"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(name, examples, message):
    with pytest.raises(UsageError) as caught:
        kinds.of(CONFIGS[name]).check(examples, "x")
    assert str(caught.value) == message


def test_images_have_no_tables():
    with pytest.raises(UsageError, match=r"^images: expected a file of \.png, got '\.csv'$"):
        kinds.Image(8, 8, 1).encode(np.zeros((2, 8, 8, 1), np.uint8), ".csv")


@pytest.mark.parametrize(
    ("name", "domain", "channels", "features"),
    [
        ("mnist", "", 1, "mnist_cnn"),
        ("mnist_5k", "", 1, "mnist_cnn"),
        ("mnist_5k", "", 3, "efficientnet_lite0"),
        ("cyclegan_digits", "plain", 1, "mnist_cnn"),
        ("cyclegan_digits", "bold", 1, "efficientnet_lite0"),
        ("pix2pix_digits", "digits", 1, "mnist_cnn"),
        ("fashion_mnist", "", 1, "fashion_cnn"),
        ("folder:x", "", 3, "efficientnet_lite0"),
    ],
)
def test_images_are_judged_by_what_knows_them(name, domain, channels, features):
    assert kinds.Image(28, 28, channels).default_features(name, domain) == features
