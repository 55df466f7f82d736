"""What a generator and a translator are given, worked out by hand; the model and the client both send it."""

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.models import rows


@pytest.mark.parametrize(
    ("classes", "arguments", "seeds", "truncation", "labels"),
    [
        (0, {"n": 3}, [[9, 0], [9, 1], [9, 2]], [1, 1, 1], None),
        (0, {"positions": [4, 0]}, [[9, 4], [9, 0]], [1, 1], None),
        (0, {"n": 2, "truncation": 0.25}, [[9, 0], [9, 1]], [0.25, 0.25], None),
        (0, {"n": 1, "truncation": 1}, [[9, 0]], [1], None),
        (3, {}, [[9, 0], [9, 1], [9, 2]], [1, 1, 1], [0, 1, 2]),
        (3, {"n": 5}, [[9, i] for i in range(5)], [1] * 5, [0, 1, 2, 0, 1]),
        (3, {"positions": [7, 2**31 - 1]}, [[9, 7], [9, 2**31 - 1]], [1, 1], [1, (2**31 - 1) % 3]),
        (3, {"labels": 2}, [[9, 0]], [1], [2]),
        (3, {"n": 2, "labels": 1}, [[9, 0], [9, 1]], [1, 1], [1, 1]),
        (3, {"labels": [2, 0, 2]}, [[9, 0], [9, 1], [9, 2]], [1, 1, 1], [2, 0, 2]),
        (3, {"labels": [2, 0], "positions": [5, 6]}, [[9, 5], [9, 6]], [1, 1], [2, 0]),
        (None, {"labels": [2, 700]}, [[9, 0], [9, 1]], [1, 1], [2, 700]),
    ],
)
def test_what_is_drawn(classes, arguments, seeds, truncation, labels):
    made = rows.drawing("digits", classes, seed=9, **arguments)
    wanted = {"seeds": np.int32(seeds), "truncation": np.float32(truncation)}
    if labels is not None:
        wanted["labels"] = np.int32(labels)
    assert list(made) == list(wanted)  # the order of the function's arguments
    for name, array in wanted.items():
        np.testing.assert_array_equal(made[name], array, strict=True)


NAMES = ("cat", "dress", "0")


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (["dress", 2, "cat"], [1, 2, 0]),
        (("cat",), [0]),
        ("dress", [1]),
        (["0"], [2]),  # a name goes before a number
        (["2", "1"], [2, 1]),
        (np.array(["dress", "cat"]), [1, 0]),
        ([np.int64(2), "cat"], [2, 0]),
    ],
)
def test_labels_by_name(labels, numbers):
    assert rows.drawing("pets", 3, labels=labels, class_names=NAMES)["labels"].tolist() == numbers
    assert rows.check_labels("pets", 3, labels, len(numbers), NAMES)["labels"].tolist() == numbers


@pytest.mark.parametrize(
    ("names", "label", "index"),
    [
        ([f"{month:02}" for month in range(1, 13)], "7", 6),
        ([f"{month:02}" for month in range(1, 13)], "08", 7),
        ([str(number) for number in range(1, 13)], "012", 11),
        (["-1", "0.5", "1"], "0.50", 1),
        (["-1", "0.5", "1"], "-1.0", 0),
    ],
)
def test_numbers_as_class_names_are_met_by_value(names, label, index):
    assert rows.by_number("months", label, names) == index
    assert rows.by_number("months", [label, 2], names) == [index, 2]


@pytest.mark.parametrize(
    ("names", "label", "listed"),
    [
        (["1", "2", "3"], "0", "1, 2, 3"),
        (["1", "2", "3"], "cat", "1, 2, 3"),
        (["1", "2", "3"], "nan", "1, 2, 3"),
        (["1", "2", "3"], "9" * 5000, "1, 2, 3"),
        (["1", "01"], "001", "1, 01"),
        ([f"{number:03}" for number in range(21)], "21", ", ".join(f"{number:03}" for number in range(20)) + ", …"),
    ],
)
def test_a_number_that_is_no_class_is_no_index(names, label, listed):
    with pytest.raises(UsageError) as caught:
        rows.by_number("months", label, names)
    assert str(caught.value) == f"labels: months has no class '{label}' (classes: {listed})"


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (["cat", "dres"], NAMES, "labels: pets has no class 'dres' (did you mean 'dress'?)"),
        ("horse", NAMES, "labels: pets has no class 'horse' (known: 0, cat, dress)"),
        ("-1", NAMES, "labels: pets has no class '-1' (known: 0, cat, dress)"),
        (["cat"], (), "labels: expected integers, got 'cat' (pets has no class names)"),
        (
            ["cat"],
            None,
            "labels: expected integers, got 'cat' (a server does not report class names: give the number of the "
            "name's place, from 0, in dataset.class_names of the export's assets.extra/config.yaml)",
        ),
        (["7"], NAMES, "labels: expected integers in 0 … 2, got 7"),
    ],
)
def test_unknown_names(labels, names, message):
    with pytest.raises(UsageError) as caught:
        rows.drawing("pets", 3, labels=labels, class_names=names)
    assert str(caught.value) == message


