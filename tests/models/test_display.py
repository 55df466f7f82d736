"""Arrays that show themselves in a notebook, and what it shows of models, configs, cards, runs and evaluations."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core import figures, images
from ganzoo.engine.overview import describe
from ganzoo.evaluation.metrics.metric import Value
from ganzoo.evaluation.result import Evaluation
from ganzoo.models.build import build
from ganzoo.models.display import DisplayArray
from ganzoo.training.result import Run


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8).view(DisplayArray)


def shown(array):
    return images.decode(array._repr_png_(), "shown", channels=array.shape[-1] if array.dtype == np.uint8 else 3)


def test_images_are_shown_as_a_sheet():
    batch = pictures(4, 28, 28, 1)
    assert np.array_equal(shown(batch), figures.sheet(np.asarray(batch)))
    assert np.array_equal(shown(batch[1:3]), figures.sheet(np.asarray(batch)[1:3]))
    assert np.array_equal(shown(batch[2]), figures.sheet(np.asarray(batch)[2:3]))
    assert np.array_equal(shown(pictures(150, 8, 8, 3)), figures.sheet(np.asarray(pictures(150, 8, 8, 3))[:100]))


def test_points_are_shown_as_a_plot():
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32).view(DisplayArray)
    assert np.array_equal(shown(points), figures.points(np.asarray(points)))
    assert shown(points[:, :1]).shape == (540, 500, 3)


@pytest.mark.parametrize("name", ["gan_wine", "gan_sines"])
def test_other_kinds_are_drawn_as_they_are(name):
    model = build(ganzoo.config(name))
    made = model.generate(60, seed=1)
    for rows in (made, made[10:40], pickle.loads(pickle.dumps(model.decode(model.sample_latents(9, seed=1))))):
        assert type(rows) is DisplayArray
    assert np.array_equal(shown(made[10:40]), model.kind.draw(np.asarray(made)[10:40]))
    assert made[0]._repr_png_() is None, "one row is no table"


@pytest.mark.parametrize(
    "array",
    [
        pictures(2, 8, 8, 4),
        pictures(8, 8),
        pictures(0, 8, 8, 3),
        np.zeros((2, 8, 8, 3)),
        np.zeros((9, 13)),
        np.full((9, 2), np.nan),
        np.zeros(3),
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_other_arrays_are_text(array):
    assert array.view(DisplayArray)._repr_png_() is None


def test_what_is_computed_is_plain():
    batch = pictures(4, 8, 8, 1)
    plain = np.asarray(batch)
    assert type(plain) is np.ndarray
    computed = {
        "sum": (batch + 1, plain + 1),
        "comparison": (batch == batch[0], plain == plain[0]),
        "other side": (255 - batch, 255 - plain),
        "method": (batch.mean(axis=0), plain.mean(axis=0)),
        "function": (np.concatenate([batch, batch]), np.concatenate([plain, plain])),
        "masked": (np.mean(batch, axis=0, where=batch > 9), np.mean(plain, axis=0, where=plain > 9)),
        "stacked": (np.stack([batch[0], batch[1]]), np.stack([plain[0], plain[1]])),
        "split": (np.split(batch, 2)[1], np.split(plain, 2)[1]),
        "accumulated": (np.add.accumulate(batch), np.add.accumulate(plain)),
    }
    for name, (result, wanted) in computed.items():
        assert type(result) is np.ndarray, name
        np.testing.assert_array_equal(result, wanted, strict=True)
    assert batch.max() == plain.max()


def test_what_is_a_view_shows_itself():
    batch = pictures(4, 8, 8, 1)
    for view in (batch[::2], batch[[1, 0]], batch[0], batch.copy(), batch.reshape(2, 16, 8, 1)):
        assert type(view) is DisplayArray
    again = pickle.loads(pickle.dumps(batch))
    assert (type(again), again.tolist()) == (DisplayArray, batch.tolist())


def test_in_place():
    batch = pictures(4, 8, 8, 1)
    wanted = np.asarray(batch) // 2
    batch //= 2
    assert type(batch) is DisplayArray
    assert np.array_equal(batch, wanted)
    np.add.at(batch, [0], 1)
    assert batch[0].tolist() == (wanted[0] + 1).tolist()
    out = np.zeros((8, 8, 1), np.uint8).view(DisplayArray)
    assert np.add(batch[1], 0, out=out) is out
    assert out.tolist() == wanted[1].tolist()
    out = np.zeros((8, 8, 1)).view(DisplayArray)
    assert np.mean(batch, axis=0, out=out) is not None
    assert np.allclose(out, np.asarray(batch).mean(axis=0))


def test_tensorflow_takes_them():
    batch = pictures(4, 8, 8, 1)
    assert np.array_equal(tf.constant(batch).numpy(), batch)
    assert np.array_equal(images.to_float(batch), np.asarray(batch) / np.float32(127.5) - 1)


def test_a_model_and_what_it_makes():
    model = build(ganzoo.config("cgan_mnist"))
    made = model.generate(2, seed=0)
    assert type(made) is DisplayArray
    assert type(model.decode(model.sample_latents(2, seed=0))) is DisplayArray
    lines = model._repr_markdown_().splitlines()
    assert lines[0] == f"**cgan_mnist** (ConditionalGAN, step 0): {model.config.summary}"
    assert lines[2] == "| network | direction | parameters | moving average | trained by |"
    parameters = model.networks["generator"].count_params()
    latents = f"N×{model.latent_size} and N"
    assert f"| generator | {latents} → N×28×28×1 | {parameters:,} | decay 0.999 | generator |" in lines
    assert lines[-1] == "Offers `generate`."
    assert describe(build(ganzoo.config("cyclegan_digits"))).endswith("\nOffers `translate`.")


def test_a_translator_s_images_show_themselves():
    small = {"generator": {"network": "resnet", "width": 4, "blocks": 1}, "training.pool_size": 0}
    model = build(ganzoo.config("cyclegan_digits").override(small))
    given = np.asarray(pictures(2, 8, 8, 1))
    assert type(model.translate(given)) is DisplayArray
    assert [type(image) for image in model.translate([given[0], pictures(9, 8)])] == [DisplayArray] * 2


def test_a_config_a_card_and_an_evaluation():
    config = ganzoo.config("gan_ring")
    assert config._repr_markdown_() == f"**gan_ring**: {config.summary}\n\n```yaml\n{config.to_yaml()}```"
    card = ganzoo.card("cgan_mnist")
    assert card._repr_markdown_() == str(card)
    side = {"name": "digits", "count": 9, "shape": [2]}
    protocol = {"better": {"kid": "lower"}, "real": side, "fake": side, "features": "own", "features_sha256": "0" * 64}
    protocol |= {"seconds": 1.0, "peak_memory_gib": 1.0, "warnings": []}
    evaluation = Evaluation({"kid": Value(0.5)}, protocol, None, None)
    assert "| kid |        0.5 |          – | lower  |" in evaluation._repr_markdown_()
    assert evaluation._repr_markdown_() == evaluation.describe()


def test_a_run():
    model = build(ganzoo.config("gan_ring"))
    run = Run(Path("there"), model.config, model, finished=False)
    assert run._repr_markdown_() == (
        "```text\ngan_ring: stopped at step 0 of 10,000, saved in there; the same command resumes\n"
        "next: ganzoo generate --model there --out gan_ring.png\n```"
    )
