"""Neighbours against `prdc`, against exact distances, and by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics import neighbours
from ganzoo.evaluation.metrics.metric import get
from ganzoo.evaluation.metrics.neighbours import memorisation, precision_recall_density_coverage, realism


def exact(real, fake, nearest):
    """The definition with distances from differences, rounded as prdc rounds them."""
    dtype = np.float32 if real.dtype == fake.dtype == np.float32 else np.float64

    def distances(x, y):
        return np.sqrt(cdist(x.astype(float), y.astype(float), "sqeuclidean").astype(dtype))

    real_radii, fake_radii = (np.sort(distances(each, each), axis=1)[:, nearest] for each in (real, fake))
    between = distances(real, fake)
    inside = between < real_radii[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (between < fake_radii).any(axis=1).mean(),
        "density": inside.sum(axis=0).mean() / nearest,
        "coverage": (between.min(axis=1) < real_radii).mean(),
    }


def sets(dtype):
    generator = np.random.default_rng(5)
    real = (generator.normal(size=(90, 24)) + 3).astype(dtype)
    fake = (generator.normal(size=(61, 24)) * 0.9 + 3).astype(dtype)
    lattice = generator.integers(0, 4, size=(80, 2)).astype(dtype)
    return {
        "random": (real, fake),
        "identical": (real, real.copy()),
        "permuted": (real, real[generator.permutation(90)]),
        "some copies": (real, np.concatenate([real[::3], fake])),
        "reals repeated": (np.repeat(real[:20], 8, axis=0), np.concatenate([real[:20], fake])),
        "both repeated": (np.repeat(real[:20], 8, axis=0), np.tile(real[:10], (7, 1))),
        "one real": (np.repeat(real[:1], 50, axis=0), fake),
        "one fake": (real, np.repeat(real[3:4], 50, axis=0)),
        "one of both": (np.repeat(real[:1], 50, axis=0), np.repeat(real[:1], 40, axis=0)),
        "lattice": (lattice, lattice[::2]),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sets(np.float32))
def test_as_exact_distances_and_prdc_have_it(name, dtype, monkeypatch, capsys):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 8 * 61 * 13)  # several blocks, the last one short
    real, fake = sets(dtype)[name]
    found = precision_recall_density_coverage(real, fake, nearest=5)
    assert found == pytest.approx(exact(real, fake, 5), abs=1e-12)
    prdc = pytest.importorskip("prdc")
    # Of repeated samples prdc's own distances are rounding noise, other at every number of cores: no reference there.
    if "repeated" not in name and not name.startswith("one "):
        assert found == pytest.approx(prdc.compute_prdc(real, fake, 5), abs=1e-12)


def test_by_hand():
    # radii of the reals 0, 1, 3 on a line to their nearest: 1, 1, 2; of the fakes 0.5, 9: 8.5 both
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [9.0]])
    assert precision_recall_density_coverage(real, fake, nearest=1) == pytest.approx(
        {"precision": 0.5, "recall": 1.0, "density": 1.0, "coverage": 2 / 3}
    )
    # of three reals one counts: the first of the radii 1, 1, 2
    np.testing.assert_allclose(realism(real, np.array([[0.5], [9.0], [-4.0], [0.0]]), nearest=1), [2, 1 / 9, 0.25, 1e6])


def test_realism_is_the_plain_ratio():
    generator = np.random.default_rng(2)
    real, fake = generator.normal(size=(40, 6)), generator.normal(size=(30, 6))
    radii = np.sort(cdist(real, real), axis=1)[:, 3]
    dense = radii < np.median(radii)
    np.testing.assert_allclose(realism(real, fake), (radii[dense, None] / cdist(real, fake)[dense]).max(axis=0))


def test_memorisation_by_hand():
    train = np.array([[0.0], [10.0], [20.0]])
    held_out = np.array([[1.0], [12.0], [23.0], [4.0]])  # 1, 2, 3, 4 away
    fake = np.array([[0.0], [12.0]])  # 0 and 2: nearer than 4 of 4, and than 2 and a tie
    assert memorisation(train, fake, held_out) == {"memorisation": (4 + 2.5) / 8, "copies": 0.5}
    assert memorisation(train, held_out, held_out)["memorisation"] == 0.5
    assert memorisation(train, train, train) == {"memorisation": 0.5, "copies": 1.0}
    assert memorisation(train, held_out, train) == {"memorisation": 0.0, "copies": 0.0}
    assert memorisation(train, train, held_out) == {"memorisation": 1.0, "copies": 1.0}


def test_as_metrics():
    numbers = np.random.default_rng(0)
    real, fake, held_out = (
        SimpleNamespace(kept=lambda x=x: x, count=len(x), examples=SimpleNamespace(name=name))
        for name, x in {n: numbers.normal(size=(c, 3)) for n, c in (("real", 6), ("fake", 7), ("other", 8))}.items()
    )
    given = SimpleNamespace(real=real, fake=fake, held_out=held_out)
    found = {name: value.value for name, value in neighbours.manifolds(given).items()}
    assert found == precision_recall_density_coverage(real.kept(), fake.kept(), nearest=5)
    found = {name: value.value for name, value in neighbours.copying(given).items()}
    assert found == memorisation(real.kept(), fake.kept(), held_out.kept())
    assert get("coverage").least == 6


def test_wrong_use_is_named():
    good = np.zeros((4, 2))
    assert precision_recall_density_coverage(good, good, nearest=3)["precision"] == 0.0, "copies are in no open ball"
    for wrong in ({"real": good[:, :1], "fake": good}, {"real": good * np.nan, "fake": good}):
        for function in (precision_recall_density_coverage, realism):
            with pytest.raises(UsageError, match=r"^(real|fake) features: expected"):
                function(**wrong)
    with pytest.raises(UsageError, match="train features: expected finite values"):
        memorisation(good * np.nan, good, good)
    with pytest.raises(UsageError, match="nearest: expected 1 to 2 for 3 fake samples, got 3"):
        precision_recall_density_coverage(good, good[:3], nearest=3)
    with pytest.raises(UsageError, match="nearest: expected 1 to 3 for 4 real samples, got 4"):
        precision_recall_density_coverage(good, good, nearest=4)
    with pytest.raises(UsageError, match="got 0"):
        realism(good, good, nearest=0)
    with pytest.raises(UsageError, match="held_out features: expected finite values, got NaN or infinity in sample 0"):
        memorisation(good, good, good * np.nan)
