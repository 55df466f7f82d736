"""What a thorough evaluation adds: held-out examples, and the floor of real ones."""

import numpy as np
import pytest

from ganzoo.evaluation.evaluate import Evaluator
from ganzoo.evaluation.examples import from_array


def judged(seed, held_out=200, fake=300):
    """Points of N(0, 1) in two dimensions, and others 3 apart: the Fréchet distance is 9."""
    generator = np.random.default_rng(seed)
    real, unseen, made = (generator.normal(size=(count, 2)) for count in (400, held_out, fake))
    evaluator = Evaluator(
        from_array("real", real), "identity", ["fid"], held_out=from_array("unseen", unseen), thorough=True
    )
    return evaluator(from_array("made", made + np.array([3.0, 0.0])))


def test_the_floor_of_known_gaussians():
    """Two sets of n and m equal Gaussians of d dimensions are (d + d (d + 1) / 4) (1 / n + 1 / m) apart on average."""
    found = [judged(seed) for seed in range(40)]
    floors, distances = (
        np.mean([getattr(each, name)["fid_identity"].value for each in found]) for name in ("floor", "held_out")
    )
    assert floors == pytest.approx(3.5 * (1 / 300 + 1 / 200), rel=0.35)
    assert distances == pytest.approx(9.0, rel=0.03)
    errors = [each.held_out["fid_identity"].spread for each in found]
    assert np.mean(errors) == pytest.approx(6.0 * np.sqrt(1 / 300 + 1 / 200), rel=0.15)  # of the square of a mean of 3


def test_the_counts_are_equal():
    assert judged(0).protocol["held_out"]["compared"] == 300
    assert judged(0, fake=900).protocol["held_out"]["compared"] == 400
