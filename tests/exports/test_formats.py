"""ONNX and LiteRT files: what their runtimes give against Python, what travels along, what is refused."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import ganzoo
from ganzoo.errors import RunError, UsageError, WeightsError
from ganzoo.models.build import build
from ganzoo.zoo import catalog

FORMATS = ("onnx", "litert")
SMALL = {"generator.width": 8, "discriminator.width": 4}
SIZES = [(1, 32, 32), (2, 31, 45), (3, 8, 9)]  # rows, height, width; one that the strides of 4 and 16 divide
MOST_PIXELS_APART = 0.001  # by one grey level: where a value lies on the edge between two


class Converted:
    """A file of an export as a function of named inputs."""

    def __init__(self, path: Path):
        self.path = path
        if path.suffix == ".onnx":
            self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        else:
            self.runner = Interpreter(str(path)).get_signature_runner()

    def __call__(self, **inputs):
        if self.path.suffix == ".onnx":
            (output,) = self.session.get_outputs()
            return {output.name: self.session.run([output.name], inputs)[0]}
        return self.runner(**inputs)

    @property
    def inputs(self):
        """Name -> shape; the sides that the caller chooses are None."""
        if self.path.suffix == ".onnx":
            shapes = {value.name: value.shape for value in self.session.get_inputs()}
        else:
            shapes = {name: about["shape_signature"] for name, about in self.runner.get_input_details().items()}
        return {
            name: [None if side in ("N", "H", "W", -1) else side for side in shape] for name, shape in shapes.items()
        }


def assert_same_pixels(found, expected):
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert expected.std() > 5, "a picture"
    apart = np.abs(found.astype(int) - expected)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= max(1, MOST_PIXELS_APART * apart.size)


def noise(rows, height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, height, width, channels), np.uint8)


def assert_translates_as_python_does(model, path, domains):
    for domain in domains:
        run = Converted(path.with_name(f"translate_to_{domain}{path.suffix}"))
        channels = model.translators[domain].channels
        assert run.inputs == {"images": [None, None, None, channels]}
        for rows, height, width in SIZES:
            pictures = noise(rows, height, width, channels)
            assert_same_pixels(run(images=pictures)["translated"], model.translate(pictures, domain))


@pytest.mark.parametrize("format", FORMATS)
def test_digits_are_those_of_python(format, tmp_path):
    directory = ganzoo.export("cgan", tmp_path, format=format)
    ending = {"onnx": "onnx", "litert": "tflite"}[format]
    assert directory == tmp_path / "cgan_mnist" / "1"
    assert sorted(path.name for path in directory.iterdir()) == ["card.yaml", f"cgan_mnist.{ending}", "config.yaml"]
    assert (directory / "config.yaml").read_text() == ganzoo.config("cgan").to_yaml()
    assert (directory / "card.yaml").read_bytes() == (catalog.directory() / "cards" / "cgan_mnist.yaml").read_bytes()
    run = Converted(directory / f"cgan_mnist.{ending}")
    assert run.inputs == {"latents": [None, 64], "labels": [None]}
    model = ganzoo.load("cgan")
    for n in (1, 7, 64):
        labels = np.arange(n, dtype=np.int32)[::-1] % 10
        found = run(latents=model.sample_latents(n, seed=3), labels=labels)["images"]
        assert_same_pixels(found, model.generate(labels=labels, seed=3))
    for label in (10, -1, -10, 2**31 - 1, -(2**31)):
        refusing = Converted(run.path)  # LiteRT's interpreter stays broken
        with pytest.raises((ValueError, RuntimeError, onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument)):
            refusing(latents=model.sample_latents(2, seed=3), labels=np.array([0, label], np.int32))


@pytest.mark.parametrize("format", FORMATS)
def test_points_are_those_of_python(format, tmp_path):
    directory = ganzoo.export("gan_ring", tmp_path, format=format, allow_untrained=True)
    (path,) = directory.glob("gan_ring.*")
    run, model = Converted(path), ganzoo.load("gan_ring", weights="random")
    assert run.inputs == {"latents": [None, 2]}
    for n in (1, 100):
        latents = model.sample_latents(n, seed=1)
        found = run(latents=latents)["points"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, model.decode(latents), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("format", FORMATS)
def test_the_moving_average_is_converted(format, tmp_path):
    model = build(ganzoo.config("dcgan_mnist").override(SMALL))
    model.generator_ema.set_weights([5 * weight for weight in model.generator_ema.get_weights()])
    directory = ganzoo.export(model, tmp_path, format=format)
    (path,) = directory.glob("dcgan_mnist.*")
    latents = model.sample_latents(5, seed=1)
    assert_same_pixels(Converted(path)(latents=latents)["images"], model.decode(latents))
    assert not (directory / "card.yaml").exists()


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_translations_by_a_residual_network(format, tmp_path):
    directory = ganzoo.export("cyclegan_digits", tmp_path, format=format)
    (path, _) = sorted(directory.glob("translate_to_*"))
    assert_translates_as_python_does(ganzoo.load("cyclegan_digits"), path, ("plain", "bold"))


@pytest.mark.parametrize("format", FORMATS)
def test_translations_by_a_u_net(format, tmp_path):
    model = build(ganzoo.config("pix2pix_digits").override(SMALL))
    (path,) = ganzoo.export(model, tmp_path, format=format).glob("translate_to_*")
    assert_translates_as_python_does(model, path, ["digits"])


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "generator",
    [
        {"upsampling": "resize", "residual": "coarse", "detail": 0.4, "normalization": "none"},
        {"upsampling": "transposed", "residual": "fine", "detail": 0.0, "normalization": "instance"},
    ],
    ids=lambda generator: generator["upsampling"],
)
def test_every_part_of_the_residual_network_converts(generator, format, tmp_path):
    settings = SMALL | {"generator.blocks": 1} | {f"generator.{key}": value for key, value in generator.items()}
    model = build(ganzoo.config("cyclegan_monet").override(settings))
    del model.translators["photo"]  # is made of the same
    (path,) = ganzoo.export(model, tmp_path, format=format).glob("translate_to_*")
    assert_translates_as_python_does(model, path, ["monet"])


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_paintings_are_those_of_python(format, tmp_path):
    directory = ganzoo.export("cyclegan_monet", tmp_path, format=format)
    path, _ = sorted(directory.glob("translate_to_*"))
    assert path.stat().st_size < 8_000_000
    assert_translates_as_python_does(ganzoo.load("cyclegan_monet"), path, ("monet", "photo"))


def test_an_onnx_file_asks_for_onnx_alone(tmp_path):
    path = ganzoo.export("gan_ring", tmp_path, format="onnx", allow_untrained=True) / "gan_ring.onnx"
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    assert {node.domain for node in made.graph.node} == {""}
    assert [opset.version for opset in made.opset_import if opset.domain == ""] == [15]


class Unconvertible:
    """A model with an operation that neither format has."""

    name = "odd"

    def exported(self):
        run = tf.function(
            lambda latents: tf.math.igamma(latents, latents),
            input_signature=[tf.TensorSpec([None, 2], tf.float32, "latents")],
        )
        given = ganzoo.load("gan_ring", weights="random").exported()["decode"]
        return {"decode": dataclasses.replace(given, run=run, variables=[])}


@pytest.mark.parametrize("format", FORMATS)
def test_what_does_not_convert_is_one_line(format, tmp_path):
    with pytest.raises(RunError, match=rf"^odd: does not convert to {format} \(.*Igamma") as raised:
        ganzoo.export(Unconvertible(), tmp_path, format=format)
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "odd").iterdir()) == []


def test_an_unknown_format(tmp_path):
    with pytest.raises(UsageError, match=r"format: unknown format 'onxx' \(did you mean 'onnx'\?\)"):
        ganzoo.export("cgan", tmp_path, format="onxx")


@pytest.mark.parametrize("package", ["onnx", "tf2onnx"])
def test_a_missing_package(package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"format onnx: needs {package} \(pip install 'ganzoo\[export\]'\)"):
        ganzoo.export("cgan", tmp_path / "out", format="onnx")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_refused_as_for_a_saved_model(format, tmp_path):
    version = tmp_path / "cgan_mnist" / "3"
    version.mkdir(parents=True)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text(ganzoo.config("gan_ring").to_yaml())
    for model, given, error, message in [
        ("cgan", 3, UsageError, "3: already exists"),
        ("cgan", 0, UsageError, "version: expected an integer from 1 to 999999999999999999, got 0"),
        ("gan_ring", 1, WeightsError, "gan_ring: has no trained weights"),
        (tmp_path / "run", 1, WeightsError, "run: has no checkpoint yet"),
    ]:
        with pytest.raises(error, match=message):
            ganzoo.export(model, tmp_path, given, format=format)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cgan_mnist", "run"]


def test_versions_of_a_model_have_one_format(tmp_path):
    """A server would take the newest, and can read SavedModels alone."""
    model = ganzoo.load("gan_ring", weights="random")
    ganzoo.export(model, tmp_path)
    with pytest.raises(UsageError, match=r"gan_ring/1: is a version in another format, savedmodel \(give another dire"):
        ganzoo.export(model, tmp_path, 2, format="litert")
    path = ganzoo.export(model, tmp_path, format="litert", overwrite=True)
    assert sorted(file.name for file in path.iterdir()) == ["config.yaml", "gan_ring.tflite"]
    ganzoo.export(model, tmp_path, 2, format="litert")
    with pytest.raises(UsageError, match=r"gan_ring/1: is a version in another format, litert"):
        ganzoo.export(model, tmp_path, 3)


def test_a_version_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    model = ganzoo.load("gan_ring", weights="random")
    path = ganzoo.export(model, tmp_path, format="litert")
    before = (path / "gan_ring.tflite").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(RunError, match=r"1: cannot be written \(No space left on device\)"):
        ganzoo.export(model, tmp_path, format="litert", overwrite=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["1"]
    assert (path / "gan_ring.tflite").read_bytes() == before
