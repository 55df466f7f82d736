"""A data set of points on a line."""

import numpy as np

import ganzoo
from ganzoo.data.source import from_arrays


@ganzoo.register("dataset", "example_line", kind="points")
def line(dataset, **_):
    """200 points (t, 2 t) for t in [-1, 1]."""
    t = np.linspace(-1.0, 1.0, 200, dtype=np.float32)
    return from_arrays(dataset.name, np.stack([t, 2.0 * t], axis=1))
