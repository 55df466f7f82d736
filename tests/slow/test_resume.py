"""A run that is killed again and again ends with the very weights, log and pictures of one that was left in peace."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_runs import models_with_data

from ganzoo.core import weights
from ganzoo.training.checkpoints import STATE, Checkpoints
from ganzoo.training.directory import RunDirectory

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).parents[1] / "drive_train.py"
LAUNCH = Path(__file__).parents[2] / "tools" / "launch.py"
STEPS = 120
SMALL = {
    "training.steps": STEPS,
    "training.batch_size": 16,
    "training.log_every": 10,
    "training.sample_every": 10,
    "training.checkpoint_every": 10,
    "training.steps_per_execution": 5,
}
TINY = {"cyclegan_digits": {"generator.width": 4, "generator.blocks": 1, "discriminator.width": 4}}
# the most calls that a session makes before it is killed: the four together do not reach the last step
PLACES = {
    "between two steps": {"at": "ganzoo.training.progress:ProgressBar.update", "most": 7},
    "inside a checkpoint": {"at": "ganzoo.core.files:sync", "most": 8},
    "inside a file": {"at": "pathlib:Path.write_bytes", "most": 6, "half": True},
    "inside a sample grid": {"at": "ganzoo.core.figures:sheet", "most": 2},
}
MOST_SECONDS = 1.0  # after a session's first line of the log, when it is killed from outside


def start(model, workdir, kill=None, workers=None, **overrides):
    overrides = SMALL | TINY.get(model, {}) | overrides
    spec = {"model": model, "workdir": str(workdir), "overrides": overrides} | ({"kill": kill} if kill else {})
    launch = [sys.executable, LAUNCH, "--workers", str(workers), "--"] if workers else []
    return subprocess.Popen(
        [*launch, sys.executable, DRIVER, json.dumps(spec)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(process, code):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == code, output.decode()


def kill_from_outside(process, workdir, seconds):
    """Kills so many seconds after the log has grown."""
    lines = len(RunDirectory(workdir).read_log())
    while len(RunDirectory(workdir).read_log()) <= lines and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    process.kill()


def outcome(workdir, steps=STEPS):
    """The bytes of all variables, the losses and the pictures that a run has left."""
    run = RunDirectory(workdir)
    state = weights.read(Checkpoints(run.checkpoints).path(steps) / STATE)
    losses = [{key: value for key, value in line.items() if key != "images_per_second"} for line in run.read_losses()]
    return state, losses, {path.name: path.read_bytes() for path in run.sample_sheets()}


def kills():
    """(model, number of places): by day a generator at all, a translator with its pool at one; by night each at all."""
    yield from [("cgan_mnist", len(PLACES)), ("cyclegan_digits", 1)]
    for name in models_with_data():
        if name != "cgan_mnist":
            yield pytest.param(name, len(PLACES), marks=pytest.mark.nightly)


@pytest.mark.parametrize(("model", "places"), list(kills()))
def test_kills_change_nothing(tmp_path, model, places):
    draw = random.Random(f"kills of {model}")
    peace, killed = tmp_path / "peace", tmp_path / "killed"
    undisturbed = start(model, peace)
    for name in draw.sample(list(PLACES), places):
        kill = dict(PLACES[name])
        kill["call"] = draw.randint(1, kill.pop("most"))
        print(f"{model}: {name}, {kill}")
        finish(start(model, killed, kill), -signal.SIGKILL)
    last = start(model, killed)
    kill_from_outside(last, killed, draw.uniform(0.0, MOST_SECONDS))
    last.communicate(timeout=300)
    assert last.returncode in (-signal.SIGKILL, 0), "the smallest models may have come to their end"
    finish(start(model, killed), 0)
    finish(undisturbed, 0)
    assert_same(killed, peace)


@pytest.mark.parametrize("kills", [[(1, 5)], pytest.param([(1, 5), (0, 7)], marks=pytest.mark.nightly)])
def test_a_run_of_two_workers_goes_on_after_one_is_killed(tmp_path, kills):
    """The launcher stops the other one; the same command takes both back to the last checkpoint."""
    peace, killed = tmp_path / "peace", tmp_path / "killed"
    finish(start("cgan_mnist", peace, workers=2), 0)
    for worker, call in kills:
        kill = {"at": "ganzoo.training.progress:ProgressBar.update", "call": call, "worker": worker}
        finish(start("cgan_mnist", killed, kill, workers=2), 128 + signal.SIGKILL)
    finish(start("cgan_mnist", killed, workers=2), 0)
    assert_same(killed, peace)


@pytest.mark.nightly
def test_twenty_five_kills_a_hangup_and_a_full_disk(tmp_path):
    """At random after the first checkpoint; the disk lets no file grow beyond a half of the checkpoint's."""
    draw, steps = random.Random("25 kills"), 20_000
    length = {"training.steps": steps, "training.checkpoint_every": 50, "training.sample_every": 1000}
    peace, killed = tmp_path / "peace", tmp_path / "killed"
    finish(start("gan_ring", peace, **length), 0)
    checkpoints = Checkpoints(RunDirectory(killed).checkpoints)

    def began():
        """A session that has written a checkpoint of its own."""
        process, before = start("gan_ring", killed, **length), max(checkpoints.steps(), default=0)
        while max(checkpoints.steps(), default=0) <= before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.3))
        return process

    for kill in range(25):
        process = began()
        process.kill()
        output, _ = process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL, (kill, output.decode())
    process = began()
    process.send_signal(signal.SIGHUP)
    finish(process, 0)  # the driver returns; the command's exit code is tested elsewhere
    process, size = began(), (checkpoints.path(max(checkpoints.steps())) / STATE).stat().st_size
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size // 2, size // 2))
    output, _ = process.communicate(timeout=300)
    assert process.returncode not in (0, -signal.SIGKILL)
    assert b"cannot be written" in output
    finish(start("gan_ring", killed, **length), 0)
    assert_same(killed, peace, steps, every=10, sheets=steps // 1000)


def assert_same(killed, peace, steps=STEPS, every=10, sheets=12):
    count = sheets
    (state, losses, sheets), (wanted_state, wanted_losses, wanted_sheets) = (
        outcome(killed, steps),
        outcome(peace, steps),
    )
    assert state.keys() == wanted_state.keys()
    for name, array in wanted_state.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)
    assert [line["step"] for line in wanted_losses] == list(range(every, steps + 1, every))
    assert losses == wanted_losses
    assert len(wanted_sheets) == count
    assert sheets == wanted_sheets
    assert {path.name for path in killed.rglob(".*")} == {".lock"}
