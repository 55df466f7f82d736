"""Tables: scales, decimals, names."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.kinds import Table
from ganzoo.errors import DataError
from ganzoo.schema import ColumnConfig

ROWS = np.array([[1.5, 100.0, 1 / 3], [2.5, 300.0, 2 / 3], [3.5, 200.0, 1 / 7]])


def test_columns_are_described_as_they_are():
    table = Table.fitted(["a", "b", "c"], ROWS, "x")
    assert table.fields == (
        ColumnConfig(name="a", mean=2.5, deviation=0.816497, decimals=1),
        ColumnConfig(name="b", mean=200.0, deviation=81.6497, decimals=0),
        ColumnConfig(name="c", mean=0.380952, deviation=0.216479),
    )
    assert table.learned["fields"][2] == {"name": "c", "mean": 0.380952, "deviation": 0.216479}


def test_a_few_numbers_with_noise_do_not_hide_the_decimals_of_the_rest():
    values = np.round(np.linspace(1, 9, 40), 1)
    values[7] = 9.899999
    assert Table.fitted(["a"], values[:, np.newaxis], "x").fields[0].decimals == 1


def test_inside_columns_have_mean_0_and_deviation_1():
    inside = Table.fitted(["a", "b", "c"], ROWS, "x").to_inside(ROWS.astype(np.float32)).numpy()
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(inside.std(0), 1, atol=1e-5)
    np.testing.assert_allclose(inside[:, 0], [-1.2247, 0, 1.2247], atol=1e-4)


def test_numbers_are_given_back_in_their_units_with_their_decimals():
    table = Table.fitted(["a", "b", "c"], ROWS, "x")
    for to_edge in (table.to_edge, tf.function(table.to_edge)):
        rows = to_edge(np.array([[0.1, -0.4, 0.0]], np.float32)).numpy()
        np.testing.assert_allclose(rows, [[2.6, 167.0, 0.380952]], rtol=1e-6)
        assert rows[0, 1] == 167.0
    assert table.encode(rows, ".csv") == b"a,b,c\n2.6,167,0.380952001\n"


def test_whole_numbers_may_be_handed_in():
    table = Table.fitted(["a", "b", "c"], ROWS, "x")
    checked = table.check([[1, 2, 3]], "mine")
    np.testing.assert_array_equal(checked, np.array([[1, 2, 3]], np.float32), strict=True)


def test_columns_that_cannot_be_scaled_are_refused():
    with pytest.raises(DataError, match=r"^x: column b: expected several values, got 7 only$"):
        Table.fitted(["a", "b"], np.array([[1.0, 7.0], [2.0, 7.0]]), "x")
    with pytest.raises(DataError, match=r"^x: column a: expected finite numbers, got NaN or infinity$"):
        Table.fitted(["a"], np.array([[1.0], [np.nan]]), "x")
