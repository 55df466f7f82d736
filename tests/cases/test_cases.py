"""What each odd input of `inputs.py` must give, by the command that people gave it to."""

import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

import ganzoo
from cases import inputs
from ganzoo.cli.main import main
from ganzoo.core import images, weights
from ganzoo.data.open import open_source
from ganzoo.errors import ConfigError, WeightsError

pytestmark = pytest.mark.slow

SMALL = ["--set", "generator.width=4", "--set", "discriminator.width=4", "--steps", "2", "--batch_size", "4"]


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The folder with all inputs."""
    out = tmp_path_factory.mktemp("cases")
    inputs.write(out)
    return out


def run(*words):
    return main([str(word) for word in words])


def test_all_odd_modes_train(cases, tmp_path, capsys):
    words = ("--model", "dcgan", "--dataset", f"folder:{cases / 'odd_modes'}", "--workdir", tmp_path / "run", *SMALL)
    assert run("train", *words) == 0
    assert "6 images" in capsys.readouterr().err
    assert ganzoo.load(tmp_path / "run").step == 2


def test_all_odd_modes_are_translated(cases, tmp_path):
    given = sorted((cases / "odd_modes").iterdir())
    words = ("--model", "cyclegan_digits", "--to", "plain", "--out", tmp_path / "out", *given)
    assert run("translate", *words) == 0
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == sorted(path.stem for path in given)


def test_lab_is_the_picture_that_it_came_from(cases):
    """Within 2 levels on average, and the pixels of Pillow's own way: 8 bits of LAB lose up to 30 in dark blues."""
    colour, lab = inputs.photo(32, 32).astype(int), cases / "odd_modes" / "lab.tif"
    read = images.read(lab, channels=3)
    profiles = [ImageCms.createProfile(space) for space in ("LAB", "sRGB")]
    with Image.open(lab) as opened:
        back = ImageCms.applyTransform(opened, ImageCms.buildTransform(*profiles, "LAB", "RGB"))
    np.testing.assert_array_equal(read, np.asarray(back))
    assert np.abs(read - colour).mean() <= 2
    luma = colour @ [0.299, 0.587, 0.114]
    assert np.abs(images.read(lab, channels=1)[..., 0] - luma).mean() <= 2


def test_each_file_is_turned_once(cases, capsys):
    for path in sorted((cases / "orientation").iterdir()):
        read = images.read(path, channels=3)
        assert read.shape == (30, 40, 3)
        with Image.open(path) as opened:
            np.testing.assert_array_equal(read, np.asarray(ImageOps.exif_transpose(opened)))
    folder = f"folder:{cases / 'orientation'}"
    words = ("--features", "efficientnet_lite0", "--metrics", "kid", "--size", "30", "--json")
    assert run("evaluate", "--real", folder, "--fake", folder, *words) == 0, capsys.readouterr().err


def test_files_of_every_suffix_are_read(cases, tmp_path, capsys):
    folder = f"folder:{cases / 'suffixes'}"
    assert (
        run("train", "--model", "dcgan", "--dataset", folder, "--workdir", tmp_path / "run", *SMALL, "--dry_run") == 0
    )
    assert "6 images" in "".join(capsys.readouterr())
    words = ("--features", "efficientnet_lite0", "--metrics", "kid", "--json")
    assert run("evaluate", "--real", folder, "--fake", folder, *words) == 0
    assert '"count": 6' in capsys.readouterr().out


def test_twelve_bits_are_not_black(cases):
    read = images.read(cases / "sixteen_bit" / "twelve_bit.png", channels=1)
    assert np.ptp(read.astype(int)) >= 240


def test_numbered_folders_are_their_own_labels(cases, tmp_path, capsys):
    where = tmp_path / "run"
    folder = f"folder:{cases / 'numbered'}"
    assert run("train", "--model", "cgan", "--dataset", folder, "--workdir", where, *SMALL) == 0
    assert list(ganzoo.config(where).dataset.class_names) == [str(label) for label in range(12)]
    source = open_source(ganzoo.config(where).dataset)
    batch = source.fetch(np.arange(48))
    grey = np.asarray(batch["examples"])[:, 0, 0, 0]
    np.testing.assert_array_equal(grey, 10 + 20 * np.asarray(batch["labels"]))
    for labels in ("10", "10,3"):
        assert run("generate", "--model", where, "--labels", labels, "--out", tmp_path / "p.png") == 0


def test_one_grey_picture_among_colour(cases, capsys):
    folder = f"folder:{cases / 'one_grey'}"
    words = ("--features", "efficientnet_lite0", "--metrics", "fid", "--json")
    assert run("evaluate", "--real", folder, "--fake", folder, *words) == 0
    assert '"fid_efficientnet_lite0": 0.0' in capsys.readouterr().out


@pytest.mark.parametrize("name", ["aliases", "digits", "sixty"])
def test_yaml_that_takes_long(name, cases, tmp_path):
    text = (cases / "yaml" / f"{name}.txt").read_text()
    config = ganzoo.config("cgan").to_yaml()
    if name == "aliases":
        assert "generator:\n" in config
        config = config.replace("generator:\n", "generator:\n" + "".join(f"  {line}\n" for line in text.splitlines()))
    else:
        assert "seed: 0" in config
        config = config.replace("seed: 0", f"seed: {text}")
    file = tmp_path / "config.yaml"
    file.write_text(config)
    began = time.thread_time()
    with pytest.raises(ConfigError) as caught:
        ganzoo.config(file)
    assert time.thread_time() - began < 1
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_damaged_log(cases, tmp_path):
    words = ["--model", "gan_ring", "--workdir", tmp_path / "run", "--set", "training.checkpoint_every=5"]
    words += ["--set", "generator.widths=[4]", "--set", "discriminator.widths=[4]", "--set", "training.log_every=1"]
    assert run("train", *words, "--steps", "5") == 0
    log = tmp_path / "run" / "log.jsonl"
    log.write_bytes((cases / "log" / "log.jsonl").read_bytes())
    command = [sys.executable, "-m", "ganzoo", "train", *map(str, words), "--steps", "10"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"{log}: left out 4 damaged line(s)") == 1


@pytest.mark.parametrize(("bad", "dtype"), [(np.nan, "F32"), (np.inf, "F32"), (3, "I64"), (True, "BOOL")])
def test_weights_that_are_no_numbers_of_a_network(bad, dtype, tmp_path):
    config = ganzoo.config("gan_ring").override({"generator.widths": [4], "discriminator.widths": [4]})
    arrays = ganzoo.train(config, steps=1, workdir=tmp_path / "run").model.weights_to_ship()
    arrays = {name: np.asarray(variable) for name, variable in arrays.items()}
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.yaml").write_text(config.to_yaml())
    weights.write(folder / "weights.safetensors", arrays)
    ganzoo.load(folder)
    kind = {"F32": np.float32, "I64": np.int64, "BOOL": np.bool_}[dtype]
    filled = {name: np.full(array.shape, bad, kind) for name, array in arrays.items()}
    inputs.safetensors(folder / "weights.safetensors", filled, dtype)
    with pytest.raises(WeightsError, match=r"^[^\n]*weights\.safetensors: [^\n]*expected[^\n]*$"):
        ganzoo.load(folder)
