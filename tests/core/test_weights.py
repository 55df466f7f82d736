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


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full(3, np.nan, np.float32), "expected finite numbers, got NaN or infinity"),
        (np.float32([1, np.inf, 2]), "expected finite numbers, got NaN or infinity"),
        (np.full(3, 1e300), "expected finite numbers, got NaN or infinity"),  # of float32
        (np.ones(3, np.int64), "expected float32, got int64"),
        (np.ones(3, np.uint8), "expected float32, got uint8"),
        (np.ones(3, bool), "expected float32, got bool"),
        (np.ones(3, np.complex64), "expected float32, got complex64"),
    ],
)
def test_what_is_no_weight_is_refused_by_name_and_nothing_is_assigned(array, message):
    first, second = (keras.Variable(np.zeros(3), dtype="float32", name=name) for name in "ab")
    with pytest.raises(WeightsError, match=rf"^here: net/b: {message} \([^\n]+\)$"):
        weights.place({"net/a": np.ones(3), "net/b": array}, {"net/a": first, "net/b": second}, "here")
    assert not first.numpy().any()


def test_integers_stay_integers():
    step = keras.Variable(0, dtype="int64", name="step")
    weights.place({"step": np.asarray(7, np.int32)}, {"step": step}, "here")
    assert int(step) == 7
    with pytest.raises(WeightsError, match=r"^here: step: expected int64, got float32 "):
        weights.place({"step": np.float32(7)}, {"step": step}, "here")


def test_bfloat16_is_read(tmp_path):
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f")
    assert weights.read(tmp_path / "w.safetensors")["a"].astype(np.float32) == [1.0]


def test_a_type_that_numpy_does_not_have_is_refused(tmp_path):
    header = b'{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    with pytest.raises(WeightsError, match=r"^[^\n]+ cannot be read as safetensors \([^\n]+\)$"):
        weights.read(tmp_path / "w.safetensors")
