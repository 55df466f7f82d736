"""Metrics during training: when they come, which checkpoint is kept for them, what they cost."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import small_runs
from PIL import Image

import ganzoo
from ganzoo.data.domains import open_data
from ganzoo.data.sources.cyclegan_digits import bold_of
from ganzoo.errors import ConfigError, UsageError, WeightsError
from ganzoo.evaluation.evaluate import Evaluator
from ganzoo.evaluation.examples import from_model, from_source
from ganzoo.evaluation.translations import open_translation_in_training
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory
from ganzoo.training.evaluating import Evaluate, best_step, draw_curves, evaluations
from ganzoo.zoo.evaluate import evaluate

CHECKOUT = Path(__file__).parents[2]
RING = {
    **small_runs.RING,
    "training.steps": 100,
    "training.log_every": 20,
    "training.sample_every": 100,
    "evaluation.metrics": ["sliced_wasserstein"],
    "evaluation.num_samples": 300,
}


def train(workdir, *, overrides=None, **settings):
    return small_runs.train("gan_ring", workdir, {**RING, **settings, **(overrides or {})})


def measuring(monkeypatch, values):
    """Makes the kernel distance, by which a run chooses, these values one after the other."""
    told = iter(values)
    monkeypatch.setattr(
        "ganzoo.evaluation.metrics.kernel.kernel_distance", lambda real, fake, subsets, seed: (float(next(told)), 0.5)
    )


@pytest.fixture(scope="module")
def ring_run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "ring", eval_every=20)


def test_every_so_many_steps_with_all_names_and_the_time_it_took(ring_run):
    records = evaluations(RunDirectory(ring_run.directory))
    assert [record["step"] for record in records] == [20, 40, 60, 80, 100]
    for record in records:
        assert set(record["metrics"]) == {"sliced_wasserstein_identity", "kid_identity"}
        assert record["spread"] == {}  # 300 points are one subset
        assert (record["by"], record["num_samples"]) == ("kid_identity", 300)
        assert record["seconds"] > 0


def test_the_numbers_are_those_of_the_moving_average(ring_run):
    """Computed again from the finished model."""
    run = RunDirectory(ring_run.directory)
    config = ring_run.config
    from ganzoo.data.open import open_source

    source = open_source(config.dataset, seed=config.training.seed)
    evaluator = Evaluator(from_source(source, 300), "identity", ["sliced_wasserstein", "kid"])
    again = evaluator(from_model(ring_run.model, 300))
    last = evaluations(run)[-1]["metrics"]
    assert dict(again) == pytest.approx(last, rel=1e-12)


def test_the_best_checkpoint_is_kept_beside_the_last_ones(ring_run):
    run = RunDirectory(ring_run.directory)
    values = {record["step"]: record["metrics"]["kid_identity"] for record in evaluations(run)}
    best = min(values, key=values.get)
    assert best_step(run) == best
    assert set(Checkpoints(run.checkpoints).steps()) == {best, 80, 100}
    assert ganzoo.load(run.path, step="best").step == best


def test_the_best_one_is_kept_however_old_it_grows_and_nan_is_never_it(tmp_path, monkeypatch):
    measuring(monkeypatch, [np.nan, 1.0, np.inf, 1.0, 2.0])
    run = RunDirectory(train(tmp_path / "run", eval_every=20).directory)
    assert [record["metrics"]["kid_identity"] for record in evaluations(run)] == [None, 1.0, None, 1.0, 2.0]
    assert best_step(run) == 40
    assert Checkpoints(run.checkpoints).steps() == [40, 80, 100]


def test_a_plot_of_each_metric(ring_run):
    with Image.open(RunDirectory(ring_run.directory).metrics) as picture:
        assert (picture.width, picture.height) == (800, 900)
        assert len(np.unique(np.asarray(picture))) > 10


@pytest.mark.slow
def test_a_run_that_goes_on_evaluates_what_an_uninterrupted_one_does(ring_run, tmp_path):
    train(tmp_path / "run", eval_every=20, overrides={"training.steps": 50})
    train(tmp_path / "run", eval_every=20)

    def told(directory):
        return {record["step"]: record["metrics"] for record in evaluations(RunDirectory(directory))}

    resumed, whole = told(tmp_path / "run"), told(ring_run.directory)
    assert resumed.pop(50)  # the end of the first session
    assert resumed == whole


def test_a_log_from_elsewhere_is_drawn(tmp_path):
    run = RunDirectory(tmp_path)
    run.log({"step": 20, "event": "evaluated", "best": True, "metrics": {}})
    known = {"event": "evaluated", "by": "kid_identity", "num_samples": 300, "best": True}
    run.log({"step": 10, **known, "metrics": {"$\\odd$ ": 1e308, "kid_identity": None}})
    run.log({"step": 20, **known, "metrics": {"$\\odd$ ": -1e308, "kid_identity": 2}})
    draw_curves(run)
    with Image.open(run.metrics) as picture:
        assert picture.size == (800, 2 * 450)
    evaluate = Evaluate.__new__(Evaluate)
    evaluate.run, evaluate.key = run, "kid_identity"
    evaluate.asked = (
        ganzoo.config("gan_ring").override({"evaluation.num_samples": 300, "evaluation.by": "kid"}).evaluation
    )
    evaluate.evaluator = SimpleNamespace(better={"kid": "lower"})
    assert evaluate._is_best(1.9)
    assert not evaluate._is_best(2.0)


def test_none_without_being_asked(tmp_path):
    run = RunDirectory(train(tmp_path / "run", overrides={"training.steps": 20}).directory)
    assert evaluations(run) == []
    assert not run.metrics.exists()
    with pytest.raises(WeightsError, match=r"has no best step, .* without eval_every, --eval_every \(use step='last'"):
        ganzoo.load(run.path, step="best")


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        ({"evaluation.metrics": ["fdi"]}, ConfigError, r"unknown metric 'fdi' \(did you mean 'fid'\?\)"),
        ({"evaluation.features": "idntity"}, ConfigError, r"unknown extractor 'idntity' \(did you mean"),
        ({"evaluation.by": "inception_score"}, UsageError, "inception_score needs an extractor that classifies"),
        ({"evaluation.features": "mnist_cnn"}, UsageError, "mnist_cnn: expected images, got points of ring"),
    ],
)
def test_what_cannot_be_computed_is_said_before_the_first_step(tmp_path, overrides, error, message):
    with pytest.raises(error, match=message):
        train(tmp_path / "run", eval_every=20, overrides=overrides)
    assert RunDirectory(tmp_path / "run").read_losses() == []


@pytest.mark.slow
def test_the_best_one_outlives_a_session_that_does_not_evaluate(tmp_path, monkeypatch):
    measuring(monkeypatch, range(1, 100))
    train(tmp_path / "run", eval_every=20, overrides={"training.steps": 40})
    run = RunDirectory(train(tmp_path / "run").directory)
    assert Checkpoints(run.checkpoints).steps() == [20, 80, 100]
    assert ganzoo.load(run.path, step="best").step == 20


@pytest.mark.slow
def test_another_measure_chooses_anew_and_has_its_checkpoint(tmp_path):
    """And the held-out points of an endless source are others than those that it trains on."""
    train(tmp_path / "run", eval_every=20, overrides={"training.steps": 40})
    other = {"evaluation.by": "sliced_wasserstein", "evaluation.metrics": ["sliced_wasserstein", "memorisation"]}
    run = RunDirectory(train(tmp_path / "run", eval_every=20, overrides=other).directory)
    assert best_step(run) in Checkpoints(run.checkpoints).steps()
    assert best_step(run) > 40
    assert 0.0 <= evaluations(run)[-1]["metrics"]["memorisation_identity"] <= 1.0


SMALL_DIGITS = {
    "generator.width": 4,
    "generator.blocks": 1,
    "discriminator.width": 4,
    "training.steps": 20,
    "training.log_every": 10,
    "training.sample_every": 20,
    "evaluation.metrics": ["kid_ratio", "cycle_error", "translation_error"],
    "evaluation.num_samples": 50,
}


@pytest.mark.slow
def test_translations_of_held_out_images_against_training_images(tmp_path):
    held_out = {"dataset.hold_out": 50}
    trained = small_runs.train("cyclegan_digits", tmp_path / "run", SMALL_DIGITS | held_out | {"eval_every": 10})
    run = RunDirectory(trained.directory)
    first, last = evaluations(run)
    assert (first["step"], last["step"], last["by"]) == (10, 20, "kid_mnist_cnn")
    names = ("kid_ratio", "cycle_error", "translation_error", "kid")
    assert list(last["metrics"]) == [f"{name}_mnist_cnn" for name in names]
    assert best_step(run) in (10, 20)

    data = open_data(trained.config.dataset)
    digits = from_source(data.held_out.sources["bold"].truth).read(np.arange(50))
    made = trained.model.translate(bold_of(digits), "plain")
    error = np.abs(made.astype(float) - digits).mean() / 255.0
    assert last["metrics"]["translation_error_mnist_cnn"] == pytest.approx(error)
    back = trained.model.translate(made, "bold")
    assert last["metrics"]["cycle_error_mnist_cnn"] == pytest.approx(
        np.abs(back.astype(float) - bold_of(digits)).mean() / 255.0
    )
    translation = open_translation_in_training(trained.config, data, 50)
    target = translation.target.read(np.arange(50))
    found = evaluate(made, "kid", real=target, features="mnist_cnn")
    assert last["metrics"]["kid_mnist_cnn"] == pytest.approx(found["kid_mnist_cnn"])


@pytest.mark.slow
def test_pairs_are_translated_to_the_second_domain(tmp_path):
    small = {"generator.width": 4, "generator.levels": 2, "training.steps": 10, "evaluation.num_samples": 20}
    small |= {"evaluation.metrics": ["translation_error"], "training.log_every": 10, "training.sample_every": 10}
    run = small_runs.train("pix2pix_digits", tmp_path / "run", small | {"eval_every": 10})
    (record,) = evaluations(RunDirectory(run.directory))
    assert set(record["metrics"]) == {"translation_error_mnist_cnn", "kid_mnist_cnn"}


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "taken_for_target",
            r"taken_for_target needs test images of cyclegan_digits \(plain\), which training does not",
        ),
        ("memorisation", "memorisation needs held-out real examples"),
        ("label_accuracy", "label_accuracy needs a conditional model"),
    ],
)
def test_what_translations_are_not_asked_while_training(tmp_path, metric, message):
    with pytest.raises(UsageError, match=message):
        small_runs.train(
            "cyclegan_digits", tmp_path / "run", {**SMALL_DIGITS, "evaluation.metrics": [metric], "eval_every": 10}
        )


@pytest.mark.slow
def test_two_workers_evaluate_and_roll_back_together(tmp_path):
    """The learning rate is past all bearing: three rollbacks, then the one line of the breakdown, on both alike."""
    command = [sys.executable, "tools/launch.py", "--workers", "2", "--", sys.executable, "tools/train.py"]
    settings = {**RING, "optimizer.generator.learning_rate": 1e30, "training.steps_per_execution": 1}
    flags = [f"--set={key}={value}" for key, value in settings.items()]
    train = ["--model", "gan_ring", "--eval_every", "20", "--on_nan", "rollback", "--workdir", str(tmp_path / "run")]
    done = subprocess.run([*command, *train, *flags], cwd=CHECKOUT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 2
    assert "and 3 rollbacks" in done.stderr + done.stdout
    assert "is gone" not in done.stderr
    assert "damaged" not in done.stderr
