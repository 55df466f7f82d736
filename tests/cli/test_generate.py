"""`ganzoo generate`: what it asks of the model, what it writes, wrong use."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo.cli import generate
from ganzoo.core import figures, images
from ganzoo.data import kinds
from ganzoo.errors import UsageError


class Model:
    """Stands for a loaded model: image i shows i, whatever its label; remembers what it was asked for."""

    def __init__(self, name="fake", classes=10, shape=(4, 4, 1)):
        self.name, self.classes, self.shape = name, classes, shape
        self.kind = kinds.of_shape(shape)

    def generate(self, n, labels, seed, truncation):
        self.asked = (n, labels, seed, truncation)
        values = np.arange(n).reshape(n, *[1] * len(self.shape)) * np.ones(self.shape)
        return values.astype(np.float32) / 3 if len(self.shape) == 1 else values.astype(np.uint8)


@pytest.fixture
def model(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def use(**arguments):
        made = Model(**arguments)
        monkeypatch.setattr("ganzoo.load", lambda name: made)
        return made

    return use


def test_defaults_of_a_conditional_model(model, tmp_path, capsys):
    fake = model(classes=3)
    assert generate.main([]) == 0
    assert fake.asked == (30, [0, 1, 2] * 10, 0, 1.0)
    assert capsys.readouterr().out == "fake: 30 images of seed 0 are in fake_0.png\n"
    assert [path.name for path in tmp_path.iterdir()] == ["fake_0.png"]
    assert images.read_metadata("fake_0.png") == {
        "model": "fake",
        "seed": "0",
        "truncation": "1",
        "positions": "0-29",
        "labels": ",".join(["0,1,2"] * 10),
    }


def test_defaults_without_classes(model):
    fake = model(classes=0)
    assert generate.main(["--seed", "7", "--quiet"]) == 0
    assert fake.asked == (64, None, 7, 1.0)
    assert "labels" not in images.read_metadata("fake_7.png")


def test_a_folder_of_single_images(model, tmp_path, capsys):
    fake = model()
    argv = ["--labels", "3,7", "--n", "3", "--seed", "5", "--truncation", "0.5", "--out", "new/digits/", "--json"]
    assert generate.main(argv) == 0
    assert fake.asked == (3, [3, 7, 3], 5, 0.5)
    files = [f"new/digits/image_00000{i}.png" for i in range(3)]
    assert json.loads(capsys.readouterr().out) == {
        "model": "fake",
        "n": 3,
        "seed": 5,
        "truncation": 0.5,
        "labels": [3, 7, 3],
        "files": files,
    }
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")) == files
    assert np.array_equal(images.read(files[2], channels=1), np.full((4, 4, 1), 2))
    assert images.read_metadata(files[1]) == {
        "model": "fake",
        "seed": "5",
        "truncation": "0.5",
        "position": "1",
        "label": "7",
    }


def test_points_as_numbers(model):
    model(classes=0, shape=(2,))
    assert generate.main(["--model", "gan_ring", "--n", "2", "--out", "points.csv"]) == 0
    assert Path("points.csv").read_text() == "x0,x1\n0,0\n0.333333343,0.333333343\n"


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_points_as_a_plot(model, columns):
    fake = model(classes=0, shape=(columns,))
    assert generate.main([]) == 0
    assert fake.asked[0] == 1000
    assert images.read("fake_0.png").shape == (540, 500, 3)


@pytest.mark.parametrize(
    ("out", "form"), [(None, ".png"), ("a.png", ".png"), ("a.PNG", ".png"), ("p.csv", ".csv"), ("a/", ""), ("a", "")]
)
def test_form(out, form):
    assert generate.form_of(out) == form


def test_a_folder_is_a_folder_whatever_its_name(tmp_path):
    (tmp_path / "a.png").mkdir()
    assert generate.form_of(str(tmp_path / "a.png")) == ""


@pytest.mark.parametrize(
    ("asked", "n", "classes", "labels"),
    [
        (None, None, 2, [0, 1] * 10),
        (None, 3, 2, [0, 1, 0]),
        ([5], 3, 10, [5, 5, 5]),
        ([5, 6], None, 10, [5, 6]),
        (None, 3, 0, None),
    ],
)
def test_labels(asked, n, classes, labels):
    assert generate.labels_of(asked, n, classes) == labels


def test_labels_by_name(model, tmp_path, capsys):
    fake = model()
    named = ganzoo.config("cgan_mnist").override({"dataset.classes": 3, "dataset.class_names": ["cat", "dog", "0"]})
    (tmp_path / "pets.yaml").write_text(named.to_yaml())
    argv = ["--model", "pets.yaml", "--n", "5", "--json"]
    assert generate.main([*argv, "--labels", "dog,0,1,cat"]) == 0
    assert fake.asked == (5, [1, 2, 1, 0, 1], 0, 1.0)
    assert json.loads(capsys.readouterr().out)["labels"] == [1, 2, 1, 0, 1]
    assert images.read_metadata("fake_0.png")["labels"] == "1,2,1,0,1"
    assert np.asarray(Image.open("fake_0.png")).shape[0] == 2 * (56 + 2 + figures.CAPTION) - 2  # names above both rows
    assert generate.main([*argv, "--labels", "dgo"]) == 2
    assert capsys.readouterr().err == "ganzoo generate: labels: cgan_mnist has no class 'dgo' (did you mean 'dog'?)\n"


def test_more_labels_than_images():
    with pytest.raises(UsageError, match="--n: expected at least 3, the number of --labels, got 2"):
        generate.labels_of([1, 2, 3], 2, 10)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--n 0", "--n: expected an integer of at least 1, got '0'"),
        ("--labels three", "labels: expected integers, got 'three' (cgan_mnist has no class names)"),
        ("--labels 1,,2", "--labels: expected comma-separated names, such as 3,3,7, got '1,,2'"),
        ("--labels 1,2 --n 1", "--n: expected at least 2, the number of --labels, got 1 (leave out --n)"),
        ("--seed -1", "--seed: expected an integer from 0 to 2147483647, got '-1'"),
        ("--truncation 0", "--truncation: expected a number above 0 and at most 1, got '0'"),
        ("--out digits.jpg", "--out: expected FILE.png, FILE.csv, FILE.npy or DIR/, got 'digits.jpg'"),
        ("--out points.csv", "--out: expected FILE.png or DIR/ for cgan_mnist, got 'points.csv'"),
        ("--out file/digits.png", "file/digits.png: cannot be written"),
        ("--out file/digits/", "cannot be written"),
    ],
)
def test_wrong_use(argv, message, model, tmp_path, refused):
    model()
    (tmp_path / "file").write_text("kept")
    assert message in refused("generate", argv.split())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("argv", ["--out points.csv", "--labels 1,2 --n 1", "--model dcgan"])
def test_what_the_config_tells_is_refused_before_tensorflow_starts(argv, refused, monkeypatch):
    monkeypatch.setattr("ganzoo.zoo.load.import_quietly", lambda: pytest.fail("TensorFlow is started"))
    assert refused("generate", argv.split())


def test_points_have_no_folder_of_images(model, capsys):
    model(classes=0, shape=(2,))
    assert generate.main(["--out", "points/"]) == 2
    assert (
        capsys.readouterr().err
        == "ganzoo generate: --out: expected FILE.png, FILE.csv or FILE.npy for fake, got 'points/'\n"
    )


def test_unknown_model(capsys):
    assert generate.main(["--model", "cgann"]) == 2
    assert "unknown model 'cgann' (did you mean 'cgan'?)" in capsys.readouterr().err
