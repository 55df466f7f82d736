"""Runs: what they leave, how they resume, when they stop. Small networks on points and digits."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import ganzoo
from ganzoo.errors import ConfigError, DataError, RunError
from ganzoo.training import run as runs
from ganzoo.training.callbacks import StopWhenFooled
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar

RING = {
    "generator.widths": [8],
    "discriminator.widths": [8],
    "training.batch_size": 16,
    "training.steps": 60,
    "training.log_every": 10,
    "training.sample_every": 30,
    "training.checkpoint_every": 20,
    "training.steps_per_execution": 5,
}
DIGITS = {**RING, "generator.width": 4, "discriminator.width": 4}
DIGITS = {key: value for key, value in DIGITS.items() if not key.endswith("widths")}
LOSSES = ("generator_loss", "discriminator_loss", "discriminator_accuracy", "r1")


def losses(run):
    return [tuple(record[name] for name in LOSSES) for record in run.losses]


def train(model, workdir, overrides, **more):
    return ganzoo.train(model, workdir, overrides, quiet=True, **more)


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    return train("cgan", tmp_path_factory.mktemp("runs") / "digits", DIGITS)


def test_a_run_leaves_everything_it_promises(digits_run):
    run = RunDirectory(digits_run.directory)
    assert digits_run.finished
    assert [record["step"] for record in digits_run.losses] == [10, 20, 30, 40, 50, 60]
    assert [path.stem for path in run.sample_sheets()] == ["step_00000030", "step_00000060"]
    with Image.open(run.sample_sheets()[0]) as sheet:
        assert sheet.mode == "L"
    with Image.open(run.animation) as animation:
        assert animation.n_frames == 2
    assert run.curves.is_file()
    assert any(path.name.startswith("events") for path in run.tensorboard.iterdir())
    assert ganzoo.config(run.path) == digits_run.config
    for part in (
        "samples",
        "samples.gif",
        "losses.png",
        "log.jsonl",
        "tensorboard",
        "checkpoints",
        "export",
        "generate.py",
    ):
        assert part in digits_run.summary()
    json.dumps(digits_run.to_dict())


def test_what_train_left_loads_and_is_the_trained_average(digits_run):
    loaded = ganzoo.load(digits_run.directory)
    np.testing.assert_array_equal(loaded.generate(20, seed=4), digits_run.model.generate(20, seed=4))
    for name, variable in loaded.state().items():
        np.testing.assert_array_equal(variable.numpy(), digits_run.model.state()[name].numpy(), err_msg=name)


def test_the_export_gives_the_same_bytes(digits_run):
    signature = tf.saved_model.load(str(RunDirectory(digits_run.directory).export / "1")).signatures["generate"]
    seeds = np.stack([np.full(20, 4), np.arange(20)], axis=1).astype(np.int32)
    labels = (np.arange(20) % 10).astype(np.int32)
    images = signature(seeds=tf.constant(seeds), truncation=tf.ones(20), labels=tf.constant(labels))["images"]
    np.testing.assert_array_equal(images, digits_run.model.generate(20, seed=4))


def test_a_finished_run_says_so_and_does_nothing(digits_run):
    log = digits_run.log
    again = train("cgan", digits_run.directory, DIGITS)
    assert again.finished
    assert not again.trained
    assert "finished already at step 60" in again.summary()
    assert again.log == log


def test_same_seed_same_losses_another_seed_others(tmp_path):
    first = train("gan_ring", tmp_path / "1", RING)
    second = train("gan_ring", tmp_path / "2", RING)
    other = train("gan_ring", tmp_path / "3", RING, seed=1)
    assert losses(first) == losses(second)
    assert losses(first) != losses(other)
    assert len(losses(first)) == 6


def test_a_run_in_two_parts_equals_one_in_a_piece(tmp_path):
    whole = train("cgan", tmp_path / "whole", DIGITS)
    train("cgan", tmp_path / "parts", {**DIGITS, "training.steps": 37})  # not a multiple of anything
    parts = train("cgan", tmp_path / "parts", DIGITS)
    for name, variable in whole.model.state().items():
        np.testing.assert_array_equal(parts.model.state()[name].numpy(), variable.numpy(), err_msg=name)
    assert {"step": 37, "event": "resumed", "resumed_at_step": 37} in parts.log
    assert losses(whole)[-1] == losses(parts)[-1]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path, number, name):
    flags = [part for key, value in {**RING, "training.steps": 100_000}.items() for part in ("--set", f"{key}={value}")]
    command = [
        sys.executable,
        "-m",
        "ganzoo.cli.main",
        "train",
        "--model",
        "gan_ring",
        "--workdir",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = tmp_path / "run" / "log.jsonl"
    deadline = time.monotonic() + 60
    while not log.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, (name, output)
    assert "the same command goes on" in output
    assert "Traceback" not in output
    stopped_at = max(int(p.name.removeprefix("step_")) for p in (tmp_path / "run" / "checkpoints").iterdir())
    resumed = train("gan_ring", tmp_path / "run", {**RING, "training.steps": stopped_at + 5})
    assert resumed.finished
    assert resumed.model.step == stopped_at + 5


def test_segments_cross_no_interval():
    assert runs._segments(0, 100, 25) == [(25, 4)]
    assert runs._segments(37, 110, 25) == [(13, 1), (25, 2), (10, 1)]
    assert runs._segments(40, 45, 25) == [(5, 1)]
    assert runs._segments(50, 50, 25) == []
    assert runs._largest_divisor(50, 20) == 10
    assert runs._largest_divisor(13, 10) == 1


def test_a_data_set_that_is_asked_for_brings_its_own_classes():
    config, source = runs.resolve("cgan", {"dataset": "digits"})
    assert config.dataset.name == "digits"
    assert config.dataset.classes == len(source.class_names) == 10


def test_the_discriminator_is_fooled_once_its_accuracy_stays_in_the_band():
    config = ganzoo.config("gan").override(
        {"training.stop_when": {"name": "discriminator_fooled", "band": 0.1, "steps": 200}}
    )
    rule = StopWhenFooled(config.training.stop_when, ProgressBar("x", 1, 1, None))
    seen = []
    for step, accuracy in [(100, 0.9), (200, 0.55), (300, 0.61), (400, 0.45), (500, 0.5), (600, 0.6)]:
        rule.seen({"step": step, "discriminator_accuracy": accuracy})
        seen.append(rule.fooled)
    assert seen == [False, False, False, False, True, True]  # outside last at 300: 200 steps inside at 500


def test_a_fooled_discriminator_ends_the_run_for_good(tmp_path):
    rule = {"name": "discriminator_fooled", "band": 0.49, "steps": 20}
    run = train("gan_ring", tmp_path / "run", {**RING, "training.stop_when": rule})
    assert run.finished
    assert run.model.step == 30
    assert {"step": 30, "event": "stopped", "rule": "discriminator_fooled"} in run.log
    again = train("gan_ring", tmp_path / "run", {**RING, "training.stop_when": rule})
    assert not again.trained


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoints(tmp_path):
    wild = {**RING, "optimizer.discriminator": {"name": "sgd", "learning_rate": 1e30}}
    with pytest.raises(RunError, match=r"_loss is not finite at step \d+.*lower learning rate"):
        train("gan_ring", tmp_path / "run", wild)


@pytest.mark.parametrize(
    ("model", "overrides", "error", "message"),
    [
        ("cgam", {}, ConfigError, r"unknown model 'cgam' \(did you mean 'cgan'\?\)"),
        ("cgan", {"dataset.name": "mnits_5k"}, DataError, "unknown data set 'mnits_5k' .did you mean 'mnist_5k'"),
        ("cgan", {"dataset.classes": 7}, DataError, "dataset.classes: 7"),
        ("cgan", {"training.stpes": 7}, ConfigError, "did you mean 'training.steps'"),
    ],
)
def test_a_mistake_leaves_no_directory_behind(tmp_path, model, overrides, error, message):
    with pytest.raises(error, match=message):
        train(model, tmp_path / "run", overrides)
    assert not os.path.exists(tmp_path / "run")
