"""Flags as data: values, messages, help."""

import pytest

from ganzoo.cli import _flags
from ganzoo.errors import UsageError

GROUPS = {
    "First": (
        _flags.text("model", "NAME", "which model", "cgan"),
        _flags.whole("steps", "how many", at_least=1),
        _flags.names("labels", "3,3,7", "which classes"),
    ),
    "Second": (
        _flags.number("truncation", "T", "how typical", above=0, default=1.0),
        _flags.texts("set", "KEY=VALUE", "a change"),
        _flags.switch("quiet", "say less"),
        _flags.switch("pretrained", "with weights", default=None),
        _flags.choice("xla", ("auto", "on", "off"), "compile or not"),
    ),
}


def test_defaults():
    given = _flags.parse(GROUPS, [])
    assert vars(given) == {
        "model": "cgan",
        "steps": None,
        "labels": None,
        "truncation": 1.0,
        "set": [],
        "quiet": False,
        "pretrained": None,
        "xla": None,
        "arguments": [],
    }


def test_values():
    argv = (
        "--model=gan --steps 5 --labels 3,-1 --truncation 5e-1 --set a=1 --set b=x=y --quiet --nopretrained --xla off"
    )
    given = _flags.parse(GROUPS, argv.split())
    assert (given.model, given.steps, given.labels, given.truncation) == ("gan", 5, ["3", "-1"], 0.5)
    assert (given.set, given.quiet, given.pretrained) == (["a=1", "b=x=y"], True, False)
    assert given.xla == "off"


def test_two_commands_with_the_same_flags_do_not_share_values():
    _flags.parse(GROUPS, ["--set", "a=1", "--steps", "3"])
    given = _flags.parse(GROUPS, [])
    assert (given.set, given.steps) == ([], None)


def test_arguments_stand_anywhere():
    assert _flags.parse(GROUPS, ["cgan", "--steps", "3"], max_arguments=1).arguments == ["cgan"]
    assert _flags.parse(GROUPS, ["--steps", "3", "--", "--odd"], max_arguments=1).arguments == ["--odd"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--stepz 3", "--stepz: unknown flag (did you mean '--steps'?)"),
        (
            "--xyzzy",
            "--xyzzy: unknown flag "
            "(known: --labels, --model, --pretrained, --quiet, --set, --steps, --truncation, --xla)",
        ),
        ("--steps three", "--steps: expected an integer of at least 1, got 'three'"),
        ("--steps 1.5", "--steps: expected an integer of at least 1, got '1.5'"),
        ("--steps 0", "--steps: expected an integer of at least 1, got '0'"),
        ("--steps", "--steps: expected a value, got none (write --steps N)"),
        ("--model=", "--model: expected a non-empty text, got ''"),
        ("--labels 3,", "--labels: expected comma-separated names, such as 3,3,7, got '3,'"),
        ("--truncation 0", "--truncation: expected a number above 0, got '0'"),
        ("--truncation nan", "--truncation: expected a number above 0, got 'nan'"),
        ("--truncation inf", "--truncation: expected a number above 0, got 'inf'"),
        ("--xla of", "--xla: expected one of auto, on, off, got 'of'"),
        ("--xla=", "--xla: expected one of auto, on, off, got ''"),
        ("--quiet=maybe", "--quiet: expected true or false, got 'maybe'"),
        ("--noquiet=true", "--noquiet=true does not take an argument"),
        ("cgan", "'cgan': unexpected argument (a value follows its flag: --flag value)"),
    ],
)
def test_wrong_use(argv, message):
    with pytest.raises(UsageError) as caught:
        _flags.parse(GROUPS, argv.split())
    assert str(caught.value) == message


def test_description():
    assert _flags.describe(GROUPS).splitlines() == [
        "First:",
        "  --model NAME       which model (default: cgan)",
        "  --steps N          how many",
        "  --labels 3,3,7     which classes",
        "",
        "Second:",
        "  --truncation T     how typical (default: 1.0)",
        "  --set KEY=VALUE …  a change",
        "  --[no]quiet        say less",
        "  --[no]pretrained   with weights",
        "  --xla auto|on|off  compile or not",
    ]


def test_a_flag_with_many_choices_has_its_help_below():
    precisions = _flags.choice("precision", ("auto", "float32", "bfloat16"), "of numbers")
    lines = _flags.describe({"Group": (_flags.switch("quiet", "say less"), precisions)}).splitlines()
    assert lines == [
        "Group:",
        "  --[no]quiet  say less",
        "  --precision auto|float32|bfloat16",
        "               of numbers",
    ]


def test_long_help_is_wrapped_under_its_column():
    lines = _flags.describe({"Group": (_flags.text("out", "FILE", "word " * 40),)}).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(" " * 14 + "word") for line in lines[2:])
    assert max(map(len, lines)) <= 100
