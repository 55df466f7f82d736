"""Checkpoints are whole or not there, and damage is noticed."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo.core import weights
from ganzoo.errors import RunError, WeightsError
from ganzoo.models.build import build
from ganzoo.training.checkpoints import MANIFEST, STATE, Checkpoints, NotFiniteError

CONFIG = ganzoo.config("gan_ring").override({"generator.widths": [4], "discriminator.widths": [4]})


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
    model.updates["generator"].optimizer.iterations.assign(41)
    checkpoints.save(at(model, 7))
    fresh = build(CONFIG)
    assert checkpoints.restore(fresh) == 7
    for name, variable in model.state().items():
        np.testing.assert_array_equal(fresh.state()[name].numpy(), variable.numpy(), err_msg=name)
    assert fresh.step == 7
    assert int(fresh.updates["generator"].optimizer.iterations) == 41


def test_files_in_place_of_directories_are_passed_over_and_replaced(model, tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 5))
    for name in ("step_00000007", "step_00000009", ".step_left"):
        (tmp_path / name).write_text("no directory")
    assert checkpoints.restore(model) == 5
    assert [message.partition(": ")[0] for message in caplog.messages] == ["checkpoint skipped"] * 2
    checkpoints.save(at(model, 7))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000005", "step_00000007"]
    assert checkpoints.restore(model) == 7


@pytest.mark.parametrize("text", ["[" * 200_000, "[]", "null", "{}", "\xff"])
def test_a_damaged_manifest_is_one_line(model, tmp_path, text):
    checkpoints = Checkpoints(tmp_path)
    (checkpoints.save(at(model, 5)) / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(WeightsError, match=r"^.*all checkpoints are damaged \(.*manifest\.json: damaged.*$"):
        checkpoints.restore(model)


def test_the_first_checkpoint_that_cannot_be_written_has_none_before_it(model, tmp_path, monkeypatch):
    synced = []

    def full(path):
        synced.append(path)
        if path == tmp_path:  # the checkpoint has its name already
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganzoo.core.files.sync", full)
    with pytest.raises(RunError, match=r"No space left on device.*: there is no earlier checkpoint$"):
        Checkpoints(tmp_path).save(at(model, 5))


def test_the_newest_are_kept_and_one_can_be_asked_for(model, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (5, 10, 200):
        checkpoints.save(at(model, step))
    assert checkpoints.steps() == [10, 200]
    assert checkpoints.newest_whole() == 200
    assert checkpoints.restore(model, 10) == 10
    assert model.step == 10
    with pytest.raises(WeightsError, match=r"expected one of the steps 10, 200, or last or best, got 5$"):
        checkpoints.restore(model, 5)


def test_a_damaged_one_of_a_later_step_does_not_take_the_place_of_one_to_keep(model, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(at(model, 33)).joinpath(STATE).write_bytes(b"torn")
    assert checkpoints.newest_whole() is None
    checkpoints.save(at(model, 20))
    assert checkpoints.steps() == [20]
    assert checkpoints.restore(model) == 20


def test_one_that_is_whole_stays_unless_it_is_to_be_written_anew(model, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    first = checkpoints.save(at(model, 7), {"sum": 1})
    before = (first / STATE).read_bytes()
    model.rate_scale.assign(0.5)
    assert checkpoints.save(model, {"sum": 2}) == first
    assert (first / STATE).read_bytes() == before
    for number, scale in enumerate((0.5, 0.25), 1):
        model.rate_scale.assign(scale)
        checkpoints.save(model, {"sum": number}, anew=True)
        assert os.listdir(tmp_path) == [f"step_00000007_{number}"]
        fresh = build(CONFIG)
        assert checkpoints.restore(fresh) == 7
        assert float(fresh.rate_scale.numpy()) == scale
        assert checkpoints.notes(7) == {"sum": number}
    assert checkpoints.steps() == [7]


def test_a_kill_before_the_old_one_goes_leaves_the_new_one(model, tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    old = checkpoints.save(at(model, 7), {"sum": 1})
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda path, **_: None)
        new = checkpoints.save(model, {"sum": 2}, anew=True)
    assert old.is_dir()
    assert new.is_dir()
    assert checkpoints.restore(model) == 7
    assert checkpoints.notes(7) == {"sum": 2}
    checkpoints.save(at(model, 8))
    assert sorted(os.listdir(tmp_path)) == [new.name, "step_00000008"]


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
    assert "checkpoint skipped" in caplog.text
    assert "step_00000002" in caplog.text
    assert model.step == 1
    with pytest.raises(WeightsError):
        checkpoints.restore(model, 2)
    checkpoints.save(at(model, 2))
    assert checkpoints.restore(model) == 2


def damaged_in_every_byte(path):
    """(where, content) with one bit flipped at each place."""
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        yield position, bytes(damaged)
    path.write_bytes(content)


@pytest.mark.parametrize("name", [STATE, MANIFEST])
def test_one_bit_anywhere_is_damage(model, tmp_path, caplog, name):
    """Every byte is tried; every 50th time, and for the manifest every time, the one before is really read."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1))
    path = checkpoints.save(at(model, 2), {"sums": {"generator_loss": 0.123456789, "r1": 1e-9}, "count": 3}) / name
    size, tried = path.stat().st_size, 0
    for position, content in damaged_in_every_byte(path):
        path.write_bytes(content)
        assert checkpoints.newest_whole() == 1, position
        if name == MANIFEST or position % 50 == 0:
            caplog.clear()
            assert checkpoints.restore(model) == 1, position
            assert f"checkpoint skipped: {path}: damaged" in caplog.text
        tried += 1
    assert tried == size > 200
    assert checkpoints.newest_whole() == 2


