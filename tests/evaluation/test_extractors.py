"""The interface of the feature extractors."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.kinds import Image, Points, Sequence, Table
from ganzoo.errors import ConfigError, UsageError
from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint, names, open_extractor


def test_every_module_registers_what_it_is_called():
    assert {"efficientnet_lite0", "identity", "inception_fid"} <= set(names())
    assert names() == sorted(names())


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(ConfigError, match=r"^evaluation\.features: unknown extractor 'inception_fit' \(did you mean '"):
        open_extractor("inception_fit")


def test_identity_gives_back_points():
    extractor = open_extractor("identity")
    points = np.random.default_rng(0).normal(size=(10_003, 3)).astype(np.float32)
    found = extractor(points)
    np.testing.assert_array_equal(found.features, points, strict=True)
    assert found.probabilities is None
    assert extractor.embed is not None
    np.testing.assert_array_equal(extractor.embed(tf.constant(points)), points)


@pytest.mark.parametrize("count", [1, 3, 4, 11])
def test_batches_come_in_order_with_probabilities_of_the_logits(count):
    threads = set()

    def prepare(images):
        threads.add(threading.current_thread())
        assert len(images) <= 4
        return images[:, 0, 0].astype(np.float32)

    extractor = Extractor(
        "mean",
        sha256=fingerprint("mean", 1),
        dimensions=3,
        prepare=prepare,
        network=lambda x: (2 * x, tf.math.log(x[:, :2])),
        batch_size=4,
    )
    images = np.random.default_rng(0).integers(1, 256, (count, 5, 5, 3), dtype=np.uint8)
    colours = images[:, 0, 0].astype(np.float32)
    found = extractor(images)
    np.testing.assert_array_equal(found.features, 2 * colours, strict=True)
    assert found.probabilities is not None
    expected = colours[:, :2] / colours[:, :2].sum(1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
    assert threading.main_thread() not in threads


def test_fingerprints_tell_all_parts():
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fingerprint("abc") == abc
    assert len({fingerprint("a", 1), fingerprint("a", 2), fingerprint("a1"), fingerprint("b", 1)}) == 4


def test_a_table_is_judged_on_the_scales_of_its_real_columns():
    rows = np.array([[1.0, 100.0], [3.0, 300.0]], np.float32)
    table = Table.fitted(["a", "b"], rows, "x")
    extractor = open_extractor("standardised").for_kind(table, "x")
    np.testing.assert_allclose(extractor(rows).features, [[-1, -1], [1, 1]], atol=1e-6)
    other = open_extractor("standardised").for_kind(Table.fitted(["a", "b"], 2 * rows, "x"), "x")
    assert len({extractor.sha256, other.sha256, open_extractor("identity").sha256}) == 3


def test_sequences_are_compared_as_long_vectors():
    examples = np.random.default_rng(0).normal(size=(7, 4, 3)).astype(np.float32)
    extractor = open_extractor("identity").for_kind(Sequence(4, 3), "x")
    np.testing.assert_array_equal(extractor(examples).features, examples.reshape(7, 12))
    assert extractor.embed is not None
    np.testing.assert_array_equal(extractor.embed(tf.constant(examples)), examples.reshape(7, 12))


@pytest.mark.parametrize(
    ("features", "kind", "message"),
    [
        ("mnist_cnn", Points(2), r"features: mnist_cnn: expected images, got points of x \(use identity\)"),
        ("identity", Image(8, 8, 1), r"features: identity: expected points and rows and sequences, got images of x"),
        ("standardised", Points(2), r"features: standardised: expected rows, got points of x \(use identity\)"),
    ],
)
def test_extractors_of_another_kind_are_refused(features, kind, message):
    with pytest.raises(UsageError, match=message):
        open_extractor(features).for_kind(kind, "x")
