"""Checkpoints are whole or not there, and damage is noticed."""

import os

import keras
import numpy as np
import pytest

from ganzoo import weights, zoo
from ganzoo.errors import RunError, WeightsError
from ganzoo.models.build import build
from ganzoo.training.checkpoints import MANIFEST, STATE, Checkpoints

CONFIG = zoo.config("gan_ring").override({"generator.widths": [4], "discriminator.widths": [4]})


@pytest.fixture
def model():
    return build(CONFIG)


def at(model, step):
    model.step_counter.assign(step)
    for variable in model.state().values():
        if variable is not model.step_counter and keras.backend.is_float_dtype(variable.dtype):
            variable.assign(np.full(variable.shape, step, np.float32))
    return model


def test_everything_comes_back(model, tmp_path):
    checkpoints = Checkpoints(tmp_path / "c")
    model.generator_optimizer.iterations.assign(41)
    checkpoints.save(at(model, 7))
    fresh = build(CONFIG)
    assert checkpoints.restore(fresh) == 7
    for name, variable in model.state().items():
        np.testing.assert_array_equal(fresh.state()[name].numpy(), variable.numpy(), err_msg=name)
    assert fresh.step == 7
    assert int(fresh.generator_optimizer.iterations) == 41


def test_the_newest_are_kept_and_one_can_be_asked_for(model, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (5, 10, 200):
        checkpoints.save(at(model, step))
    assert checkpoints.steps() == [10, 200]
    assert checkpoints.restore(model, 10) == 10
    assert model.step == 10
    with pytest.raises(WeightsError, match=r"no checkpoint of step 5 \(there are: \[10, 200\]\)"):
        checkpoints.restore(model, 5)


def test_none_is_none(model, tmp_path):
    assert Checkpoints(tmp_path / "absent").restore(model) is None


@pytest.mark.parametrize("name", [STATE, MANIFEST])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_one_is_passed_over_with_a_warning_and_written_anew(model, tmp_path, caplog, name, damage):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1))
    path = checkpoints.save(at(model, 2)) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    assert checkpoints.restore(model) == 1
    assert "checkpoint passed over" in caplog.text
    assert "step_00000002" in caplog.text
    assert model.step == 1
    with pytest.raises(WeightsError):
        checkpoints.restore(model, 2)
    checkpoints.save(at(model, 2))
    assert checkpoints.restore(model) == 2


def test_what_a_kill_left_is_cleared_and_notes_come_back(model, tmp_path):
    (tmp_path / ".step_00000001.4711").mkdir()
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1), {"sum": 0.1})
    assert os.listdir(tmp_path) == ["step_00000001"]
    assert checkpoints.notes(1) == {"sum": 0.1}


def test_weights_that_are_not_finite_are_not_saved(model, tmp_path):
    with pytest.raises(RunError, match=r"not written, generator/.* is not finite; earlier checkpoints are whole"):
        Checkpoints(tmp_path / "c").save(at(model, 1) and broken(model))
    assert not (tmp_path / "c").exists()


def broken(model):
    kernel = model.generator.trainable_variables[0]
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))
    return model


def test_a_failed_write_leaves_the_earlier_ones_whole(model, tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1))

    def no_room(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "write", no_room)
    with pytest.raises(RunError, match=r"cannot be written .*No space left on device.*same command again"):
        checkpoints.save(at(model, 2))
    assert os.listdir(tmp_path) == ["step_00000001"]
    assert checkpoints.restore(model) == 1
