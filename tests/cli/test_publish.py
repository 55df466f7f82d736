"""`ganzoo publish`: from flags to one call, and what it says afterwards."""

import json

import pytest

from ganzoo.cli.publish import main

GIVEN = {
    "run": "runs/cgan",
    "command": "python tools/train.py --model cgan",
    "intended_use": "learning",
    "limits": "digits alone",
    "hardware": "2 cores",
}


class Card:
    name = "cgan_mnist"

    def __str__(self):
        return "cgan_mnist: a card"

    def to_dict(self):
        return {"name": self.name}


@pytest.fixture
def calls(monkeypatch):
    """The calls of `publish`, which writes nothing."""
    asked = []

    def publish(run_directory, **given):
        asked.append({"run": run_directory, **given})
        return Card()

    monkeypatch.setattr("ganzoo.zoo.publish.publish", publish)
    return asked


def flags(given):
    return [word for name, value in given.items() for word in (f"--{name}", value)]


@pytest.mark.parametrize(
    ("output", "said"), [([], "cgan_mnist: a card\n"), (["--quiet"], "cgan_mnist\n"), (["--json"], {"name": Card.name})]
)
def test_flags_become_arguments(calls, output, said, capsys):
    assert main([*flags(GIVEN), "--also", "runs/a", "--also", "runs/b", "--data_dir", "d", *output]) == 0
    assert calls == [{**GIVEN, "others": ["runs/a", "runs/b"], "average": None, "data_dir": "d"}]
    out = capsys.readouterr().out
    assert said == (json.loads(out) if "--json" in output else out)


def test_steps_and_their_parts(calls, capsys):
    assert main([*flags(GIVEN), "--average", "500:1", "--average", "700:2.5", "--average", "900"]) == 0
    assert calls[0]["average"] == {500: 1.0, 700: 2.5, 900: 1.0}


def wrong(argv, message, calls, refused):
    assert refused("publish", argv).startswith(message)
    assert calls == []


@pytest.mark.parametrize("missing", GIVEN)
def test_each_flag_is_needed(missing, calls, refused):
    given = {name: value for name, value in GIVEN.items() if name != missing}
    wrong(flags(given), f"--{missing} is missing: ", calls, refused)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--model", "cgan"], "--model: unknown flag (known: --also, --average, --command, "),
        ([*flags(GIVEN), "--average", "last:1"], "--average: expected STEP or STEP:PART, such as 5000:1, got 'last:1'"),
        ([*flags(GIVEN), "--average", "5:x"], "--average: expected STEP or STEP:PART, such as 5000:1, got '5:x'"),
        ([*flags(GIVEN), "--average", "5:0"], "--average: expected a PART above 0, got '5:0'"),
        (["--limit", "none"], "--limit: unknown flag (did you mean '--limits'?)"),
        (["--limits", ""], "--limits: expected a non-empty text, got ''"),
        (["--run"], "--run: expected a value, got none (write --run DIR)"),
        (["runs/cgan"], "'runs/cgan': unexpected argument"),
    ],
)
def test_wrong_use(argv, message, calls, refused):
    wrong(argv, message, calls, refused)
