"""What is not finite ends a run in one line, or takes it back to its last checkpoint at half the learning rates."""

import math

import keras
import numpy as np
import pytest
import small_runs
import tensorflow as tf
from small_runs import assert_same_end, stopping_at

import ganzoo
from ganzoo.data.kinds import Points
from ganzoo.data.source import Source
from ganzoo.engine.guard import checked
from ganzoo.errors import RunError
from ganzoo.models.build import build
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.registry import register
from ganzoo.training import rollback, run
from ganzoo.training.callbacks import Stop
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory

RING = {**small_runs.RING, "training.checkpoint_every": 25}  # this checkpoint lies between two lines of the log
ROLLBACK = {**RING, "training.on_nan": "rollback"}
FIRST_BAD_BATCH = 33  # from 0: it is what step 34 trains on
WHAT = "gradient discriminator/out/kernel"


@register("dataset", "holed", kind="points")
def holed(dataset, **_):
    """Points of which all are NaN from one batch of 16 on."""

    def fetch(indices):
        points = tf.random.stateless_normal([indices.shape[0], 2], [1, 2])
        return {"examples": tf.where((indices >= 16 * FIRST_BAD_BATCH)[:, None], math.nan, points)}

    return Source("holed", None, Points(2), (), fetch)


class Killed(BaseException):
    """Stands for the end of the process: nothing in ganzoo catches it."""


def train(workdir, overrides, **more):
    return small_runs.train("gan_ring", workdir, overrides, **more)


def breaking_at(patch, step, above=0.0):
    """Lets a step find something that is not finite, as long as the learning rates' scale is above a bound."""
    train_step = VanillaGAN.train_step

    def breaking(self, batches):
        bad = (self.step_counter.value == step - 1) & (self.rate_scale.value > above)
        with tf.control_dependencies([checked(tf.where(bad, math.nan, 0.0), WHAT)]):
            return train_step(self, batches)

    patch.setattr(VanillaGAN, "train_step", breaking)


def events(workdir, kind="rollback"):
    return [record for record in RunDirectory(workdir).read_log() if record.get("event") == kind]


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory):
    """At step 33 the scale has to be 0.25 or less: two rollbacks to step 25."""
    with pytest.MonkeyPatch.context() as patch:
        breaking_at(patch, 33, above=0.3)
        return train(tmp_path_factory.mktemp("runs") / "whole", ROLLBACK)


def test_data_that_is_not_finite_is_found_at_its_step(tmp_path):
    workdir = tmp_path / "run"
    with pytest.raises(RunError) as caught:
        train(workdir, {**RING, "dataset.name": "holed"})
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{workdir}: ")
    assert " is not finite at step 34; the checkpoint of step 25 is intact; " in message
    assert "the same call with on_nan, --on_nan, rollback resumes from there at half the learning rates" in message
    assert Checkpoints(workdir / "checkpoints").steps() == [25]
    assert [record["step"] for record in RunDirectory(workdir).read_losses()] == [10, 20, 30]
    assert ganzoo.load(workdir).step == 25


def test_a_learning_rate_that_is_far_too_high(tmp_path):
    wild = {**RING, "optimizer.discriminator": {"name": "sgd", "learning_rate": 1e30}}
    with pytest.raises(
        RunError, match=r"not finite at step [12]; there is no checkpoint yet; .* from the start at half"
    ):
        train(tmp_path / "run", wild)
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == []


@pytest.mark.parametrize(
    ("overrides", "precision", "advice"),
    [
        (
            {"penalties": []},
            "float32",
            "lower learning rates (optimizer.generator.learning_rate=0.0002, "
            "optimizer.discriminator.learning_rate=0.0002) or a bound on the gradients "
            "(optimizer.clip_norm=1) or a penalty (penalties=[{name: r1, weight: 1.0}])",
        ),
        (
            {"optimizer.clip_norm": 3.0},
            "bfloat16",
            "lower learning rates (optimizer.generator.learning_rate=0.0002, "
            "optimizer.discriminator.learning_rate=0.0002) or "
            "full precision (training.precision=float32)",
        ),
        (
            {"optimizer.clip_norm": 3.0, "optimizer.generator.learning_rate": 1e-3},
            "float32",
            "lower learning rates (optimizer.generator.learning_rate=0.0001, "
            "optimizer.discriminator.learning_rate=0.0002)",
        ),
    ],
)
def test_the_advice_fits(overrides, precision, advice):
    config = ganzoo.config("gan_ring").override({**RING, **overrides})
    model = build(config, precision=precision)
    assert rollback._advice(config, model) == f"in another workdir, --workdir, try as overrides, --set: {advice}"


