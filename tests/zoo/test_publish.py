"""Publishing: what lands in the zoo loads under the model's name, and is what the run draws up to float16."""

import shutil

import numpy as np
import pytest
from small_runs import train

import ganzoo
from ganzoo.core import checkout, weights
from ganzoo.errors import UsageError, WeightsError
from ganzoo.zoo import catalog
from ganzoo.zoo import publish as publishing
from ganzoo.zoo import verify as verifying
from ganzoo.zoo.verify import verify

SMALL = ganzoo.config("cgan").override(
    {"generator.width": 4, "discriminator.width": 4, "training.batch_size": 8, "training.steps": 100}
)
SMALL_TRANSLATOR = ganzoo.config("cyclegan_digits").override(
    {"generator.width": 4, "generator.blocks": 1, "discriminator.width": 4}
    | {"training.steps": 30, "training.log_every": 10, "training.checkpoint_every": 10}
)
WORDS = {"command": "train", "intended_use": "tests", "limits": "small", "hardware": "any"}


@pytest.fixture
def small_zoo(tmp_path, monkeypatch):
    """A zoo whose cgan_mnist is small and has no weights yet."""
    copy = tmp_path / "zoo_configs"
    shutil.copytree(catalog.directory(), copy, ignore=shutil.ignore_patterns("*.safetensors", "cards"))
    for config in (SMALL, SMALL_TRANSLATOR):
        (copy / f"{config.name}.yaml").write_text(config.to_yaml())
    monkeypatch.setattr(catalog, "directory", lambda: copy)
    monkeypatch.setattr(publishing, "SAMPLES", 200)
    catalog._configs.cache_clear()
    yield copy
    catalog._configs.cache_clear()


