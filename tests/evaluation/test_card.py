"""Cards are read strictly, and every part of them is printed."""

import pytest
import yaml
from pydantic import ValidationError

from ganzoo.errors import ConfigError
from ganzoo.evaluation.card import Card, read_card

DATA = {
    "name": "x",
    "summary": "A test",
    "source": "nowhere",
    "intended_use": "tests",
    "limits": "all",
    "licence": {"data": "none", "weights": "Apache-2.0"},
    "training": {
        "command": "train it",
        "commit": "abc",
        "steps": 4000,
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
        {"name": "fid", "value": 12.5, "tolerance": 0.25, "over_seeds": {"mean": 13.0, "sd": 0.5}},
    ],
    "weights": {"sha256": "0" * 64, "dtype": "float16", "parameters": 1234},
}


def test_a_card_survives_its_yaml_and_prints_everything(tmp_path):
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(DATA))
    card = read_card(tmp_path / "x.yaml")
    assert card == Card.model_validate(DATA)
    assert card.metric("accuracy").value == 0.98
    text = str(card)
    for part in (
        "# x",
        "over 2 seeds",
        "| accuracy_judge | 0.98 | – | ± 0.01 |",
        "| fid_judge | 12.5 | 13 ± 0.5 | ± 0.25 |",
        "1,000 samples of seed 6 against 4,321 examples of digits train",
        "1" * 12,
        "seed 4 (over seeds: 4, 5)",
        "train it",
        "4,000 steps",
        "1,234 parameters",
        "0" * 64,
    ):
        assert part in text


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
        "| kid_judge, to monet | 1 | – | ± 0.5 |",
        "| kid_other, to photo | 2 | – | ± 0.5 |",
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
