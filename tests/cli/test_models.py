"""`ganzoo models`: the list, one config, wrong use."""

import json

import pytest
import yaml

import ganzoo
from ganzoo.cli.models import main, table
from ganzoo.zoo import catalog


def test_table_is_aligned_and_cut_at_the_width():
    row = {"name": "gan", "task": "points", "scheme": "vanilla", "weights": True, "summary": "Eight Gaussians"}
    assert table([row], 80).splitlines() == [
        "NAME  TASK    SCHEME   WEIGHTS  SUMMARY",
        "gan   points  vanilla  yes      Eight Gaussians",
    ]
    assert table([row | {"weights": False}], 40).splitlines()[1] == "gan   points  vanilla  no       Eight G…"
    assert table([row], 38).splitlines()[1] == "gan   points  vanilla  yes      Eight…"


def test_the_list(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", *ganzoo.list_models()]
    assert max(map(len, lines)) <= 80


def test_the_list_as_json(capsys):
    assert main(["--json", "--task", "point_generation"]) == 0
    (ring,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "gan_ring")
    config = ganzoo.config("gan_ring")
    assert ring == {
        "name": "gan_ring",
        "task": "point_generation",
        "scheme": "vanilla",
        "weights": catalog.has_weights("gan_ring"),
        "summary": config.summary,
    }


@pytest.mark.parametrize(("flag", "pretrained"), [("--pretrained", True), ("--nopretrained", False)])
def test_pretrained(flag, pretrained, capsys):
    assert main([flag, "--quiet"]) == 0
    assert capsys.readouterr().out.split() == ganzoo.list_models(pretrained=pretrained)


@pytest.mark.parametrize("argv", [["cgan"], ["--model", "cgan"], ["cgan", "--quiet"]])
def test_one_config(argv, capsys):
    assert main(argv) == 0
    assert yaml.safe_load(capsys.readouterr().out)["name"] == "cgan_mnist"


def test_one_config_as_json(capsys):
    assert main(["cgan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ganzoo.config("cgan_mnist").to_dict()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            "--task image",
            "task: unknown task 'image' (known: image_generation, image_translation, "
            "point_generation, sequence_generation, table_generation)",
        ),
        ("--task image_generatoin", "task: unknown task 'image_generatoin' (did you mean 'image_generation'?)"),
        ("cgann", "unknown model 'cgann' (did you mean 'cgan'?)"),
        ("--card", "--card: expected the NAME of a model, got none (for example: ganzoo models cgan --card)"),
        ("cgan --pretrained", "--task, --pretrained: expected no model, got cgan (they filter the list)"),
        ("cgan --model gan_ring", "--model: expected one model, got 'cgan' and 'gan_ring' (give one at a time)"),
        ("cgan gan_ring", "'gan_ring': unexpected argument"),
        ("gan_ring --card", "gan_ring: has no card"),
    ],
)
def test_wrong_use(argv, message, refused):
    assert message in refused("models", argv.split())