def test_the_advice_can_be_followed():
    typed = {"optimizer.generator.learning_rate": "2e-05", "penalties": "[{name: r1, weight: 1.0}]"}
    followed = ganzoo.config("gan").override({**typed, "optimizer.clip_norm": "1"})
    assert followed.optimizer.generator.learning_rate == 2e-5
    assert followed.optimizer.clip_norm == 1.0
    assert followed.penalties[0].weight == 1.0


@pytest.mark.parametrize("overrides", [RING, ROLLBACK])
def test_another_error_passes_through_unchanged(tmp_path, monkeypatch, overrides):
    error = tf.errors.InvalidArgumentError(None, None, "Incompatible shapes: [16,2] vs. [16,3]")

    def fit(*_, **__):
        raise error

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        train(tmp_path / "run", overrides)
    assert caught.value is error


@pytest.mark.slow
def test_a_run_goes_back_until_it_holds_and_goes_on_as_one_that_has_that_rate(tmp_path, monkeypatch, rolled_back):
    assert rolled_back.finished
    assert rolled_back.model.step == 60
    assert float(rolled_back.model.rate_scale.numpy()) == 0.25
    told = {"step": 25, "event": "rollback", "rolled_back_from": 33, "what": WHAT}
    assert events(rolled_back.directory) == [{**told, "rate_scale": 0.5}, {**told, "rate_scale": 0.25}]
    assert [record["step"] for record in rolled_back.losses] == [10, 20, 30, 40, 50, 60]

    with monkeypatch.context() as patch:
        stopping_at(patch, 25)
        stopped = train(tmp_path / "run", RING)
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    stopped.model.rate_scale.assign(0.25)
    checkpoints.save(stopped.model, checkpoints.notes(25), anew=True)
    assert_same_end(rolled_back, train(tmp_path / "run", RING))


@pytest.mark.slow
def test_the_learning_rates_are_halved(tmp_path, monkeypatch):
    """The discriminator's one step of SGD is half as long."""
    sgd = {"optimizer.discriminator": {"name": "sgd", "learning_rate": 0.5}, "training.steps": 1}
    whole = train(tmp_path / "whole", {**ROLLBACK, **sgd})
    breaking_at(monkeypatch, 1, above=0.6)
    half = train(tmp_path / "half", {**ROLLBACK, **sgd})
    start = ganzoo.load(whole.directory, step=0).discriminator.get_weights()
    pairs = zip(whole.model.discriminator.get_weights(), half.model.discriminator.get_weights(), strict=True)
    for before, (after, after_half) in zip(start, pairs, strict=True):
        assert np.abs(after - before).max() > 1e-3
        np.testing.assert_allclose(after_half - before, (after - before) / 2, atol=1e-7)


@pytest.mark.slow
def test_three_rollbacks_that_do_not_help_end_the_run_for_good(tmp_path, monkeypatch, capsys):
    breaking_at(monkeypatch, 33)
    message = (
        rf"run: {WHAT} is not finite at step 33; the checkpoint of step 25 is intact, "
        r"and 3 rollbacks \(to 0\.125 times the learning rates\) did not help; in another workdir, --workdir, try as "
    )
    with pytest.raises(RunError, match=message):
        run.train(ganzoo.config("gan_ring"), tmp_path / "run", ROLLBACK)
    notes = capsys.readouterr().err
    for number, scale in ((1, 0.5), (2, 0.25), (3, 0.125)):
        assert f"resuming at step 25 with {scale} times the learning rates (rollback {number} of 3)" in notes
    assert [event["rate_scale"] for event in events(tmp_path / "run")] == [0.5, 0.25, 0.125]
    with pytest.raises(RunError, match=message):  # the count is the run's, not the session's
        train(tmp_path / "run", ROLLBACK)
    assert len(events(tmp_path / "run")) == 3
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [0, 25]


@pytest.mark.slow
def test_rollbacks_are_counted_over_the_whole_run_and_its_sessions(tmp_path, monkeypatch):
    """Twice at step 13, before the first checkpoint, and once at 33; the fourth is one too many."""
    with monkeypatch.context() as patch:
        breaking_at(patch, 13, above=0.3)
        breaking_at(patch, 33, above=0.2)
        train(tmp_path / "run", {**ROLLBACK, "training.steps": 45})
    made = [(event["step"], event["rate_scale"]) for event in events(tmp_path / "run")]
    assert made == [(0, 0.5), (0, 0.25), (25, 0.125)]
    breaking_at(monkeypatch, 49)
    with pytest.raises(RunError, match="at step 49; the checkpoint of step 45 is intact, and 3 rollbacks"):
        train(tmp_path / "run", ROLLBACK)


