"""What the callbacks draw, and when they save."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo.core import figures, images
from ganzoo.data.kinds import Points
from ganzoo.data.source import Source
from ganzoo.training.callbacks import Reporter, SampleSheets, SaveCheckpoints
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar
from ganzoo.training.sheets import picture_of


class Counted:
    """Notes the steps at which it is asked to save."""

    def __init__(self):
        self.steps = []

    def save(self, model, notes, *, anew):
        self.steps.append(model.step)


def saved_at(minutes, executions, every=100):
    """The steps that were saved of executions given as (step, seconds since the session began)."""
    now = [1000.0]
    counted = Counted()
    saves = SaveCheckpoints(counted, every, minutes, SimpleNamespace(notes=dict), clock=lambda: now[0])
    for step, seconds in executions:
        now[0] = 1000.0 + seconds
        saves.set_model(SimpleNamespace(updates={}, step=step))
        saves.on_train_batch_end(0)
    return counted.steps


def test_checkpoints_come_by_step_and_by_the_clock():
    """The clock counts from the last checkpoint, whatever made it."""
    executions = [(20, 29), (40, 30), (60, 59), (80, 60), (100, 70), (120, 99), (140, 100), (160, 220)]
    assert saved_at(None, executions) == [100]
    assert saved_at(0.5, executions) == [40, 80, 100, 140, 160]
    assert saved_at(0.5, executions, every=80) == [40, 80, 120, 160]


def test_a_reporter_that_goes_back_has_the_sums_of_its_notes(tmp_path):
    bar = ProgressBar("x", 100, 16, None)
    reporter = Reporter(RunDirectory(tmp_path), bar, 10, 16, None, {})

    def execution(step, loss):
        reporter.set_model(SimpleNamespace(updates={}, step=step, steps_per_execution=5))
        reporter.on_train_batch_end(0, {"generator_loss": loss})

    assert reporter.unfinished is None
    execution(5, 1.0)
    notes = reporter.notes()
    assert reporter.unfinished == {"step": 5, "generator_loss": 1.0}  # for the plot of a run that is stopped here
    execution(10, 2.0)
    assert reporter.unfinished is None
    execution(15, 4.0)
    reporter.run.rewind(5)
    reporter.rewind(notes)
    assert reporter.images_per_second is None
    assert bar.speed == 0.0
    execution(10, 3.0)
    assert [(line["step"], line["generator_loss"]) for line in reporter.run.read_losses()] == [(10, 2.0)]
    assert "images_per_second" not in reporter.run.read_losses()[0]  # its first execution is not measured


class Drawer:
    """Samples that are known beforehand, and how often they were asked for."""

    def __init__(self, samples, step=5, classes=None):
        self.samples, self.step, self.classes, self.calls = samples, step, classes, 0

    def generate(self, n, seed):
        self.calls += 1
        return self.samples[:n]


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_sheets_of_points_of_any_number_of_columns(tmp_path, columns):
    drawn = np.random.default_rng(0).normal(size=(30, columns))
    reference = np.random.default_rng(1).normal(size=(30, columns))
    run, shown = sheets_of(tmp_path, Drawer(drawn), reference)
    wanted = figures.points(drawn, reference, "step 5")
    np.testing.assert_array_equal(np.asarray(Image.open(run.sample_sheet(5))), wanted)
    np.testing.assert_array_equal(shown[5], wanted)
    assert images.read_metadata(run.sample_sheet(5)) == {"step": "5", "seed": "1"}


def test_preparing_sheets_asks_for_the_same_samples_and_writes_nothing(tmp_path):
    model = Drawer(np.zeros([100, 4, 4, 1], np.uint8), classes=3)
    sheets = SampleSheets(RunDirectory(tmp_path), 5, lambda model: model.generate(1, 0)[0], {}, None)
    sheets.set_model(model)
    sheets.prepare()
    assert model.calls == 1
    assert not list(tmp_path.rglob("*.png"))


def test_a_slow_model_is_seen_by_the_clock(tmp_path):
    """After 1 and 3 minutes (1 + 2), then not before 4 more; a sheet of the sequence counts too."""
    seconds = iter([0, 59, 60, 61, 179, 181, 182, 421])  # a sheet that is drawn asks twice
    model = Drawer(np.zeros([1, 4, 4, 1], np.uint8))
    run = RunDirectory(tmp_path)
    summaries = SimpleNamespace(image=lambda *_: None)
    sheets = SampleSheets(
        run, 5, lambda model: np.zeros([4, 4, 1], np.uint8), {}, summaries, clock=lambda: next(seconds)
    )
    sheets.set_model(model)
    drawn = []
    for step in (1, 2, 3, 4, 5):
        model.step = step
        sheets.on_train_batch_end(0)
        drawn.append(images.read_metadata(run.newest_samples)["step"] if run.newest_samples.is_file() else None)
    assert drawn == [None, "2", "2", "4", "4"]
    assert [path.name for path in run.sample_sheets()] == ["step_00000005.png"]


def sheets_of(directory, model, reference):
    """A run directory with the sheet of the model's step, and what TensorBoard was given, by step."""
    shown = {}
    summaries = SimpleNamespace(image=lambda step, _, picture: shown.update({step: picture}))
    run = RunDirectory(directory)
    source = Source("points", None, Points(2), (), lambda at: {"examples": tf.constant(reference)})
    sheets = SampleSheets(run, 5, picture_of(source, 1), {"seed": "1"}, summaries)
    sheets.set_model(model)
    sheets.on_train_batch_end(0)
    return run, shown
