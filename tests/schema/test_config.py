"""The schema: every mistake is one line with file, key and the nearest valid name."""

import copy
from typing import Annotated

import pytest
import yaml
from pydantic import Field

import ganzoo
from ganzoo import schema
from ganzoo.errors import ConfigError
from ganzoo.schema import migration


@pytest.fixture
def data():
    return copy.deepcopy(ganzoo.config("cgan_mnist").to_dict())


def complaint(data):
    with pytest.raises(ConfigError) as caught:
        schema.parse(data, "f.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ganzoo.list_models())
def test_every_zoo_config_survives_its_own_yaml(name):
    config = ganzoo.config(name)
    assert config.name == name
    assert schema.parse(yaml.safe_load(config.to_yaml()), "again") == config


def test_unknown_key_names_file_key_and_nearest(data):
    data["loss"] = {"nmae": "minimax"}
    assert complaint(data).startswith("f.yaml: loss.nmae: unknown key (did you mean 'name'?)")
    data["training"]["stpes"] = 5
    del data["loss"]
    assert complaint(data) == "f.yaml: training.stpes: unknown key (did you mean 'steps'?)"


def test_unknown_top_level_key(data):
    data["optimiser"] = {}
    assert complaint(data) == "f.yaml: optimiser: unknown key (did you mean 'optimizer'?)"
    del data["optimiser"]
    data["encoder"] = {"width": 3}
    assert complaint(data) == "f.yaml: encoder: unknown key (a network is a mapping with the key 'network')"


def test_unknown_key_in_a_list(data):
    data["evaluation"] = {"metrics": ["fid"], "evry": 2}
    assert complaint(data) == "f.yaml: evaluation.evry: unknown key (did you mean 'every'?)"
    data["evaluation"] = {}
    data["penalties"] = [{"nam": "r1", "weight": 1.0}]
    assert complaint(data) == "f.yaml: penalties.0.nam: unknown key (did you mean 'name'?)"


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
        ("clipnorm", 1.0, "optimizer: clipnorm: unknown key (did you mean 'clip_norm'?)"),
        ("schedule", {}, "optimizer: schedule: unknown key (an optimizer is a mapping with the key 'name')"),
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
        ({"name": "linear", "fnal": 0.5}, "schedule.fnal: unknown key (did you mean 'final'?)"),
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
    assert message.endswith(f"expected a step after start, 50, got {end}")


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
        assert ganzoo.config("cgan").override({"training.xla": written}).training.xla == meant


def test_what_the_engine_reads_is_automatic_by_default():
    training = ganzoo.config("gan").training
    assert (training.precision, training.xla, training.accumulate) == ("auto", "auto", 1)
    assert (training.checkpoint_minutes, training.on_nan) == (None, "stop")
    changed = {"precision": "bfloat16", "accumulate": 4, "checkpoint_minutes": 2, "on_nan": "rollback", "xla": "off"}
    config = ganzoo.config("gan").override({f"training.{key}": value for key, value in changed.items()})
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
        "task: expected point_generation, got image_generation": {
            **data,
            "dataset": {"name": "ring", "size": 0, "channels": 2, "classes": 8},
        },
        "penalties: expected different names, got one twice": {
            **data,
            "penalties": [{"name": "r1", "weight": 1.0}] * 2,
        },
        "adam has no 'rho'": {
            **data,
            "optimizer": {**data["optimizer"], "generator": {"name": "adam", "learning_rate": 0.1, "rho": 0.9}},
        },
    }
    for text, mixed in mixes.items():
        assert text in complaint(mixed)


def test_overrides_reach_every_depth():
    config = ganzoo.config("cgan").override(
        {
            "optimizer.generator.learning_rate": "1e-4",
            "training.fresh_latents": "true",  # where schema 1 had it,
            "penalties.0.weight": 3.0,
            "generator.width": "8",
        }
    )
    assert config.optimizer.updates["generator"].learning_rate == 1e-4
    assert config.model.arguments["fresh_latents"] is True
    assert config.penalties[0].weight == 3.0
    assert config.networks["generator"].arguments["width"] == 8
    assert "fresh_latents" not in ganzoo.config("cgan").model.arguments


