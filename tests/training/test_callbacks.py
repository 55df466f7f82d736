"""What the callbacks draw."""

from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo import figures
from ganzoo.training.callbacks import sample_sheet


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_samples_of_points_of_any_number_of_columns(columns):
    drawn = np.random.default_rng(0).normal(size=(30, columns))
    reference = np.random.default_rng(1).normal(size=(30, columns))
    model = SimpleNamespace(generate=lambda n, seed: drawn[:n] * seed)
    picture = sample_sheet(model, 1, reference, "step 5")
    np.testing.assert_array_equal(picture, figures.points(drawn, reference, "step 5"))