def test_numbers_of_numpy_and_one_value_for_all():
    made = rows.drawing("digits", 3, np.int64(2), labels=np.int8(1), seed=np.int32(9), truncation=np.float32(0.5))
    assert made["truncation"].tolist() == [0.5, 0.5]
    assert (made["labels"].tolist(), made["seeds"].tolist()) == ([1, 1], [[9, 0], [9, 1]])
    assert rows.drawing("digits", 3, labels="2", seed=0)["labels"].tolist() == [2], "one label, one example"
    assert rows.drawing("digits", 3, labels=2, positions=[4, 5], seed=0)["labels"].tolist() == [2, 2]
    assert rows.check_seed(2**31 - 1) == 2**31 - 1


def test_how_many_are_drawn_where_nothing_says_it():
    assert len(rows.drawing("digits", 0)["seeds"]) == 16
    assert len(rows.drawing("digits", 7)["seeds"]) == 7


def test_a_seed_of_its_own(monkeypatch):
    monkeypatch.setattr("secrets.randbelow", lambda limit: limit - 7)
    assert rows.drawing("digits", 0, 1)["seeds"].tolist() == [[2**31 - 7, 0]]


@pytest.mark.parametrize(
    ("classes", "arguments", "message"),
    [
        (0, {"n": 0}, "n: expected an integer of 1 or more, got 0"),
        (0, {"n": 2.0}, "n: expected an integer of 1 or more, got 2.0"),
        (3, {"n": 2, "labels": [[0, 1]]}, "labels: expected 2 integers, got shape [1, 2]"),
        (0, {"n": 3, "positions": [0, 1]}, "positions: expected 3 integers, got shape [2]"),
        (0, {"n": -1}, "n: expected an integer of 1 or more, got -1"),
        (0, {"truncation": 1.5}, "truncation: expected a number in (0, 1], got 1.5"),
        (0, {"n": True}, "n: expected an integer of 1 or more, got True"),
        (0, {"labels": [1]}, "labels: digits is not conditional (leave them out)"),
        (3, {"labels": [3]}, "labels: expected integers in 0 … 2, got 3"),
        (3, {"labels": [0.5]}, "labels: expected integers in 0 … 2, got 0.5"),
        (3, {"n": 2, "labels": [1]}, "labels: expected 2 integers, got shape [1]"),
        (3, {"labels": [[1], [1, 2]]}, "labels: expected a plain list of integers, got rows of several lengths"),
        (3, {"positions": [[1], [1, 2]]}, "positions: expected a plain list of integers, got rows of several lengths"),
        (None, {}, "labels: expected integers in 0 … the number of classes - 1, got none"),
        (None, {"labels": [5, -1]}, "labels: expected integers in 0 … the number of classes - 1, got -1"),
        (None, {"labels": [2**31]}, "labels: expected integers in 0 … the number of classes - 1, got 2147483648"),
        (3, {"positions": [-1]}, "positions: expected integers in 0 … 2147483647, got -1"),
        (3, {"positions": [2**31]}, "positions: expected integers in 0 … 2147483647, got 2147483648"),
        (0, {"truncation": 0}, "truncation: expected a number in (0, 1], got 0"),
        (0, {"truncation": True}, "truncation: expected a number in (0, 1], got True"),
        (0, {"truncation": "1"}, "truncation: expected a number in (0, 1], got '1'"),
        (0, {"truncation": float("nan")}, "truncation: expected a number in (0, 1], got nan"),
        (0, {"seed": -1}, "seed: expected integers in 0 … 2147483647, got -1"),
        (0, {"seed": 2**31}, "seed: expected integers in 0 … 2147483647, got 2147483648"),
        (0, {"seed": 1.5}, "seed: expected integers in 0 … 2147483647, got 1.5"),
    ],
)
def test_what_cannot_be_drawn(classes, arguments, message):
    with pytest.raises(UsageError) as caught:
        rows.drawing("digits", classes, **arguments)
    assert str(caught.value).startswith(message)
