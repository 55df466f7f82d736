"""Fixed splits, and resizing of arrays."""

import numpy as np
import pytest

from ganzoo.data.arrays import fit_all, neighbourhoods, split_indices
from ganzoo.errors import DataError


def test_the_last_fifth_of_each_class_is_the_test_split():
    labels = np.array([1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 2, 2])  # six of 0, five of 1, two of 2
    assert split_indices("x", labels, "test").tolist() == [9, 10]
    assert split_indices("x", labels, "train").tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12]
    assert split_indices("x", labels, "all").tolist() == list(range(13))


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match=r"^dataset\.split: x has no 'tets' \(did you mean 'test'\?\)$"):
        split_indices("x", np.zeros(3, int), "tets")


def test_fit_all_keeps_pixels_of_the_right_size_and_resizes_others():
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    same = fit_all(images, 4, 3)
    np.testing.assert_array_equal(same, np.stack([images] * 3, axis=-1))
    flat = fit_all(np.full((2, 4, 4), 77, np.uint8), 9, 1)
    np.testing.assert_array_equal(flat, np.full((2, 9, 9, 1), 77, np.uint8))


def test_the_neighbours_of_a_corner_and_of_the_middle():
    image = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3)
    nine = neighbourhoods(image)
    assert nine.dtype == np.uint8
    assert nine[:, 0, 0, 0].tolist() == [0, 0, 0, 0, 1, 2, 0, 4, 5]
    assert nine[:, 0, 1, 1].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    np.testing.assert_array_equal(neighbourhoods(image[..., np.newaxis])[..., 0], nine)
