"""Cards are read strictly, and every part of them is printed."""

import pytest
import yaml
from pydantic import ValidationError

from ganzoo.errors import ConfigError
from ganzoo.evaluation.card import Card, read_card

DATA = {
    "schema": 2,
    "name": "x",
    "summary": "A test",
    "source": "nowhere",
    "intended_use": "tests",
    "limits": "all",
    "licence": {"data": "none", "weights": "Apache-2.0"},
    "training": {
        "stages": [
            {"command": "train it", "commit": "abc", "steps": 3000, "start": "random weights"},
            {"steps": 4000, "average": {3000: 1.0, 4000: 2.0}, "note": "the width was changed"},
        ],
        "data": "28x28x1, 4,000 images of digits",
        "seeds": [4, 5],
        "hardware": "2 cores",
        "wall_time": 12.5,
        "images_per_second": 900.0,
        "peak_memory_gib": 1.25,
    },
    "evaluation": {
        "features": "judge",
        "features_sha256": "1" * 64,
        "real": "digits train",
        "real_count": 4321,
        "num_samples": 1000,
        "seed": 6,
    },
    "metrics": [
        {"name": "accuracy", "value": 0.98, "tolerance": 0.01},
        {
            "name": "fid",
            "value": 12.5,
            "error": 0.125,
            "tolerance": 0.25,
            "held_out": {"value": 14.0, "error": 0.5, "tolerance": 0.3},
            "floor": {"value": 7.0, "tolerance": 0.2},
            "over_seeds": {"mean": 13.0, "sd": 0.5},
        },
    ],
    "weights": {"sha256": "0" * 64, "dtype": "float16", "parameters": 1234},
}


def test_a_card_survives_its_yaml_and_prints_everything(tmp_path):
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(DATA))
    card = read_card(tmp_path / "x.yaml")
    assert card == Card.model_validate(DATA)
    assert card.metric("accuracy").value == 0.98
    assert card.to_dict() == DATA
    text = str(card)
    for part in (
        "# x",
        "over 2 seeds",
        "| accuracy_judge | 0.98 | – | – | – | ± 0.01 |",
        "| fid_judge | 12.5 ± 0.12 | 14 ± 0.5 | 7 | 13 ± 0.5 | ± 0.25 |",
        "1,000 samples of seed 6 against 4,321 examples of digits train",
        "1" * 12,
        "Seed 4 (over seeds: 4, 5)",
        "1. `train it`; to step 3,000 at commit abc; starting with random weights\n",
        "2. command not recorded; to step 4,000 at commit not recorded; start not recorded; the mean of the weights at "
        "steps 3,000 (1), 4,000 (2); the width was changed\n",
        "Data: 28x28x1, 4,000 images of digits",
        "1,234 parameters",
        "0" * 64,
    ):
        assert part in text


def test_held_out_examples_and_files_are_named(tmp_path):
    held_out = {"real": "digits test", "real_count": 500, "compared": 900}
    how = {**DATA["evaluation"], "held_out": held_out, "features_trained_on": "digits train"}
    files = {"folders": {"testA": 500, "trainA": 4321}, "sha256": "2" * 64}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**DATA, "evaluation": how, "files": files}))
    text = str(read_card(tmp_path / "x.yaml"))
    for part in (
        "Held out: 900 of the samples against 500 examples of digits test; real/real: 900 real training examples",
        ", trained on digits train)",
        "4,821 files (500 in testA, 4,321 in trainA), SHA-256 of their list `222",
    ):
        assert part in text


def test_a_card_of_schema_1_is_read_as_one_stage(tmp_path):
    training = {key: value for key, value in DATA["training"].items() if key not in ("stages", "data")}
    training |= {"command": "train it", "commit": "abc", "steps": 4000, "average": {2000: 1.0, 4000: 4.0}}
    data = {key: value for key, value in DATA.items() if key != "schema"} | {"training": training}
    data["metrics"] = data["metrics"][:1]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(data))
    card = read_card(tmp_path / "x.yaml")
    (stage,) = card.training.stages
    assert (stage.command, stage.commit, stage.steps, stage.start) == ("train it", "abc", 4000, None)
    assert stage.average == {2000: 1.0, 4000: 4.0}
    assert card.to_dict()["schema"] == 2
    assert "Data: not recorded" in str(card)
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**DATA, "training": training}))
    with pytest.raises(ConfigError, match=r"x\.yaml: training\.stages: Field required"):
        read_card(tmp_path / "x.yaml")


def test_a_card_of_both_directions(tmp_path):
    there = {**DATA["evaluation"], "to": "monet", "real": "x (monet) train+test"}
    back = {**DATA["evaluation"], "to": "photo", "real": "x (photo) train+test", "features": "other", "num_samples": 7}
    both = {"monet": 1.0, "photo": 2.0}
    metrics = [{"name": "kid", "to": to, "value": value, "tolerance": 0.5} for to, value in both.items()]
    data = {**DATA, "evaluation": there, "reverse": back, "metrics": metrics}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(data))
    card = read_card(tmp_path / "x.yaml")
    assert card.to_dict() == data
    assert (card.metric("kid", "monet").value, card.metric("kid", "photo").value) == (1.0, 2.0)
    assert [how.to for how in card.evaluations] == ["monet", "photo"]
    text = str(card)
    for part in (
        "| kid_judge, to monet | 1 | – | – | – | ± 0.5 |",
        "| kid_other, to photo | 2 | – | – | – | ± 0.5 |",
        "1,000 translations to monet of seed 6 against 4,321 examples of x (monet) train+test; features of judge",
        "7 translations to photo of seed 6 against 4,321 examples of x (photo) train+test; features of other",
    ):
        assert part in text
    with pytest.raises(ValidationError, match="kid to 'photo' was not evaluated"):
        Card.model_validate({**data, "reverse": None})


@pytest.mark.parametrize(
    ("change", "key"), [({"weights": {**DATA["weights"], "sha256": "zz"}}, "weights.sha256"), ({"mood": 1}, "mood")]
)
def test_a_card_that_does_not_fit_names_file_and_key(tmp_path, change, key):
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**DATA, **change}))
    with pytest.raises(ConfigError, match=rf"x\.yaml: {key}"):
        read_card(tmp_path / "x.yaml")
