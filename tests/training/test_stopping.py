"""The stop rule: what counts as a fooled discriminator, and what does not."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import small_runs

import ganzoo
from ganzoo.data.kinds import Points
from ganzoo.data.source import from_arrays
from ganzoo.errors import ConfigError
from ganzoo.models.build import build
from ganzoo.objectives import parts
from ganzoo.schema import StopRule
from ganzoo.training.progress import ProgressBar
from ganzoo.training.resolve import resolve
from ganzoo.training.stopping import StopWhenFooled, auc

REAL = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
OTHERS = np.random.default_rng(1).normal(size=(512, 2)).astype(np.float32)
RULE = StopRule(name="discriminator_fooled", band=0.04, steps=1)


class Model(SimpleNamespace):
    """Samples and logits that are known beforehand; draws of a class are those of its number."""

    kind, seed, step = Points(2), 0, 1

    def generate(self, n, labels, seed):
        return self.samples[:n]

    def discriminate(self, examples, labels):
        return np.full(len(examples), self.logit) if np.isscalar(self.logit) else self.logit(examples)


def rule_of(model, labels=None, loss="non_saturating"):
    model.adversarial_loss = parts.loss(loss)
    model.classes = 0 if labels is None else 2
    source = from_arrays("points", REAL, labels, ("a", "b") if model.classes else (), Points(2))
    return StopWhenFooled(RULE, model, source, ProgressBar("x", 1, 1, None))


def is_fooled(rule):
    """Whether the rule is satisfied by two lines of the log, and what it measured."""
    measured = rule.measure()
    for step in (1, 2):
        rule.seen({"step": step, "discriminator_accuracy": 0.5, **measured})
    return rule.fooled, measured


def slightly(by):
    """Logits near 0, larger for real examples."""
    held = {row.tobytes() for row in REAL}
    return lambda examples: np.array([by if row.tobytes() in held else -by for row in examples])


def test_a_constant_discriminator_and_samples_like_the_data_are_the_equilibrium():
    fooled, measured = is_fooled(rule_of(Model(samples=OTHERS, logit=0.0)))
    assert fooled
    assert {name: measured[name] for name in ("real_score", "fake_score", "discriminator_auc")} == {
        **dict.fromkeys(("real_score", "fake_score", "discriminator_auc"), 0.5)
    }
    assert measured["diversity"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("what", "model"),
    [
        ("everything is real", Model(samples=OTHERS, logit=8.0)),
        ("everything is fake", Model(samples=OTHERS, logit=-8.0)),
        ("a small difference is seen", Model(samples=OTHERS, logit=slightly(0.01))),
        ("one image alone is drawn", Model(samples=np.ones_like(OTHERS), logit=0.0)),
        ("samples are too much alike", Model(samples=0.4 * OTHERS, logit=0.0)),
    ],
)
def test_what_is_no_success(what, model):
    assert not is_fooled(rule_of(model))[0], what


@pytest.mark.parametrize(
    ("loss", "logit", "fooled"),
    [
        ({"name": "minimax", "label_smoothing": 0.1}, math.log(0.45 / 0.55), True),
        ({"name": "minimax", "label_smoothing": 0.1}, 0.0, False),  # 0.05 off
        ("least_squares", 0.5, True),
        ("least_squares", 0.0, False),
        ({"name": "least_squares", "label_smoothing": 0.2}, 0.4, True),
        ({"name": "least_squares", "label_smoothing": 0.2}, 0.5, False),
    ],
)
def test_the_equilibrium_is_that_of_the_loss(loss, logit, fooled):
    assert is_fooled(rule_of(Model(samples=OTHERS, logit=logit), loss=loss))[0] == fooled


def test_one_image_a_class_is_a_collapse_too():
    labels = np.arange(1000) % 2
    rule = rule_of(Model(samples=OTHERS, logit=0.0), labels)
    assert is_fooled(rule)[0]
    rule.model.samples = np.float32([[3.0, 0.0], [-3.0, 0.0]])[rule.labels]
    fooled, measured = is_fooled(rule)
    assert not fooled
    assert measured["diversity"] == pytest.approx(0.0, abs=1e-6)


def test_auc_by_hand():
    assert auc(np.array([1.0, 3.0]), np.array([0.0, 2.0])) == 0.75
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == 0.75
    assert auc(np.zeros(4), np.zeros(3)) == 0.5
    assert auc(np.full(4, 0.5001), np.full(3, 0.5)) == 0.5  # near the equilibrium, rounding is no difference


def test_it_must_hold_for_the_steps_of_the_rule():
    rule = rule_of(Model(samples=OTHERS, logit=0.0))
    rule.rule = StopRule(name="discriminator_fooled", band=0.1, steps=200)
    good = {"real_score": 0.5, "fake_score": 0.45, "discriminator_auc": 0.55, "diversity": 0.8}
    lines = [{"step": 100, "discriminator_accuracy": 0.5}]  # as an older ganzoo wrote them
    lines += [{"step": 200, **good}, {"step": 300, **good, "discriminator_auc": 0.61}]
    lines += [{"step": step, **good} for step in (400, 500, 600)]
    seen = []
    for line in lines:
        rule.seen(line)
        seen.append(rule.fooled)
    assert seen == [False, False, False, False, True, True]  # not fooled last at 300: 200 steps at 500
    rule.rewind(lines[:4])
    assert not rule.fooled


@pytest.mark.parametrize("loss", ["hinge", "relativistic", "wasserstein"])
def test_a_loss_without_an_equilibrium_refuses_the_rule(loss):
    settings = {"loss.name": loss, "training.stop_when": "discriminator_fooled"}
    with pytest.raises(
        ConfigError,
        match=rf"^gan_ring: training\.stop_when: expected a loss with one equilibrium .*, got {loss} ",
    ):
        resolve(ganzoo.config("gan_ring"), settings)


def test_a_model_that_was_trained_with_rule_and_loss_before_still_loads():
    settings = {**small_runs.RING, "loss.name": "hinge", "training.stop_when": "discriminator_fooled"}
    assert build(ganzoo.config("gan_ring").override(settings)).generate(2, seed=0).shape == (2, 2)


STILL = {f"optimizer.{update}": {"name": "sgd", "learning_rate": 1e-9} for update in ("generator", "discriminator")}
RULED = {
    **small_runs.RING,
    **STILL,
    "penalties": [],
    "training.stop_when": {"name": "discriminator_fooled", "band": 0.1, "steps": 20},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bias", "scale", "step"),
    [(1e-4, 4.0, 30), (8.0, 4.0, 60), (-8.0, 4.0, 60), (1e-4, 0.0, 60)],
    ids=["equilibrium", "everything real", "everything fake", "collapsed"],
)
def test_runs_of_networks_that_stand_still(tmp_path, bias, scale, step):
    """All have an accuracy of 0.5, one alone is at its equilibrium."""

    def initialise(model):
        last = model.discriminator.get_layer("logits")
        last.set_weights([np.zeros_like(last.get_weights()[0]), np.array([bias])])
        last = model.generator.get_layer("flat_examples")
        last.set_weights([scale * weight for weight in last.get_weights()])
        model.generator_ema.set_weights(model.generator.get_weights())
        return "numbers"

    made = small_runs.train("gan_ring", tmp_path, RULED, initialise=initialise)
    assert made.losses[-1]["discriminator_accuracy"] == 0.5
    assert made.model.step == step