def test_the_stop_rule_forgets_what_was_taken_back(tmp_path, monkeypatch):
    """Inside the band since step 10, that makes 30; of the steps 10 to 30 the last five are made twice."""
    rule = {"training.stop_when": {"name": "discriminator_fooled", "band": 0.49, "steps": 20}}
    breaking_at(monkeypatch, 29, above=0.6)
    stopped = train(tmp_path / "run", {**ROLLBACK, **rule})
    assert events(stopped.directory)[0]["step"] == 25
    assert stopped.model.step == 30


@pytest.mark.slow
def test_a_kill_inside_a_rollback_changes_nothing(tmp_path, monkeypatch, rolled_back):
    """A run ends in the error, is resumed with rollback, and is killed before log and sheets go back, before the event,
    before the new checkpoint, before the old one goes.
    """
    breaking_at(monkeypatch, 33, above=0.3)
    with pytest.raises(RunError, match="the checkpoint of step 25 is intact"):
        train(tmp_path / "run", RING)
    for instant in (
        "ganzoo.training.directory.RunDirectory.rewind",
        "ganzoo.training.callbacks.Reporter.rewind",
        "ganzoo.training.checkpoints.Checkpoints._write",
        "shutil.rmtree",
    ):
        with monkeypatch.context() as patch:
            go_back = rollback.Rollback.__call__

            def armed(self, error, go_back=go_back, patch=patch, instant=instant):
                def kill(*_, **__):
                    raise Killed

                patch.setattr(instant, kill)
                go_back(self, error)

            patch.setattr(rollback.Rollback, "__call__", armed)
            with pytest.raises(Killed):
                train(tmp_path / "run", ROLLBACK)
    resumed = train(tmp_path / "run", ROLLBACK)
    assert_same_end(resumed, rolled_back)
    assert events(resumed.directory) == events(rolled_back.directory)
    names = sorted(path.name for path in (resumed.directory / "checkpoints").iterdir())
    assert names == ["step_00000050", "step_00000060"]


@pytest.mark.slow
def test_a_variable_that_no_guard_sees_is_found_when_it_is_saved(tmp_path, monkeypatch):
    def breaks(self, batch, logs=None):
        if self.model.step == 50 and float(self.model.rate_scale.numpy()) == 1.0:
            average = self.model.generator_ema.trainable_variables[0]
            average.assign(np.full(average.shape, np.inf, np.float32))

    monkeypatch.setattr("ganzoo.training.callbacks.SampleSheets.on_train_batch_end", breaks)
    with pytest.raises(
        RunError, match=r"variable generator_ema/\S+ is not finite at step 50; the checkpoint of step 25"
    ):
        train(tmp_path / "run", RING)
    made = train(tmp_path / "run", ROLLBACK)
    assert made.finished
    (event,) = events(made.directory)
    assert (event["step"], event["rolled_back_from"]) == (25, 50)


@pytest.mark.slow
def test_a_damaged_last_checkpoint_is_not_what_a_run_goes_back_to(tmp_path, monkeypatch, caplog):
    damaged = tmp_path / "run" / "checkpoints" / "step_00000030" / "state.safetensors"
    breaking_at(monkeypatch, 33, above=0.6)

    def damage(self, batch, logs=None):
        if self.model.step == 30 and float(self.model.rate_scale.numpy()) == 1.0:
            damaged.write_bytes(b"torn")

    monkeypatch.setattr(Stop, "on_train_batch_end", damage)
    made = train(tmp_path / "run", {**ROLLBACK, "training.checkpoint_every": 10, "training.keep_checkpoints": 9})
    assert [event["step"] for event in events(made.directory)] == [20]
    assert f"checkpoint skipped: {damaged}: damaged" in caplog.text
    assert ganzoo.load(made.directory, step=30).step == 30  # written again on the way


@pytest.mark.slow
def test_a_profile_ends_where_steps_are_taken_back(tmp_path, monkeypatch):
    """It would be of the steps 10 to 30."""
    breaking_at(monkeypatch, 28, above=0.6)
    assert train(tmp_path / "run", ROLLBACK, profile=True).finished
    assert len(events(tmp_path / "run")) == 1
    assert events(tmp_path / "run", "profile") == []