def test_a_stop_rule_can_be_made_from_nothing():
    config = ganzoo.config("gan").override({"training.stop_when": "discriminator_fooled"})
    assert config.training.stop_when == schema.StopRule(name="discriminator_fooled", band=0.05, steps=500)
    config = config.override({"training.stop_when.band": "0.1"})
    assert config.training.stop_when.band == 0.1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.stpes", "5", "training.stpes=5: unknown key (did you mean 'training.steps'?)"),
        ("optimizer.generator.lerning_rate", "1", "(did you mean 'optimizer.generator.learning_rate'?)"),
        ("optimizer.generator.lr", "1", "(did you mean 'optimizer.generator.learning_rate'?)"),
        ("optimizer.genrator.learning_rate", "1", "unknown key (did you mean 'optimizer.generator'?)"),
        ("genrator.width", "1", "unknown key (did you mean 'generator.width'?)"),
        (
            "training.steps",
            "five",
            "training.steps=five: training.steps: input should be a valid integer (got 'five')",
        ),
        ("penalties.3.weight", "1", "penalties.3.weight=1: penalties has 1 entries (0 to 0)"),
        ("training.steps.more", "1", "training.steps.more=1: "),
        ("summary", "2024-13-45", "summary=2024-13-45: "),
        ("generator", "{[1]: 2}", "generator={[1]: 2}: "),
        ("summary", "!!int x", "summary=!!int x: "),
    ],
)
def test_wrong_overrides(key, value, message):
    with pytest.raises(ConfigError) as caught:
        ganzoo.config("cgan").override({key: value})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_configs(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        schema.read_yaml(tmp_path / "absent.yaml")
    for text, message in [("- 1", "got no mapping"), ("a: [", "while parsing"), ("", "got no mapping")]:
        (tmp_path / "f.yaml").write_text(text)
        with pytest.raises(ConfigError, match=message):
            schema.read_yaml(tmp_path / "f.yaml")


def build(size: int, *, width: Annotated[int, Field(ge=1)] = 4, kind: str = "x") -> int:
    return size * width


def test_a_part_that_is_replaced_loses_the_options_of_the_old_one():
    told = []
    config = ganzoo.config("cgan").override({"loss.label_smoothing": 0.1})
    config = config.override({"loss.name": "hinge"}, note=told.append)
    assert config.to_dict()["loss"] == {"name": "hinge"}
    assert told == ["loss: hinge replaces another part, whose options are dropped (label_smoothing)"]
    config = config.override({"loss.margin": 0.5, "loss.name": "hinge"}, note=told.append)
    assert config.to_dict()["loss"] == {"name": "hinge", "margin": 0.5}
    config = config.override({"generator.network": "mlp", "generator.widths": [8]}, note=told.append)
    assert config.networks["generator"].arguments == {"widths": [8]}
    config = config.override({"optimizer.generator.name": "sgd"}, note=told.append)
    assert config.to_dict()["optimizer"]["generator"] == {"name": "sgd", "learning_rate": 5e-4}
    assert [line.partition(":")[0] for line in told[1:]] == ["generator", "optimizer.generator"]
    assert config.override({"penalties.0.name": "r2"}).to_dict()["penalties"] == [
        {"name": "r2", "weight": 0.5, "every": 4}
    ]


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
    return copy.deepcopy(ganzoo.config("cyclegan_digits").to_dict())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "task",
            "image_generation",
            "f.yaml: task: expected image_translation, got image_generation (two dataset.domains make it",
        ),
        ("dataset.domains", [], "f.yaml: task: expected image_generation, got image_translation (dataset.kind: image"),
        ("dataset.domains", ["a"], "f.yaml: dataset: domains: expected two different names (or none), got ['a']"),
        ("dataset.domains", ["a", "a"], "f.yaml: dataset: domains: expected two different names (or none), got ['a',"),
        ("dataset.domains", ["a", "a_ema"], "f.yaml: dataset: domains: expected names without the suffix _ema"),
        ("dataset.domains", ["a", "B"], "f.yaml: dataset.domains.1: string should match pattern"),
        ("dataset.load_size", 27, "f.yaml: dataset: load_size: expected at least size, 28, got 27"),
    ],
)
def test_data_of_two_domains(cycle, path, value, message):
    section, _, key = path.partition(".")
    if key:
        cycle[section][key] = value
    else:
        cycle[section] = value
    assert complaint(cycle).startswith(message)


def test_what_a_task_offers():
    assert [ganzoo.config(name).offers("translate") for name in ("cgan", "cyclegan_digits", "gan_ring")] == [
        False,
        True,
        False,
    ]
    assert ganzoo.config("cgan").offers("generate")
    assert not ganzoo.config("pix2pix_digits").offers("generate")


SCHEMA_1 = {
    "pix2pix": (
        {"model": {"scheme": "pix2pix"}, "loss": {"name": "non_saturating", "label_smoothing": 0.0, "l1_weight": 50.0}},
        {"model": {"scheme": "pix2pix", "l1_weight": 50.0}, "loss": {"name": "non_saturating"}},
    ),
    "cyclegan": (
        {
            "model": {"scheme": "cyclegan"},
            "loss": {"name": "least_squares", "label_smoothing": 0.1, "cycle_weight": 3.0, "identity_weight": 0.0},
            "training": {"pool_size": 7, "critic_steps": 1, "fresh_latents": False},
        },
        {
            "model": {"scheme": "cyclegan", "cycle_weight": 3.0, "identity_weight": 0.0, "pool_size": 7},
            "loss": {"name": "least_squares", "label_smoothing": 0.1},
            "training": {},
        },
    ),
    "vanilla": (
        {"model": {"scheme": "vanilla"}, "training": {"critic_steps": 5, "fresh_latents": True, "steps": 3}},
        {"model": {"scheme": "vanilla", "critic_steps": 5, "fresh_latents": True}, "training": {"steps": 3}},
    ),
}


@pytest.mark.parametrize("scheme", SCHEMA_1)
def test_configs_of_schema_1_are_read(scheme):
    old, new = SCHEMA_1[scheme]
    assert migration.today({"schema": 1, **old}) == {"schema": 2, **new}
    assert migration.today({"schema": 2, **new}) == {"schema": 2, **new}


def test_a_whole_config_of_schema_1():
    """As a run of version 0.1 wrote it."""
    written = ganzoo.config("pix2pix_digits").to_dict()
    written |= {"schema": 1, "model": {"scheme": "pix2pix"}}
    written["loss"] = {"name": "non_saturating", "label_smoothing": 0.0, "l1_weight": 100.0}
    written["training"] |= {"critic_steps": 1, "fresh_latents": False}
    del written["dataset"]["paired"]
    assert schema.parse(written, "run/config.yaml") == ganzoo.config("pix2pix_digits")
