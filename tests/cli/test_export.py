"""`ganzoo export`: what it asks for, what it says, wrong use."""

import json
from pathlib import Path

import pytest
import tensorflow as tf

import ganzoo
from ganzoo.cli import export


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Collects what is exported instead of doing it."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def write(model, directory, version, **settings):
        calls.append((model, directory, version, settings))
        path = Path(directory) / "cgan_mnist" / str(version)
        path.mkdir(parents=True)
        (path / "saved_model.pb").write_bytes(b"x" * 150_000)
        return path

    monkeypatch.setattr("ganzoo.export", write)
    return calls


def test_defaults(asked, capsys):
    assert export.main(["--model", "cgan"]) == 0
    settings = {"name": None, "format": "savedmodel", "precision": "float32"}
    settings |= {"overwrite": False, "allow_untrained": False, "quiet": False}
    assert asked == [("cgan", "exported", 1, settings)]
    assert capsys.readouterr().out == "cgan_mnist: version 1 is in exported/cgan_mnist/1 (0.1 MB)\n"


def test_all_flags(asked, capsys):
    flags = "--model gan_ring --out base --name mine --version 12 --format onnx --overwrite --allow_untrained --quiet"
    assert export.main(flags.split()) == 0
    settings = {"name": "mine", "format": "onnx", "precision": "float32"}
    settings |= {"overwrite": True, "allow_untrained": True, "quiet": True}
    assert asked == [("gan_ring", "base", 12, settings)]
    assert capsys.readouterr().out == "base/cgan_mnist/12\n"


def test_json(asked, capsys):
    assert export.main(["--model", "cgan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": "cgan_mnist",
        "version": 1,
        "format": "savedmodel",
        "precision": "float32",
        "directory": "exported/cgan_mnist/1",
        "bytes": 150_000,
        "untrained": False,
        "deployed": [],
    }


def test_deploy_is_for_the_model_and_what_lies_beside_it(asked, capsys, monkeypatch, tmp_path):
    calls = []

    def write(exports, directory, *, overwrite):
        calls.append((list(map(str, exports)), directory, overwrite))
        return [Path(directory, "README.md"), Path(directory, "models.config")]

    checked = []
    monkeypatch.setattr("ganzoo.exports.deploy.write_deployment", write)
    monkeypatch.setattr("ganzoo.exports.deploy.check_before_export", lambda *given: checked.append(given))
    for name in ("zebra", "apple"):
        (tmp_path / "base" / name / "3").mkdir(parents=True)
        (tmp_path / "base" / name / "3" / "saved_model.pb").touch()
    (tmp_path / "base" / "notes").mkdir()
    assert export.main(["--model", "cgan", "--out", "base", "--deploy", "there"]) == 0
    assert checked == [("cgan_mnist", "there", False, [Path("base/apple"), Path("base/zebra")])]
    assert calls == [(["base/cgan_mnist", "base/apple", "base/zebra"], "there", False)]
    assert "TensorFlow Serving: 2 files are in there; begin with its README.md" in capsys.readouterr().out
    assert export.main(["--model", "cgan", "--out", "other", "--deploy", "there", "--overwrite", "--json"]) == 0
    assert calls[1] == (["other/cgan_mnist"], "there", True)
    assert json.loads(capsys.readouterr().out)["deployed"] == ["there/README.md", "there/models.config"]


def test_what_cannot_be_deployed_is_not_exported(asked, capsys, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "models.config").write_text("mine")
    assert export.main(["--model", "cgan", "--deploy", "there"]) == 2
    assert "there/models.config: already exists (give another directory, or overwrite it" in capsys.readouterr().err
    assert asked == []


def test_nor_what_lies_beside_an_export_that_cannot(asked, capsys, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "base" / "foreign" / "1"))
    assert export.main(["--model", "cgan", "--out", "base", "--deploy", "there"]) == 2
    assert "base/foreign: has no signature of ganzoo that draws or translates" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "--model is missing: for example --model cgan_mnist (see ganzoo models --pretrained)"),
        ("--model cgna", "unknown model 'cgna' (did you mean 'cgan'?)"),
        ("--model gan_ring", "gan_ring: has no trained weights; train it (ganzoo train --model gan_ring)"),
        ("--model run", "run: has no checkpoint yet"),
        ("--model run --allow_untrained", "run: has no checkpoint yet"),
        ("--model cgan --version 0", "--version: expected an integer from 1 to 999999999999999999, got '0'"),
        ("--model cgan --version two", "--version: expected an integer from 1 to 999999999999999999, got 'two'"),
        ("--model cgan --version 1.5", "--version: expected an integer from 1 to 999999999999999999, got '1.5'"),
        (
            "--model cgan --version 1000000000000000000",
            "--version: expected an integer from 1 to 999999999999999999, got '1000000000000000000'",
        ),
        ("--model cgan --name=", "--name: expected a non-empty text, got ''"),
        (
            "--model cgan --name a/b",
            "name: expected a letter or digit, then letters, digits, '_', '.' or '-', got 'a/b'",
        ),
        ("--model cgan --format onxx", "--format: expected one of savedmodel, onnx, litert, got 'onxx'"),
        ("--model cgan --precision float16", "--precision: expected one of float32, bfloat16, got 'float16'"),
        (
            "--model cgan --precision bfloat16 --format onnx",
            "precision bfloat16: only for a SavedModel (leave it out, or the format onnx)",
        ),
        ("--model cgan --format onnx --deploy there", "--deploy: TensorFlow Serving cannot load onnx files (leave out"),
        ("--model cgan --out base --version 2 --format litert", "base/cgan_mnist/1: is a version in another format"),
        ("--model gan_ring --format onnx", "gan_ring: has no trained weights; train it"),
        ("--model cgan --out base", "base/cgan_mnist/1: already exists (give another version, or overwrite it"),
        ("--model cgan --out file", "file/cgan_mnist/1: cannot be written (Not a directory)"),
    ],
)
def test_wrong_use(argv, message, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    for folder in ("base/cgan_mnist/1", "run/checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "base/cgan_mnist/1/saved_model.pb").write_text("kept")
    (tmp_path / "file").write_text("kept")
    (tmp_path / "run/config.yaml").write_text(ganzoo.config("gan_ring").to_yaml())
    before = sorted(tmp_path.rglob("*"))
    assert refused("export", argv.split()).startswith(message)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "base/cgan_mnist/1/saved_model.pb").read_text() == "kept"
