"""The schema: every mistake is one line with file, key and the nearest valid name."""

import copy
from typing import Annotated

import pytest
import yaml
from pydantic import Field

from ganzoo import schema, zoo
from ganzoo.errors import ConfigError


@pytest.fixture
def data():
    return copy.deepcopy(zoo.config("cgan_mnist").to_dict())


def complaint(data):
    with pytest.raises(ConfigError) as caught:
        schema.parse(data, "f.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_zoo_config_survives_its_own_yaml(name):
    config = zoo.config(name)
    assert config.name == name
    assert schema.parse(yaml.safe_load(config.to_yaml()), "again") == config


def test_unknown_key_names_file_key_and_nearest(data):
    data["loss"]["nmae"] = "minimax"
    assert complaint(data).startswith("f.yaml: loss.nmae: unknown key (did you mean 'name'?)")


def test_unknown_top_level_key(data):
    data["optimiser"] = {}
    assert complaint(data) == "f.yaml: optimiser: unknown key (did you mean 'optimizer'?)"


def test_unknown_key_in_a_list(data):
    data["penalties"] = [{"name": "r1", "weight": 1.0, "evry": 2}]
    assert complaint(data) == "f.yaml: penalties.0.evry: unknown key (did you mean 'every'?)"


def test_missing_key(data):
    del data["dataset"]["channels"]
    assert complaint(data) == "f.yaml: dataset.channels: missing"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("steps", "many", "f.yaml: training.steps: input should be a valid integer (got 'many')"),
        ("steps", 0, "f.yaml: training.steps: input should be greater than or equal to 1 (got 0)"),
        ("steps", True, "f.yaml: training.steps: input should be a valid integer (got True)"),
        ("ema_decay", 1.0, "f.yaml: training.ema_decay: input should be less than 1 (got 1.0)"),
        (
            "precision",
            "half",
            "f.yaml: training.precision: input should be 'auto', 'float32', 'bfloat16' or 'float16' (got 'half')",
        ),
        ("xla", "yes", "f.yaml: training.xla: input should be 'auto', 'on' or 'off' (got 'yes')"),
        ("xla", 1, "f.yaml: training.xla: input should be 'auto', 'on' or 'off' (got 1)"),
        ("xla", None, "f.yaml: training.xla: input should be 'auto', 'on' or 'off' (got None)"),
        ("xla", [True], "f.yaml: training.xla: input should be 'auto', 'on' or 'off' (got [True])"),
        ("accumulate", 0, "f.yaml: training.accumulate: input should be greater than or equal to 1 (got 0)"),
        ("accumulate", 65, "f.yaml: training.accumulate: input should be less than or equal to 64 (got 65)"),
        ("accumulate", 2.0, "f.yaml: training.accumulate: input should be a valid integer (got 2.0)"),
        ("checkpoint_minutes", 0, "f.yaml: training.checkpoint_minutes: input should be greater than 0 (got 0)"),
        ("checkpoint_minutes", "5m", "f.yaml: training.checkpoint_minutes: input should be a valid number (got '5m')"),
        ("on_nan", "ignore", "f.yaml: training.on_nan: input should be 'stop' or 'rollback' (got 'ignore')"),
        ("on_nan", False, "f.yaml: training.on_nan: input should be 'stop' or 'rollback' (got False)"),
    ],
)
def test_wrong_types_and_ranges(data, key, value, message):
    data["training"][key] = value
    assert complaint(data) == message


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("clip_norm", 0, "optimizer.clip_norm: input should be greater than 0 (got 0)"),
        ("clip_norm", -1.0, "optimizer.clip_norm: input should be greater than 0 (got -1.0)"),
        ("clip_norm", "1", "optimizer.clip_norm: input should be a valid number (got '1')"),
        ("clipnorm", 1.0, "optimizer.clipnorm: unknown key (did you mean 'clip_norm'?)"),
        ("schedule", {}, "optimizer.schedule: unknown key (known: clip_norm, discriminator, generator)"),
    ],
)
def test_what_both_optimizers_share(data, key, value, message):
    data["optimizer"][key] = value
    assert complaint(data) == f"f.yaml: {message}"


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({}, "schedule.name: missing"),
        ("linear", "schedule: input should be a valid dictionary or instance of ScheduleConfig (got 'linear')"),
        ({"name": "linear", "start": -1}, "schedule.start: input should be greater than or equal to 0 (got -1)"),
        (
            {"name": "linear", "start": -1, "end": 5},
            "schedule.start: input should be greater than or equal to 0 (got -1)",
        ),
        ({"name": "linear", "end": 0}, "schedule.end: input should be greater than or equal to 1 (got 0)"),
        ({"name": "linear", "final": 1.5}, "schedule.final: input should be less than or equal to 1 (got 1.5)"),
        ({"name": "linear", "final": -0.1}, "schedule.final: input should be greater than or equal to 0 (got -0.1)"),
        ({"name": "linear", "stop": 5}, "schedule.stop: unknown key (known: end, final, name, start)"),
    ],
)
def test_schedules(data, schedule, message):
    data["optimizer"]["generator"]["schedule"] = schedule
    assert complaint(data) == f"f.yaml: optimizer.generator.{message}"


