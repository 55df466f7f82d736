"""Weights files: same bytes for the same weights, and nothing wrong gets into a network."""

import keras
import numpy as np
import pytest

from ganzoo.core import weights
from ganzoo.errors import WeightsError

ARRAYS = {"b/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.asarray(7, np.int64)}


def test_what_was_written_is_read_with_shapes_and_types(tmp_path):
    weights.write(tmp_path / "w.safetensors", ARRAYS)
    read = weights.read(tmp_path / "w.safetensors")
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape


def test_equal_weights_are_equal_bytes(tmp_path):
    weights.write(tmp_path / "1", ARRAYS)
    weights.write(tmp_path / "2", dict(reversed(ARRAYS.items())))
    assert weights.sha256(tmp_path / "1") == weights.sha256(tmp_path / "2")


def test_sha256_of_known_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert weights.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_any_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.write(path, ARRAYS)
    expected = weights.sha256(path)
    whole = path.read_bytes()
    for position in (0, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="SHA-256"):
            weights.read(path, expected)


def test_absent_and_foreign_files(tmp_path):
    with pytest.raises(WeightsError, match="no such weights file"):
        weights.read(tmp_path / "absent")
    (tmp_path / "text").write_text("not safetensors")
    with pytest.raises(WeightsError, match="cannot be read as safetensors"):
        weights.read(tmp_path / "text")


def test_place_casts_and_checks():
    kernel = keras.Variable(np.zeros((2, 3)), dtype="float32", name="kernel")
    weights.place({"k": np.ones((2, 3), np.float16)}, {"k": kernel}, "here")
    np.testing.assert_array_equal(kernel.numpy(), np.ones((2, 3)))
    for arrays, message in [
        ({}, "here: made for other networks \\(missing: k\\)"),
        ({"k": np.ones((2, 3)), "x": np.ones(1)}, "surplus: x"),
        ({"k": np.ones((3, 2))}, r"k: expected \[2, 3\], got \[3, 2\]"),
    ]:
        with pytest.raises(WeightsError, match=message):
            weights.place(arrays, {"k": kernel}, "here")
