"""Models of tables and of sequences: trained to their end, drawn, saved, exported, evaluated."""

import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import ganzoo
from ganzoo.cli import generate
from ganzoo.zoo.evaluate import evaluate

SMALL = {
    "generator.widths": [8],
    "discriminator.widths": [8],
    "training.steps": 4,
    "training.batch_size": 16,
    "training.sample_every": 2,
    "training.steps_per_execution": 2,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {name: ganzoo.train(name, folder / name, SMALL, quiet=True) for name in ("gan_wine", "gan_sines")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "output", "sheet"),
    [("gan_wine", (13,), "rows", (800, 670)), ("gan_sines", (24, 5), "sequences", (800, 370))],
)
def test_it_trains_to_its_end_and_is_exported_as_it_draws(runs, name, shape, output, sheet):
    run = runs[name]
    assert run.finished
    with Image.open(run.directory / "samples" / "step_00000004.png") as picture:
        assert picture.size == sheet
    drawn = run.model.generate(3, seed=1)
    assert (drawn.dtype, drawn.shape) == (np.float32, (3, *shape))
    np.testing.assert_array_equal(ganzoo.load(run.directory).generate(3, seed=1), drawn)
    (export,) = (run.directory / "export").rglob("saved_model.pb")
    signature = tf.saved_model.load(str(export.parent)).signatures["generate"]
    seeds = tf.constant([[1, 0], [1, 1], [1, 2]], tf.int32)
    exported = signature(seeds=seeds, truncation=tf.ones(3))[output].numpy()
    np.testing.assert_array_equal(exported, drawn)


def test_wines_are_saved_in_their_own_units_under_their_names(runs, tmp_path):
    model = ["--model", str(runs["gan_wine"].directory), "--n", "50", "--seed", "3"]
    assert generate.main([*model, "--out", str(tmp_path / "wine.csv")]) == 0
    header, *lines = (tmp_path / "wine.csv").read_text().splitlines()
    assert header.startswith("alcohol,malic_acid,ash,alcalinity_of_ash,magnesium,total_phenols,")
    rows = [line.split(",") for line in lines]
    assert len(rows) == 50
    for column, pattern in ((0, r"-?\d+\.\d\d"), (3, r"-?\d+\.\d"), (4, r"-?\d+"), (12, r"-?\d+")):
        assert all(re.fullmatch(pattern, row[column]) for row in rows)
    run = runs["gan_wine"]
    inside = run.model.generator_ema([run.model.sample_latents(50, seed=3)]).numpy()
    mean, deviation = (np.array([getattr(f, key) for f in run.config.dataset.fields]) for key in ("mean", "deviation"))
    step = [10.0**-field.decimals for field in run.config.dataset.fields]
    away = np.abs(np.array(rows, float) - (inside * deviation + mean))
    assert (away <= np.array(step) * 0.51 + 1e-4).all()  # rounded to the decimals of the data, and no more
    assert generate.main([*model, "--out", str(tmp_path / "wine.npy")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "wine.npy"), np.array(rows, np.float32), rtol=1e-6)


def test_sequences_are_saved_a_line_for_each_step(runs, tmp_path):
    out = tmp_path / "sines.csv"
    assert generate.main(["--model", str(runs["gan_sines"].directory), "--n", "2", "--out", str(out)]) == 0
    header, *lines = out.read_text().splitlines()
    assert header == "sequence,step,x0,x1,x2,x3,x4"
    assert [line.split(",")[:2] for line in lines] == [[str(i), str(t)] for i in range(2) for t in range(24)]


def test_they_are_judged_by_what_suits_them(runs):
    found = evaluate(runs["gan_wine"].directory, ["fid"], 100)
    assert set(found) == {"fid_standardised"}
    assert found.protocol["real"] == {"name": "wine", "count": 100, "shape": [13], "of": 144, "split": "train"}
    assert set(evaluate(runs["gan_sines"].model, ["fid"], 100)) == {"fid_identity"}
    (export,) = (runs["gan_wine"].directory / "export").rglob("saved_model.pb")
    assert dict(evaluate(export.parent, ["fid"], 100, real="wine")) == pytest.approx(dict(found))