@pytest.fixture
def evaluated_once(monkeypatch):
    """`verify` makes the same evaluation once, whatever card it compares with it."""
    evaluate, made = verifying.evaluate, {}

    def once(name, metrics, num_samples, *, note, **how):
        key = name, *metrics, num_samples, *how.items()
        if key not in made:
            made[key] = evaluate(name, metrics, num_samples, note=note, **how)
        return made[key]

    monkeypatch.setattr(verifying, "evaluate", once)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(config, further settings) -> its run, trained once."""
    made = {}

    def trained(config, **settings):
        key = config.name, *settings.items()
        if key not in made:
            made[key] = train(config, tmp_path_factory.mktemp("runs") / config.name, settings)
        return made[key]

    return trained


@pytest.mark.slow
def test_a_run_becomes_a_pretrained_model(small_zoo, trained):
    run = trained(SMALL)
    card = publishing.publish(run.directory, **WORDS)
    (stage,) = card.training.stages
    assert (stage.command, stage.steps, stage.start) == ("train", 100, "random weights")
    assert stage.commit == checkout.commit()
    assert card.training.data == "28x28x1, 10 classes, 4,000 images of mnist_5k"
    assert card.training.wall_time > 0
    assert {"fid", "memorisation", "label_accuracy"} <= {metric.name for metric in card.metrics}
    assert (card.evaluation.features, card.evaluation.real) == ("mnist_cnn", "mnist_5k train")
    assert card.training.seeds == [0]
    assert all(metric.over_seeds is None for metric in card.metrics)
    assert all(metric.error >= 0 for metric in card.metrics)
    of_two_sets = {"fid", "kid", "precision", "recall", "density", "coverage"}
    assert {metric.name for metric in card.metrics if metric.held_out} == of_two_sets
    fid = card.metric("fid")
    assert fid.floor.value < fid.held_out.value
    assert fid.floor.error > 0
    assert card.evaluation.held_out.model_dump() == {"real": "mnist_5k test", "real_count": 200, "compared": 200}
    assert (card.evaluation.features_trained_on, card.files) == ("mnist_5k train", None)
    assert ganzoo.card("cgan") == card
    loaded, drawn = ganzoo.load("cgan").generate(50, seed=1), run.model.generate(50, seed=1)
    assert np.max(np.abs(loaded.astype(int) - drawn.astype(int))) <= 2
    logits = ganzoo.load("cgan").discriminate(drawn, np.arange(50) % 10)
    np.testing.assert_allclose(logits, run.model.discriminate(drawn, np.arange(50) % 10), atol=0.01)
    size = (small_zoo / "weights" / "cgan_mnist.safetensors").stat().st_size
    assert size < 2 * card.weights.parameters + 4096


@pytest.mark.slow
def test_several_seeds_give_mean_and_deviation_and_a_card_that_can_be_verified(small_zoo, evaluated_once, trained):
    runs = [trained(SMALL).directory, trained(SMALL, seed=7).directory]
    card = publishing.publish(runs[0], others=runs[1:], **WORDS)
    assert card.training.seeds == [0, 7]
    alone = publishing.publish(runs[0], **WORDS)
    assert [metric.value for metric in alone.metrics] == [metric.value for metric in card.metrics]
    fid = card.metric("fid")
    other = 2 * fid.over_seeds.mean - fid.value  # of two values
    assert fid.over_seeds.sd == pytest.approx(abs(fid.value - other) / np.sqrt(2), rel=0.1)  # five digits
    assert verify("cgan_mnist").holds

    wrong = card.model_copy(update={"metrics": [fid.model_copy(update={"value": fid.value + 2 * fid.tolerance})]})
    verdict = verify("cgan_mnist", card=wrong)
    assert not verdict.holds
    assert "FAIL fid_mnist_cnn" in verdict.describe()
    for changed, where in ({"floor": fid.held_out}, ", real/real"), ({"error": 2 * fid.error}, ": standard error"):
        verdict = verify("cgan_mnist", card=card.model_copy(update={"metrics": [fid.model_copy(update=changed)]}))
        assert {check.metric for check in verdict.checks if not check.holds} >= {f"fid_mnist_cnn{where}"}
    other_judge = card.evaluation.model_copy(update={"features_sha256": "0" * 64})
    verdict = verify("cgan_mnist", card=card.model_copy(update={"evaluation": other_judge}))
    assert verdict.problems == ["features: the weights of mnist_cnn are not those that the card was made with"]


@pytest.fixture
def translating_zoo(small_zoo, monkeypatch):
    """It is judged fast."""
    monkeypatch.setattr(publishing, "SAMPLES", 40)
    monkeypatch.setattr("ganzoo.zoo.evaluate.default_features", lambda dataset, domain: "mnist_cnn")
    return small_zoo


@pytest.mark.slow
def test_a_run_that_translates_is_measured_both_ways(translating_zoo, evaluated_once, trained):
    run = trained(SMALL_TRANSLATOR)
    card = publishing.publish(run.directory, **WORDS)
    assert ganzoo.card("cyclegan_digits") == card
    assert [how.to for how in card.evaluations] == ["plain", "bold"]
    assert [how.real for how in card.evaluations] == [f"cyclegan_digits ({to}) train+test" for to in ("plain", "bold")]
    assert (card.evaluation.real_count, card.evaluation.num_samples) == (2500, 40)
    names = {metric.name for metric in card.metrics_of(card.reverse)}
    assert {"kid", "kid_ratio", "taken_for_target", "classifier_accuracy", "cycle_error", "translation_error"} < names
    stored = weights.read(translating_zoo / "weights" / "cyclegan_digits.safetensors")
    assert {name.split("/")[0] for name in stored} == {"generator_plain", "generator_bold"}
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    loaded = ganzoo.load("cyclegan_digits")
    apart = loaded.translate(images, "bold").astype(int) - run.model.translate(images, "bold")
    assert np.max(np.abs(apart)) <= 2
    verdict = verify("cyclegan_digits")
    assert verdict.holds, verdict.describe()
    assert "kid_mnist_cnn, to bold: " in verdict.describe()

    error = card.metric("translation_error", "bold")
    wrong = [metric for metric in card.metrics if metric != error]
    wrong.append(error.model_copy(update={"value": error.value + 2 * error.tolerance}))
    verdict = verify("cyclegan_digits", card=card.model_copy(update={"metrics": wrong}))
    assert [check.metric for check in verdict.checks if not check.holds] == ["translation_error_mnist_cnn, to bold"]
    more = card.reverse.model_copy(update={"num_samples": 600})
    verdict = verify("cyclegan_digits", card=card.model_copy(update={"reverse": more}))
    assert "num_samples: expected 600, got 500" in verdict.problems
    damaged = translating_zoo / "weights" / "cyclegan_digits.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError):
        ganzoo.load("cyclegan_digits")


@pytest.mark.slow
def test_another_run_must_differ_in_its_seed_alone(small_zoo, trained):
    first, other = trained(SMALL).directory, trained(SMALL, batch_size=4, seed=1).directory
    with pytest.raises(UsageError, match="differs from the first run in more than its seed"):
        publishing.publish(first, others=[other], **WORDS)
    with pytest.raises(UsageError, match=r"expected runs of different seeds, got \[0, 0\]"):
        publishing.publish(first, others=[first], **WORDS)


def test_what_cannot_be_published_leaves_the_zoo_alone(small_zoo, trained, tmp_path):
    with pytest.raises(UsageError, match="expected the config of zoo_configs/"):
        publishing.publish(trained(SMALL, batch_size=4, seed=1).directory, **WORDS)
    log = shutil.copytree(trained(SMALL).directory, tmp_path / "run") / "log.jsonl"
    log.write_text(log.read_text().replace('"finished"', '"interrupted"'))
    with pytest.raises(UsageError, match="expected a finished run"):
        publishing.publish(log.parent, **WORDS)
    assert not list((small_zoo / "weights").glob("*"))


@pytest.mark.slow
def test_the_mean_of_several_steps(translating_zoo, trained):
    run = trained(SMALL_TRANSLATOR).directory
    card = publishing.publish(run, average={20: 1, 30: 3}, **WORDS)
    assert card.training.stages[0].average == {20: 1.0, 30: 3.0}
    assert "; the mean of the weights at steps 20 (1), 30 (3)" in str(card)
    early, late = (ganzoo.load(run, step=step).weights_to_ship() for step in (20, 30))
    stored = weights.read(translating_zoo / "weights" / "cyclegan_digits.safetensors")
    for name, array in stored.items():
        np.testing.assert_allclose(array, 0.25 * early[name].numpy() + 0.75 * late[name].numpy(), atol=1e-3)


@pytest.mark.slow
def test_no_mean_of_batch_statistics(small_zoo, tmp_path):
    config = SMALL.override({"generator.network": "dcgan", "training.checkpoint_every": 50})
    (small_zoo / "cgan_mnist.yaml").write_text(config.to_yaml())
    catalog._configs.cache_clear()
    run = train(config, tmp_path / "run", {}).directory
    with pytest.raises(UsageError, match=r"^average: expected a network without batch stat.*moving_mean"):
        publishing.publish(run, average={50: 1, 100: 1}, **WORDS)