@pytest.mark.parametrize("end", [40, 50])
def test_a_schedule_that_ends_before_it_starts(data, end):
    data["optimizer"]["generator"]["schedule"] = {"name": "linear", "end": end, "start": 50}
    message = complaint(data)
    assert message.startswith("f.yaml: optimizer.generator.schedule.end: ")
    assert message.endswith(f"{end} is not after start, 50")


def test_yaml_reads_on_and_off_as_booleans(data, tmp_path):
    file = tmp_path / "f.yaml"
    for written, meant in (
        ("on", "on"),
        ("off", "off"),
        ("yes", "on"),
        ("no", "off"),
        ("auto", "auto"),
        ("'on'", "on"),
    ):
        data["training"].pop("xla", None)
        file.write_text(yaml.safe_dump(data).replace("  steps: ", f"  xla: {written}\n  steps: ", 1))
        assert schema.read_yaml(file).training.xla == meant
        assert zoo.config("cgan").override({"training.xla": written}).training.xla == meant


def test_what_the_engine_reads_is_automatic_by_default():
    training = zoo.config("gan").training
    assert (training.precision, training.xla, training.accumulate) == ("auto", "auto", 1)
    assert (training.checkpoint_minutes, training.on_nan) == (None, "stop")
    changed = {"precision": "bfloat16", "accumulate": 4, "checkpoint_minutes": 2, "on_nan": "rollback", "xla": "off"}
    config = zoo.config("gan").override({f"training.{key}": value for key, value in changed.items()})
    config = config.override(
        {"optimizer.clip_norm": "1", "optimizer.generator.schedule": "{name: cosine, start: 5, end: 9}"}
    )
    again = schema.parse(yaml.safe_load(config.to_yaml()), "again")
    assert again == config
    assert {key: getattr(again.training, key) for key in changed} == changed
    assert again.optimizer.clip_norm == 1.0
    assert again.optimizer.generator.schedule == schema.ScheduleConfig(name="cosine", start=5, end=9, final=0.0)
    assert again.optimizer.discriminator.schedule is None


def test_impossible_mixes(data):
    mixes = {
        "model.conditioning": {
            **data,
            "model": {"scheme": "vanilla", "latent": {"size": 8}, "conditioning": "projection"},
        },
        "dataset.classes": {**data, "dataset": {**data["dataset"], "classes": 0}},
        "dataset.kind: expected image for task: image_generation, got points": {
            **data,
            "dataset": {"name": "ring", "size": 0, "channels": 2, "classes": 8},
        },
        "penalties: one of them is given twice": {**data, "penalties": [{"name": "r1", "weight": 1.0}] * 2},
        "adam has no 'rho'": {
            **data,
            "optimizer": {**data["optimizer"], "generator": {"name": "adam", "learning_rate": 0.1, "rho": 0.9}},
        },
    }
    for text, mixed in mixes.items():
        assert text in complaint(mixed)


def test_overrides_reach_every_depth():
    config = zoo.config("cgan").override(
        {
            "optimizer.generator.learning_rate": "1e-4",
            "training.fresh_latents": "true",
            "penalties.0.weight": 3.0,
            "generator.width": "8",
        }
    )
    assert config.optimizer.generator.learning_rate == 1e-4
    assert config.training.fresh_latents is True
    assert config.penalties[0].weight == 3.0
    assert config.generator.arguments["width"] == 8
    assert zoo.config("cgan").training.fresh_latents is False


