"""Runs: what they leave, how they resume, when they stop. Small networks on points and digits."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_runs import DIGITS, RING, assert_same_end, assert_same_state, losses, stopping_at, train
from tensorflow.python.framework.config import is_op_determinism_enabled

import ganzoo
from ganzoo.cli.main import main
from ganzoo.core import images
from ganzoo.errors import ConfigError, DataError, RunError, UsageError
from ganzoo.training import fit, resolve
from ganzoo.training import run as runs
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar

DRIVER = Path(__file__).parents[1] / "drive_train.py"


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    return ganzoo.train("cgan", tmp_path_factory.mktemp("runs") / "digits", DIGITS, quiet=True)


@pytest.fixture(scope="module")
def ring_run(tmp_path_factory):
    """A run to compare others with."""
    return train("gan_ring", tmp_path_factory.mktemp("runs") / "ring", RING)


@pytest.fixture
def ring_copy(ring_run, tmp_path):
    """The directory of a run like it, which a test may change."""
    return Path(shutil.copytree(ring_run.directory, tmp_path / "copy"))


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
        "ganzoo generate",
    ):
        assert part in digits_run.summary()
    json.dumps(digits_run.to_dict())


def test_what_train_left_loads_and_is_the_trained_average(digits_run):
    loaded = ganzoo.load(digits_run.directory)
    np.testing.assert_array_equal(loaded.generate(20, seed=4), digits_run.model.generate(20, seed=4))
    for name, variable in loaded.state().items():
        np.testing.assert_array_equal(variable.numpy(), digits_run.model.state()[name].numpy(), err_msg=name)


def test_the_export_gives_the_same_bytes(digits_run):
    version = RunDirectory(digits_run.directory).export / "1"
    assert ganzoo.config(version / "assets.extra" / "config.yaml") == digits_run.config
    signature = tf.saved_model.load(str(version)).signatures["generate"]
    seeds = np.stack([np.full(20, 4), np.arange(20)], axis=1).astype(np.int32)
    labels = (np.arange(20) % 10).astype(np.int32)
    images = signature(seeds=tf.constant(seeds), truncation=tf.ones(20), labels=tf.constant(labels))["images"]
    np.testing.assert_array_equal(images, digits_run.model.generate(20, seed=4))


def test_a_finished_run_says_so_and_does_nothing(digits_run):
    log = digits_run.log
    again = train("cgan", digits_run.directory, DIGITS)
    assert again.finished
    assert again.seconds == 0
    assert "already finished at step 60" in again.summary()
    assert again.log == log
    fewer = train("cgan", digits_run.directory, {**DIGITS, "training.steps": 30})
    assert fewer.seconds == 0
    assert ganzoo.config(digits_run.directory).training.steps == 60


def train_killed_at_its_end(workdir, overrides):
    """Kills a run before its animation, its plots and its export."""

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_finish", killed)
        with pytest.raises(KeyboardInterrupt):
            train("gan_ring", workdir, overrides)


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_export_gets_it(tmp_path):
    train_killed_at_its_end(tmp_path / "run", RING)
    assert not (tmp_path / "run" / "export").exists()
    again = ganzoo.train("gan_ring", tmp_path / "run", RING, quiet=True)
    assert again.finished
    assert (tmp_path / "run" / "export" / "1" / "saved_model.pb").is_file()
    assert (tmp_path / "run" / "samples.gif").is_file()
    assert again.model.step == 60
    assert len(again.losses) == 6


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_leaves_no_second_timeline(tmp_path):
    run = RunDirectory(tmp_path / "run")
    with run.claim(ganzoo.config("gan_ring").override(RING)):
        run.write_config(ganzoo.config("gan_ring").override(RING))
        run.log({"step": 10, "generator_loss": 9.0})
        with open(run.log_file, "a") as file:
            file.write('{"step": 20, "gener')
    made = train("gan_ring", run.path, RING)
    assert [record["step"] for record in made.losses] == [10, 20, 30, 40, 50, 60]
    assert made.losses[0]["generator_loss"] != 9.0


@pytest.mark.slow
def test_same_seed_same_losses_another_seed_others(tmp_path, ring_run):
    assert losses(train("gan_ring", tmp_path / "1", RING)) == losses(ring_run)
    other = train("gan_ring", tmp_path / "2", {**RING, "training.steps": 10, "training.seed": 1})
    assert losses(other)[0]["generator_loss"] != losses(ring_run)[0]["generator_loss"]
    assert len(losses(ring_run)) == 6


def test_a_run_in_two_parts_equals_one_in_a_piece(tmp_path, digits_run):
    """Stopped as by Ctrl-C at step 35, between two log lines and two checkpoints: weights, log and sheets agree."""
    with pytest.MonkeyPatch.context() as patch:
        stopping_at(patch, 35)
        stopped = train("cgan", tmp_path / "parts", DIGITS)
    assert not stopped.finished
    assert stopped.model.step == 35
    parts = train("cgan", tmp_path / "parts", DIGITS)
    assert_same_end(parts, digits_run)
    assert {"step": 35, "event": "resumed", "resumed_at_step": 35} in parts.log


def drive(**spec):
    """Trains in a process of its own; see the driver."""
    return subprocess.run([sys.executable, DRIVER, json.dumps(spec)], capture_output=True, text=True)


@pytest.mark.slow
def test_a_kill_inside_a_checkpoint_changes_nothing(tmp_path, ring_run):
    """Of the second checkpoint, at step 40, the state is on the disk and the manifest not yet (more kills: slow/)."""
    spec = {"model": "gan_ring", "workdir": str(tmp_path / "run"), "overrides": RING}
    assert drive(**spec, kill={"at": "ganzoo.core.files:sync", "call": 6}).returncode == -signal.SIGKILL
    checkpoints = tmp_path / "run" / "checkpoints"
    assert [path.name[:6] for path in sorted(checkpoints.iterdir())] == [".step_", "step_0"]
    assert_same_end(train("gan_ring", tmp_path / "run", RING), ring_run)
    assert sorted(path.name for path in checkpoints.iterdir()) == ["step_00000040", "step_00000060"]


@pytest.mark.slow
def test_a_deterministic_run_is_one_without_xla(tmp_path):
    """In a process of its own, because TensorFlow cannot be made to forget it."""
    script = (
        "import sys, ganzoo; from tensorflow.python.framework import config\n"
        "from ganzoo.training.run import train\n"
        f"run = train(ganzoo.config('cgan'), sys.argv[1], {DIGITS | {'training.steps': 10}!r}, "
        "deterministic=True, quiet=True)\n"
        "print(run.finished, run.config.training.xla, config.is_op_determinism_enabled())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], capture_output=True, text=True)
    assert done.stdout == "True off True\n", done.stderr


def test_determinism_and_xla_cannot_both_be_had(tmp_path):
    with pytest.raises(ConfigError, match=r"training\.xla: expected off or auto, got on"):
        train("gan_ring", tmp_path / "run", {**RING, "training.xla": "on"}, deterministic=True)
    assert not (tmp_path / "run").exists()
    assert not is_op_determinism_enabled()


@pytest.mark.slow
def test_more_steps_go_on_from_any_end(tmp_path, ring_run):
    train("gan_ring", tmp_path / "run", {**RING, "training.steps": 37})  # not a multiple of anything
    assert_same_state(train("gan_ring", tmp_path / "run", RING), ring_run)


@pytest.mark.slow
def test_a_damaged_last_checkpoint_costs_its_steps_and_nothing_else(ring_copy, ring_run):
    state = ring_copy / "checkpoints" / "step_00000060" / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    again = train("gan_ring", ring_copy, RING)
    assert_same_end(again, ring_run)
    ganzoo.load(ring_copy, step=60)


def assert_goes_on(workdir):
    """The same command makes the steps that are left after the last checkpoint."""
    stopped_at = max(int(path.name.removeprefix("step_")) for path in (workdir / "checkpoints").iterdir())
    resumed = train("gan_ring", workdir, {**RING, "training.steps": stopped_at + 5})
    assert resumed.finished
    assert resumed.model.step == stopped_at + 5


@pytest.mark.slow
def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path):
    flags = [part for key, value in {**RING, "training.steps": 100_000}.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "ganzoo", "train", "--model", "gan_ring", "--workdir", str(tmp_path / "run")]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = tmp_path / "run" / "log.jsonl"
    deadline = time.monotonic() + 300  # on a machine that has much else to do
    while not (log.is_file() and "generator_loss" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130, output
    assert "the same command resumes" in output
    assert f"next: ganzoo generate --model {tmp_path / 'run'} --out gan_ring.png" in output
    for left in ("samples.png", "losses.png"):
        assert images.read(tmp_path / "run" / left).ndim == 3
    assert "Traceback" not in output
    assert_goes_on(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_save_too(number, tmp_path, monkeypatch):
    before, update = signal.getsignal(number), ProgressBar.update

    def asked_to_end(self, step, losses):
        if step == 25:
            os.kill(os.getpid(), number)
        update(self, step, losses)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "update", asked_to_end)
        stopped = train("gan_ring", tmp_path / "run", {**RING, "training.log_every": 50})  # before the first line
    assert not stopped.finished
    assert 25 <= stopped.model.step <= 30
    assert stopped.losses == []
    assert images.read(tmp_path / "run" / "losses.png").ndim == 3
    assert signal.getsignal(number) == before
    assert_goes_on(tmp_path / "run")


def test_segments_cross_no_interval():
    assert fit.segments(0, 100, 25) == [(25, 4)]
    assert fit.segments(37, 110, 25) == [(13, 1), (25, 2), (10, 1)]
    assert fit.segments(40, 45, 25) == [(5, 1)]
    assert fit.segments(50, 50, 25) == []


def test_an_interval_is_made_in_the_same_parts_wherever_it_is_begun():
    assert fit.execution(30, 30, 8) == 6
    assert fit.execution(24, 30, 8) == 6  # and not 8
    assert fit.execution(18, 30, 8) == 6
    assert fit.execution(13, 30, 20) == 13  # begun elsewhere


def test_a_data_set_that_is_asked_for_brings_its_own_classes():
    config, source = resolve.resolve(ganzoo.config("cgan"), {"dataset": "digits"})
    assert config.dataset.name == "digits"
    assert config.dataset.classes == len(source.class_names) == 10
    assert config.licence.data == "that of digits"
    assert config.dataset.class_names == list("0123456789")


def test_a_conditional_model_wants_classes(tmp_path):
    for shade in (0, 255):
        Image.new("L", (28, 28), shade).save(tmp_path / f"{shade}.png")
    with pytest.raises(DataError, match=r"two or more classes for cgan_\w+, got none .*--model dcgan"):
        train("cgan", tmp_path / "run", {"dataset.name": f"folder:{tmp_path}"})


FOOLED = {**RING, "training.stop_when": {"name": "discriminator_fooled", "band": 0.49, "steps": 20}}


@pytest.fixture(scope="module")
def fooled_run(tmp_path_factory):
    """A run that was killed after the stop rule had spoken, and the same command again."""
    workdir = tmp_path_factory.mktemp("runs") / "fooled"
    train_killed_at_its_end(workdir, FOOLED)
    return train("gan_ring", workdir, FOOLED)


def test_a_run_that_was_killed_after_the_stop_rule_had_spoken_trains_no_more(fooled_run):
    assert fooled_run.finished
    assert fooled_run.model.step == 30
    assert fooled_run.losses[-1]["step"] == 30


@pytest.mark.slow
def test_a_fooled_discriminator_ends_the_run_for_good(tmp_path, monkeypatch, fooled_run):
    assert train("gan_ring", fooled_run.directory, FOOLED).seconds == 0
    with monkeypatch.context() as patch:
        stopping_at(patch, 25)
        train("gan_ring", tmp_path / "parts", FOOLED)
    parts = train("gan_ring", tmp_path / "parts", FOOLED)
    assert parts.model.step == 30  # what the rule had seen before the stop counts
    without = train("gan_ring", fooled_run.directory, RING)
    assert without.model.step == 60


@contextlib.contextmanager
def no_file_beyond(size):
    """This process's files may not grow beyond so many bytes, as on a full disk."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.slow
