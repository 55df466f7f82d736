"""The Inception network against torch-fidelity's, with random weights: the trained ones are too large to travel."""

import importlib.util
import sys
import time
import types
import warnings

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import weights
from ganzoo.errors import WeightsError
from ganzoo.evaluation.extractors import inception_fid as module
from ganzoo.evaluation.extractors.extractor import Extractor, open_extractor

NAME = "pt_inception-2015-12-05-6726825d.pth"


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 299, 299, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def original():
    """torch-fidelity's network; its other networks, which want torchvision, are not imported."""
    torch = pytest.importorskip("torch")
    spec = importlib.util.find_spec("torch_fidelity")
    if spec is None:
        pytest.skip("torch-fidelity is not installed")
    with pytest.MonkeyPatch.context() as patch:
        package = types.ModuleType("torch_fidelity")
        package.__path__ = list(spec.submodule_search_locations)
        patch.setitem(sys.modules, "torch_fidelity", package)
        theirs = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
        for name in [name for name in sys.modules if name.startswith("torch_fidelity.")]:
            patch.delitem(sys.modules, name)
        patch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = theirs.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"])
    random = torch.Generator().manual_seed(0)
    for name, array in network.state_dict().items():
        if name.endswith(("running_var", "bn.weight")):
            array.uniform_(0.5, 1.5, generator=random)
        elif name.endswith("conv.weight"):
            array.normal_(0, (2 / array[0].numel()) ** 0.5, generator=random)
        elif array.dtype == torch.float32:
            array.normal_(0, 0.1, generator=random)
    return network


@pytest.fixture(scope="module")
def extractor(original, tmp_path_factory) -> Extractor:
    """Ours, with those weights where the trained ones would be."""
    import torch

    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").mkdir()
    torch.save(original.state_dict(), cache / "weights" / NAME, _use_new_zipfile_serialization=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_HOME", str(cache))
        patch.setattr(module, "_SHA256", weights.sha256(cache / "weights" / NAME))
        return open_extractor("inception_fid")


def test_features_and_probabilities_are_the_original_networks(original, extractor, noise):
    import torch

    with torch.no_grad():
        features, logits = original(torch.from_numpy(noise).permute(0, 3, 1, 2))
    found = extractor(noise)
    assert found.features.shape == (2, 2048)
    assert features.std() > 0.1
    np.testing.assert_allclose(found.features, features, rtol=0, atol=1e-5 * float(features.abs().max()))
    np.testing.assert_allclose(found.probabilities, torch.softmax(logits, -1), rtol=1e-3, atol=1e-6)


def test_images_are_resized_as_in_clean_fid():
    resize = pytest.importorskip("cleanfid.resize")
    random = np.random.default_rng(0)
    for shape in [(2, 32, 32, 3), (1, 299, 299, 3), (1, 427, 640, 3)]:
        images = random.integers(0, 256, shape, dtype=np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Pillow's, of the way they call it
            expected = np.stack([resize.build_resizer("clean")(image) for image in images])
        np.testing.assert_array_equal(module.prepare(images), expected, strict=True)


def test_grey_is_repeated():
    grey = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    prepared = module.prepare(grey)
    assert (prepared.shape, prepared.dtype) == ((2, 299, 299, 3), np.float32)
    np.testing.assert_array_equal(prepared, module.prepare(np.repeat(grey, 3, -1)))


def test_embedding_is_the_features_with_a_gradient(extractor):
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    floats = tf.constant(images / 127.5 - 1, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(floats)
        embedded = extractor.embed(floats)
        total = tf.reduce_sum(embedded**2)
    features = extractor(images).features
    np.testing.assert_allclose(embedded, features, rtol=0, atol=1e-3 * features.max())
    gradient = tape.gradient(total, floats).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_without_network_the_ways_out_are_told_within_two_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    started = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        open_extractor("inception_fid")
    assert time.perf_counter() - started < 2
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{tmp_path}/weights/{NAME}: not found, and the download failed (")
    assert (
        f"fetch https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{NAME} on another machine" in line
    )
    assert line.endswith("or evaluate with --features efficientnet_lite0")
