"""`ganzoo verify_card`: which cards, what it says, and its exit code."""

import json
from types import SimpleNamespace

import pytest

import ganzoo
from ganzoo.cli.verify_card import main
from ganzoo.errors import DataError
from ganzoo.zoo.verify import Check, Verdict


@pytest.fixture
def verified(monkeypatch):
    """Names that were verified; the card of `wrong` does not hold."""
    names = []

    def verify(name, data_dir, note):
        names.append(name)
        if name == "far":
            raise DataError(f"far: not prepared in {data_dir}")
        found = 3.25 if name == "wrong" else 3.0
        return Verdict(name, [Check("fid_x", stated=2.75, found=found, tolerance=0.25)], [])

    monkeypatch.setattr("ganzoo.zoo.verify.verify", verify)
    return names


def test_one(verified, capsys):
    assert main(["cgan"]) == 0
    assert verified == ["cgan_mnist"]
    assert capsys.readouterr().out == "cgan_mnist: holds\n  ok   fid_x: 3, stated 2.75 ± 0.25\n"


def test_all_with_one_that_does_not_hold(verified, monkeypatch, capsys):
    monkeypatch.setattr("ganzoo.list_models", lambda pretrained: ["right", "wrong"])
    assert main(["--all"]) == 1
    assert "wrong: DOES NOT HOLD\n  FAIL fid_x: 3.25, stated 2.75 ± 0.25" in capsys.readouterr().out
    assert main(["--all", "--json"]) == 1
    assert [verdict["holds"] for verdict in json.loads(capsys.readouterr().out)] == [True, False]


def test_data_that_are_not_here_are_said_to_be_so(verified, monkeypatch, capsys):
    """By itself that is an error; among all, the card is neither right nor wrong."""
    with monkeypatch.context() as patch:
        patch.setattr("ganzoo.card", lambda name: SimpleNamespace(name=name))
        config = ganzoo.config("cgan")
        patch.setattr("ganzoo.config", lambda name: config)
        assert main(["far", "--data_dir", "d"]) == 2
        assert capsys.readouterr().err == "ganzoo verify_card: far: not prepared in d\n"
    monkeypatch.setattr("ganzoo.list_models", lambda pretrained: ["right", "far"])
    assert main(["--all"]) == 0
    assert capsys.readouterr().out.endswith("± 0.25\nfar: NOT CHECKED\n  far: not prepared in None\n")
    assert main(["--all", "--quiet"]) == 0
    assert capsys.readouterr().out == "right holds\nfar not checked\n"
    assert main(["--all", "--json"]) == 0
    right, far = json.loads(capsys.readouterr().out)
    assert (right["holds"], far["holds"], far["unchecked"]) == (True, None, "far: not prepared in None")


def test_data_that_are_not_here_are_noticed_before_the_model_is_loaded(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("ganzoo.zoo.evaluate.load", lambda *_, **__: pytest.fail("loaded"))
    for proxy in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://proxy.invalid:3128")
    assert main(["cyclegan_monet", "--data_dir", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("ganzoo verify_card: cycle_gan/monet2photo: ")


def test_a_figure_that_is_not_a_number_never_holds():
    assert not Check("fid_x", stated=1.0, found=float("nan"), tolerance=1.0).holds
    assert Check("fid_x", stated=1.0, found=2.0, tolerance=1.0).holds


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "expected either the NAME of a model or --all (for example: ganzoo verify_card cgan_mnist)"),
        (
            ["cgan", "--all"],
            "expected either the NAME of a model or --all (for example: ganzoo verify_card cgan_mnist)",
        ),
        (["gan_ring"], "gan_ring: has no card"),
        (["cgna"], "unknown model 'cgna'"),
    ],
)
def test_wrong_use(argv, message, capsys):
    assert main(argv) == 2
    assert message in capsys.readouterr().err


def test_there_is_something_to_verify():
    assert ganzoo.list_models(pretrained=True)