@pytest.mark.parametrize("kibibytes", [1, *(pytest.param(size, marks=pytest.mark.slow) for size in (2, 6, 24))])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path, capsys, kibibytes):
    """Config, log, summaries, sheet or checkpoint is the first that cannot be written."""
    flags = [part for key, value in DIGITS.items() for part in ("--set", f"{key}={value}")]
    with no_file_beyond(kibibytes * 1024):
        assert main(["train", "--model", "cgan", "--quiet", "--workdir", str(tmp_path / "run"), *flags]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "cannot be written" in err
    again = train("cgan", tmp_path / "run", DIGITS)
    assert again.finished


@pytest.mark.parametrize(
    ("model", "overrides", "error", "message"),
    [
        ("cgam", {}, ConfigError, r"unknown model 'cgam' \(did you mean 'cgan'\?\)"),
        ("cgan", {"dataset.name": "mnits_5k"}, DataError, "unknown data set 'mnits_5k' .did you mean 'mnist_5k'"),
        ("cgan", {"dataset.classes": 7}, DataError, "dataset.classes: 7"),
        ("cgan", {"training.stpes": 7}, ConfigError, "did you mean 'training.steps'"),
        ("cgan", {"traning.steps": 7}, ConfigError, "did you mean 'training.steps'"),
        ("cgan", {"training.batch_size": 9999999}, ConfigError, "less than or equal to 65536"),
        ("cgan", {"dataset.augment": ["flop"]}, ConfigError, "dataset.augment"),
    ],
)
def test_a_mistake_leaves_no_directory_behind(tmp_path, model, overrides, error, message):
    with pytest.raises(error, match=message):
        train(model, tmp_path / "run", overrides)
    assert not os.path.exists(tmp_path / "run")


def test_a_rhythm_that_is_slow_is_told(tmp_path, capsys):
    settings = {**RING, "training.log_every": 7, "training.steps": 14}
    runs.train(ganzoo.config("gan_ring"), tmp_path / "run", settings)
    assert "have a small common divisor: only 1 steps run at a time" in capsys.readouterr().err


def test_a_step_that_does_not_fit_into_memory_is_one_line(tmp_path, monkeypatch):
    def exhausted(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(keras.Model, "fit", exhausted)
    with pytest.raises(RunError, match=r"batches of 16 does not fit into memory .*smaller batch_size, --batch_size"):
        train("gan_ring", tmp_path / "run", RING)


def test_sheets_that_were_drawn_otherwise_are_no_frames(tmp_path):
    paths = [tmp_path / f"step_{number:08d}.png" for number in range(3)]
    for path, side in zip(paths, (8, 6, 6), strict=True):
        images.write_png(path, np.full((side, side, 3), side, np.uint8))
    assert [frame.shape for frame in runs._frames(paths)] == [(6, 6, 3)] * 2


STILL = {"optimizer.generator.learning_rate": 1e-9, "optimizer.discriminator.learning_rate": 1e-9}


def begin(model, workdir, overrides, source):
    return ganzoo.train(model, workdir, overrides, init_from=source, quiet=True)


@pytest.mark.slow
def test_a_run_begins_with_the_weights_of_another(tmp_path, ring_run, ring_copy):
    first = ring_run.model
    second = begin("gan_ring", tmp_path / "second", RING | STILL, ring_copy).model
    for role in ("generator", "discriminator"):
        theirs = first.averages.get(role, first.networks[role])
        for network in (second.networks[role], second.averages.get(role, second.networks[role])):
            for ours, wanted in zip(network.get_weights(), theirs.get_weights(), strict=True):
                np.testing.assert_allclose(ours, wanted, atol=1e-6)
    events = [json.loads(line) for line in (tmp_path / "second" / "log.jsonl").read_text().splitlines()]
    assert {"step": 0, "event": "initialised", "from": f"{ring_copy}, step {first.step}"} in events

    third = begin("gan_ring", ring_copy, RING | {"training.steps": first.step + 5}, tmp_path / "second")
    assert third.model.step == first.step + 5  # a run that goes on has its own weights
    assert "initialised" not in (ring_copy / "log.jsonl").read_text()


@pytest.mark.slow
def test_a_zoo_model_gives_what_it_ships(tmp_path):
    settings = STILL | {"training.steps": 1, "training.batch_size": 8, "training.steps_per_execution": 1}
    begun = begin("cyclegan_digits", tmp_path / "run", settings, "cyclegan_digits").model
    shipped = ganzoo.load("cyclegan_digits")
    for role, average in shipped.averages.items():
        for ours, wanted in zip(begun.networks[role].get_weights(), average.get_weights(), strict=True):
            np.testing.assert_allclose(ours, wanted, atol=1e-6)


@pytest.mark.slow
def test_a_run_cannot_begin_with_other_networks(tmp_path, ring_run):
    wider = RING | {"generator.widths": [9]}
    with pytest.raises(UsageError, match=r"^init_from: .*ring has another generator than gan_ring"):
        begin("gan_ring", tmp_path / "second", wider, ring_run.directory)
    assert not (tmp_path / "second" / "checkpoints").exists()


def test_files_that_are_left_out_are_listed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "cache"))
    for number in range(4):
        images.write_png(tmp_path / "own" / f"{number}.png", np.full((28, 28, 1), number, np.uint8))
    (tmp_path / "own" / "void.png").touch()
    changes = {**RING, "dataset": f"folder:{tmp_path}/own", "training.steps": 2, "training.batch_size": 2}
    made = train("gan_mnist", tmp_path / "run", changes, quiet=False, skip_broken=True)
    listed = Path(made.directory) / "left_out.txt"
    assert listed.read_text().startswith(f"{tmp_path}/own/void.png: ")
    assert listed.read_text().count("\n") == 1
    noted = f"training on 28x28x1, 4 images of folder:{tmp_path}/own; 1 left out, see {listed}\n"
    assert noted in capsys.readouterr().err
