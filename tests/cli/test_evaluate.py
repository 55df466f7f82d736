"""`ganzoo evaluate`: what it asks for, what it says, wrong use."""

import json

import numpy as np
import pytest
from PIL import Image

from ganzoo.cli.evaluate import main
from ganzoo.core import images
from ganzoo.data.sources.mnist_5k import load_mnist_5k


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders with 80 digits each."""
    place = tmp_path_factory.mktemp("folders")
    digits = load_mnist_5k("test")[0][..., np.newaxis]
    for name, chosen in {"real": digits[::12], "fake": digits[5::12]}.items():
        for number, image in enumerate(chosen[:80]):
            images.write_png(place / name / f"{number:03}.png", image)
    return place


def judge(folders, *more):
    argv = ["--real", f"folder:{folders}/real", "--fake", f"folder:{folders}/fake", "--features", "mnist_cnn"]
    return main([*argv, "--metrics", "kid,precision", *more])


def test_two_folders_into_a_file(folders, tmp_path, capsys):
    assert judge(folders, "--json", f"{tmp_path}/found.json") == 0
    out, err = capsys.readouterr()
    assert "| kid_mnist_cnn " in out
    assert "features of 80 real examples (mnist_cnn)" in err
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found) == {"metrics", "spread", "protocol"}
    assert set(found["metrics"]) == {"kid_mnist_cnn", "precision_mnist_cnn"}
    assert found["spread"] == {}  # of 80 images there is one subset alone
    assert found["protocol"]["real"] == {"name": f"folder:{folders}/real", "count": 80, "shape": [28, 28, 1]}


def test_quiet_is_a_number_a_line(folders, capsys):
    assert judge(folders, "--quiet") == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["kid_mnist_cnn", "precision_mnist_cnn"]
    assert err == ""


def test_a_sheet_of_the_best_and_the_worst(folders, tmp_path, capsys):
    """Noise among the digits is found among the worst."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)
    for number, image in enumerate(noise):
        images.write_png(folders / "fake" / f"noise_{number}.png", image)
    assert judge(folders, "--sheet", f"{tmp_path}/sheet.png") == 0
    assert capsys.readouterr().out.endswith(f"the best and the worst by realism are in {tmp_path}/sheet.png\n")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (sheet.width, sheet.height) == (10 * 58 - 2, 6 * 58 - 2)
    told = images.read_metadata(tmp_path / "sheet.png")
    worst = [int(part.split(":")[0]) for part in told["worst"].split(", ")]
    assert set(range(80, 85)) <= set(worst)
    scores = [float(part.split(": ")[1]) for half in ("best", "worst") for part in told[half].split(", ")]
    assert scores == sorted(scores, reverse=True)


def test_the_list(capsys):
    assert main(["--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"efficientnet_lite0", "fashion_cnn", "identity", "inception_fid", "mnist_cnn"} <= set(listed["features"])
    assert (listed["metrics"]["fid"], listed["metrics"]["recall"]) == ("lower", "higher")


@pytest.mark.slow
def test_the_speed_of_an_extractor(capsys):
    assert main(["--speed", "--features", "identity", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["features"] == "identity"
    assert min(found["compiled"], found["plain"], found["ratio"]) > 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "expected either --model NAME (a zoo model, a run, an export) or --fake folder:PATH"),
        ("--model cgan --fake folder:x", "expected either --model NAME"),
        ("--fake folder:x", "--real is missing: real examples to compare --fake with (--real folder:PATH)"),
        ("--model cgan --sheet x.jpg", "--sheet: expected FILE.png, got 'x.jpg'"),
        ("--model cgan --metrics fid,,kid", "--metrics"),
        ("--model cgan --num_samples 1", "--num_samples"),
        ("--model cgan --metrics fdi", "metrics: unknown metric 'fdi' (did you mean 'fid'?)"),
        ("--model cgan --features mnist", "evaluation.features: unknown extractor 'mnist' (did you mean 'mnist_cnn'?)"),
        ("--model cgna", "unknown model 'cgna'"),
        ("--model cgan --to monet", "to=monet: cgan does not translate (leave it out)"),
        ("--speed", "--features is missing: feature extractor to measure"),
    ],
)
def test_wrong_use(argv, message, capsys):
    assert main(argv.split()) == 2
    out, err = capsys.readouterr()
    last = err.splitlines()[-1]
    assert out == ""
    assert last.startswith(f"ganzoo evaluate: {message}")
