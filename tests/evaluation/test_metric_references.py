"""The metrics against the numeric cores of torch-fidelity and clean-fid, on the same features."""

import importlib
import importlib.util
import sys
import warnings
from unittest import mock

import numpy as np
import pytest

from ganzoo.evaluation.class_scores import InceptionScore
from ganzoo.evaluation.metrics.frechet import frechet_distance
from ganzoo.evaluation.metrics.kernel import kernel_distance
from ganzoo.evaluation.metrics.neighbours import precision_recall_density_coverage
from ganzoo.evaluation.moments import Moments

pytestmark = pytest.mark.slow  # they import torch

generator = np.random.default_rng(11)
REAL = generator.normal(size=(400, 64))
FAKE = REAL[:300] @ generator.normal(size=(64, 64)) / 9 + 0.1


@pytest.fixture
def reference(monkeypatch):
    """Imports a module of a reference; torchvision, which both import for images alone, need not be there."""
    pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        for name in ("", ".datasets", ".transforms", ".transforms.functional"):
            monkeypatch.setitem(sys.modules, "torchvision" + name, mock.MagicMock())

    def load(name):
        pytest.importorskip(name.partition(".")[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs, on import
            return importlib.import_module(name)

    yield load
    for name in [name for name in sys.modules if name.partition(".")[0] in ("torch_fidelity", "cleanfid")]:
        del sys.modules[name]  # they hold the stand-in


def tensors():
    torch = pytest.importorskip("torch")
    return torch.from_numpy(REAL), torch.from_numpy(FAKE)


def moments(features):
    made = Moments(features.shape[1])
    made.update(features)
    return made


def test_frechet_distance(reference):
    found = frechet_distance(moments(REAL), moments(FAKE))
    theirs = reference("torch_fidelity.metric_fid")
    statistics = [theirs.fid_features_to_statistics(each) for each in tensors()]
    value = theirs.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert found == pytest.approx(value, rel=1e-9)


def test_frechet_distance_of_clean_fid(reference):
    theirs = reference("cleanfid.fid")
    arguments = [part for each in (REAL, FAKE) for part in (each.mean(axis=0), np.cov(each, rowvar=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's, of an argument that it will drop
        value = theirs.frechet_distance(*arguments)
    assert frechet_distance(moments(REAL), moments(FAKE)) == pytest.approx(value, rel=1e-9)


def test_kernel_distance(reference):
    theirs = reference("torch_fidelity.metric_kid")
    real, fake = tensors()
    options = {"kid_subsets": 3, "kid_subset_size": 300, "verbose": False}
    value = theirs.kid_features_to_metric(real[:300], fake, **options)
    assert kernel_distance(REAL[:300], FAKE) == pytest.approx(
        (value["kernel_inception_distance_mean"], value["kernel_inception_distance_std"]), abs=1e-10
    )
    assert reference("cleanfid.fid").kernel_distance(REAL[:300], FAKE, num_subsets=1) == pytest.approx(
        kernel_distance(REAL[:300], FAKE)[0], abs=1e-10
    )


def test_inception_score(reference):
    torch = pytest.importorskip("torch")
    logits = torch.from_numpy(REAL)
    value = reference("torch_fidelity.metric_isc").isc_features_to_metric(logits, splits=8, shuffle=False)
    score = InceptionScore(400, splits=8, seed=None)
    score.update(logits.softmax(dim=1).numpy())
    assert score.result() == pytest.approx((value["inception_score_mean"], value["inception_score_std"]), abs=1e-10)


def test_precision_and_recall(reference):
    theirs = reference("torch_fidelity.metric_prc")
    real, fake = tensors()
    precision, recall = theirs.calculate_precision_recall_full(fake, real, neighborhood=3)
    found = precision_recall_density_coverage(REAL, FAKE, nearest=3)
    assert (found["precision"], found["recall"]) == pytest.approx((precision, recall), abs=1e-6)  # theirs is float32