@pytest.mark.parametrize("name", [STATE, MANIFEST])
def test_a_cut_anywhere_is_damage(model, tmp_path, caplog, name):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1))
    path = checkpoints.save(at(model, 2)) / name
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert checkpoints.newest_whole() == 1, length
    for longer in (content + b"\n", content + content):
        path.write_bytes(longer)
        assert checkpoints.newest_whole() == 1
    assert checkpoints.restore(model) == 1
    assert f"checkpoint skipped: {path}: damaged" in caplog.text


@pytest.mark.parametrize(
    "content", ["", "null", "7", "[]", "{}", '"seal"', '{"seal": 1}', '{"seal": "", "step": 2, "notes": {}}']
)
def test_a_manifest_of_something_else_is_damage(model, tmp_path, content):
    checkpoints = Checkpoints(tmp_path)
    (checkpoints.save(at(model, 2)) / MANIFEST).write_text(content)
    with pytest.raises(WeightsError, match=r"manifest\.json: damaged \("):
        checkpoints.restore(model, 2)


def test_a_manifest_that_says_the_same_in_other_bytes_is_damage(model, tmp_path):
    path = Checkpoints(tmp_path).save(at(model, 2)) / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    assert Checkpoints(tmp_path).newest_whole() is None


def test_a_checkpoint_under_another_ones_name_is_damage(model, tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1))
    checkpoints.save(at(model, 2)).rename(tmp_path / "step_00000003")
    assert checkpoints.restore(model) == 1
    assert "step_00000003/manifest.json: damaged (expected step 3, got 2)" in caplog.text


def test_what_a_kill_left_is_cleared_and_notes_come_back(model, tmp_path):
    (tmp_path / ".step_00000001.4711").mkdir()
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(at(model, 1), {"sum": 0.1})
    assert os.listdir(tmp_path) == ["step_00000001"]
    assert checkpoints.notes(1) == {"sum": 0.1}


def test_weights_that_are_not_finite_are_not_saved(model, tmp_path):
    with pytest.raises(
        NotFiniteError, match=r"not written, generator/.* is not finite; there is no earlier checkpoint$"
    ) as caught:
        Checkpoints(tmp_path / "c").save(at(model, 1) and broken(model))
    assert caught.value.what.startswith("variable generator/")
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
    with pytest.raises(
        RunError,
        match=r"cannot be written .*No space left on device.*same command again: the checkpoint of step 1 is intact$",
    ):
        checkpoints.save(at(model, 2))
    assert os.listdir(tmp_path) == ["step_00000001"]
    assert checkpoints.restore(model) == 1
