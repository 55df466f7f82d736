"""`ganzoo import_torch`: from flags to one call, and what it says afterwards."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.cli.import_torch import main
from ganzoo.zoo import import_torch as importing
from ganzoo.zoo.import_torch import Generator

GIVEN = {"file": "G.pth", "domains": "photo,monet", "to": "monet", "out": "models/monet"}


@pytest.fixture
def calls(monkeypatch):
    """The calls of `import_generator`, which reads and writes nothing."""
    asked = []

    def import_generator(file, directory, **given):
        asked.append((file, directory, given))
        dataset = SimpleNamespace(domains=["photo", "monet"])
        return SimpleNamespace(name="g", dataset=dataset), Generator(
            3, 64, 9, {"end/bias": np.zeros(1234)}, file != "fork.pth", normalization_known=file != "bare.pth"
        )

    monkeypatch.setattr(importing, "import_generator", import_generator)
    return asked


def flags(given):
    return [word for name, value in given.items() for word in (f"--{name}", value)]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            [],
            "g: a ResNet of width 64 with 9 blocks and 1,234 parameters, from photo to monet, is in models/monet\n",
        ),
        (["--quiet"], "models/monet\n"),
        (
            ["--json"],
            {
                "name": "g",
                "directory": "models/monet",
                "domains": ["photo", "monet"],
                "width": 64,
                "blocks": 9,
                "parameters": 1234,
                "padding_known": True,
                "normalization": "instance",
                "normalization_known": True,
            },
        ),
    ],
)
def test_flags_become_arguments(output, said, calls, capsys):
    assert main([*flags(GIVEN), "--size", "128", "--name", "g", "--key", "G_A", *output]) == 0
    given = {"domains": ["photo", "monet"], "to": "monet", "size": 128, "name": "g", "key": "G_A", "norm": None}
    assert calls == [("G.pth", "models/monet", given)]
    out = capsys.readouterr().out
    assert said == (json.loads(out) if "--json" in output else out)


def test_doubts_are_told(calls, capsys):
    assert main(flags({**GIVEN, "file": "fork.pth"})) == 0
    assert "is in models/monet; its layer names do not tell how it pads: compare a picture" in capsys.readouterr().out
    assert main(flags({**GIVEN, "file": "bare.pth"})) == 0
    assert "read as instance: if pictures differ, add --norm none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        *[(flags({k: v for k, v in GIVEN.items() if k != name}), f"--{name} is missing: ") for name in GIVEN],
        ([*flags(GIVEN), "--size", "0"], "--size: expected an integer of at least 1, got '0'"),
        (["--domain", "a,b"], "--domain: unknown flag (did you mean '--domains'?)"),
        (flags({**GIVEN, "to": "manet"}), "to: expected one of the domains, got 'manet' (did you mean 'monet'?)"),
        (flags(GIVEN), "G.pth: no such weights file"),
    ],
)
def test_wrong_use(argv, message, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    assert refused("import_torch", argv).startswith(message)


def test_neither_pytorch_nor_tensorflow_is_imported():
    script = "import sys, ganzoo.zoo.import_torch; print({'torch', 'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