def test_a_stop_rule_can_be_made_from_nothing():
    config = zoo.config("gan").override({"training.stop_when": "discriminator_fooled"})
    assert config.training.stop_when == schema.StopRule(name="discriminator_fooled", band=0.05, steps=500)
    config = config.override({"training.stop_when.band": "0.1"})
    assert config.training.stop_when.band == 0.1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.stpes", "5", "--set training.stpes=5: unknown key (did you mean 'training.steps'?)"),
        ("optimizer.generator.lerning_rate", "1", "(did you mean 'optimizer.generator.learning_rate'?)"),
        (
            "training.steps",
            "five",
            "--set training.steps=five: training.steps: input should be a valid integer (got 'five')",
        ),
        ("penalties.3.weight", "1", "--set penalties.3.weight=1: penalties has 1 entries (0 to 0)"),
        ("training.steps.more", "1", "--set training.steps.more=1: "),
        ("summary", "2024-13-45", "--set summary=2024-13-45: "),
        ("generator", "{[1]: 2}", "--set generator={[1]: 2}: "),
        ("summary", "!!int x", "--set summary=!!int x: "),
    ],
)
def test_wrong_overrides(key, value, message):
    with pytest.raises(ConfigError) as caught:
        zoo.config("cgan").override({key: value})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_configs(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        schema.read_yaml(tmp_path / "absent.yaml")
    for text, message in [("- 1", "not a config"), ("a: [", "while parsing"), ("", "not a config")]:
        (tmp_path / "f.yaml").write_text(text)
        with pytest.raises(ConfigError, match=message):
            schema.read_yaml(tmp_path / "f.yaml")


def build(size: int, *, width: Annotated[int, Field(ge=1)] = 4, kind: str = "x") -> int:
    return size * width


def test_arguments_are_checked_against_keyword_only_parameters():
    assert schema.check_arguments(build, {"width": 8}, "generator") == {"width": 8}
    for arguments, message in [
        ({"widht": 8}, r"generator\.widht: unknown key \(did you mean 'width'\?\)"),
        ({"size": 8}, r"generator\.size: unknown key"),
        ({"width": 0}, r"generator\.width: input should be greater than or equal to 1 \(got 0\)"),
        ({"kind": 3}, r"generator\.kind: input should be a valid string \(got 3\)"),
    ]:
        with pytest.raises(ConfigError, match=message):
            schema.check_arguments(build, arguments, "generator")


@pytest.fixture
def cycle():
    return copy.deepcopy(zoo.config("cyclegan_digits").to_dict())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("task", "image_generation", "f.yaml: task: image_generation, but model.scheme: cyclegan "),
        ("dataset.domains", [], "f.yaml: dataset.domains: two names for model.scheme: cyclegan and pix2pix"),
        ("dataset.domains", ["a"], "f.yaml: dataset: domains: expected two different names (or none), got ['a']"),
        ("dataset.domains", ["a", "a"], "f.yaml: dataset: domains: expected two different names (or none), got ['a',"),
        ("dataset.domains", ["a", "a_ema"], "f.yaml: dataset: domains: got ['a', 'a_ema'], but names that end in _ema"),
        ("dataset.domains", ["a", "B"], "f.yaml: dataset.domains.1: string should match pattern"),
        ("dataset.load_size", 27, "f.yaml: dataset: load_size: 27 is smaller than size, 28"),
        ("dataset.classes", 10, "f.yaml: dataset.classes: not for model.scheme: cyclegan"),
        ("model.latent", {"size": 4}, "f.yaml: model.latent: not for scheme: cyclegan"),
        ("model.conditioning", "embedding", "f.yaml: model.conditioning: only for scheme: conditional"),
        ("loss.l1_weight", 1.0, "f.yaml: loss.l1_weight: not for model.scheme: cyclegan"),
        ("loss.cycle_weight", -1.0, "f.yaml: loss.cycle_weight: input should be greater than or equal to 0"),
        ("training.critic_steps", 2, "f.yaml: training.critic_steps, fresh_latents and penalties are not for"),
        ("training.stop_when", "discriminator_fooled", "f.yaml: training.stop_when: not for model.scheme: cyclegan"),
    ],
)
def test_what_does_not_go_with_a_cyclegan(cycle, path, value, message):
    section, _, key = path.partition(".")
    if key:
        cycle[section][key] = value
    else:
        cycle[section] = value
    assert complaint(cycle).startswith(message)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("dataset.domains", ["a", "b"], "f.yaml: dataset.domains: two names for model.scheme: cyclegan and pix2pix"),
        ("dataset.load_size", 30, "f.yaml: dataset.load_size: only for task: image_translation"),
        ("loss.cycle_weight", 1.0, "f.yaml: loss.cycle_weight: not for model.scheme: conditional"),
        ("training.pool_size", 5, "f.yaml: training.pool_size: not for model.scheme: conditional"),
        ("model.latent", None, "f.yaml: model.latent: missing, for scheme: conditional"),
    ],
)
def test_what_is_for_translation_alone(data, path, value, message):
    section, key = path.split(".")
    data[section][key] = value
    assert complaint(data).startswith(message)


def test_the_weights_of_a_cyclegan_can_be_left_to_the_model():
    config = zoo.config("cyclegan_digits").override({"loss.identity_weight": None, "training.pool_size": None})
    assert "identity_weight" not in config.to_dict()["loss"]
    assert schema.parse(config.to_dict(), "again") == config


def test_a_model_says_which_domains_it_makes():
    assert zoo.config("cyclegan_digits").domains_made == ["plain", "bold"]
    assert zoo.config("pix2pix_digits").domains_made == ["digits"]
    assert zoo.config("cgan").domains_made == []
