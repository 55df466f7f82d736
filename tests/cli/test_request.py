"""`ganzoo request`: what it asks of the client, what it writes, wrong use."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.cli import generate, request
from ganzoo.core import images
from ganzoo.data import kinds
from ganzoo.errors import ServerError


class Client:
    """Stands for a connected client: image i shows i, a translation is a negative; remembers what it was asked for."""

    name, address = "fake", "http://127.0.0.1:8501"

    def __init__(self, classes=10, shape=(4, 4, 1), domains=()):
        self.shape, self.classes, self.domains, self.asked = shape, classes, domains, []

    def connect(self, address, model, **arguments):
        self.connected = (address, model, arguments)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True

    def signature(self, name):
        return SimpleNamespace(inputs={"labels"} if self.classes else {})

    def example(self):
        return "points" if len(self.shape) == 1 else "images", self.shape

    def channels(self, to):
        return 3

    def generate(self, n, labels, seed, truncation):
        self.asked.append((n, labels, seed, truncation))
        values = np.arange(n).reshape(n, *[1] * len(self.shape)) * np.ones(self.shape)
        return values.astype(np.float32) / 3 if len(self.shape) == 1 else values.astype(np.uint8)

    def translate(self, image, to, strength, tile):
        self.strength = strength
        self.asked.append((image.shape, to, tile))
        if image.max() == 7:
            raise ServerError("http://127.0.0.1:8501: fake: out of memory")
        return 255 - image


@pytest.fixture
def client(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def use(**arguments):
        made = Client(**arguments)
        monkeypatch.setattr("ganzoo.serving.client.client.Client", made.connect)
        return made

    return use


def test_a_sheet(client, tmp_path, capsys):
    fake = client(classes=3)
    assert request.main(["--model", "fake"]) == 0
    address, model, arguments = fake.connected
    assert (address, model) == ("http://127.0.0.1:8501", "fake")
    assert arguments.pop("note")
    assert arguments == {"version": None, "timeout": 120.0, "retries": 5}
    assert fake.asked == [(30, [0, 1, 2] * 10, 0, 1.0)]
    assert fake.closed
    assert capsys.readouterr().out == "fake on http://127.0.0.1:8501: 30 images of seed 0 are in fake_0.png\n"
    assert [path.name for path in tmp_path.iterdir()] == ["fake_0.png"]


def test_the_files_are_those_of_generate(client, monkeypatch):
    fake = client()
    fake.kind = kinds.of_shape((4, 4, 1))
    monkeypatch.setattr("ganzoo.load", lambda name: fake)
    for flags in (["--seed", "3"], ["--labels", "3,3,7", "--truncation", "0.5"]):
        assert request.main(["--model", "fake", *flags, "--out", "there.png"]) == 0
        assert generate.main([*flags, "--out", "here.png"]) == 0
        assert Path("there.png").read_bytes() == Path("here.png").read_bytes()


def test_a_folder_of_single_images(client, capsys):
    fake = client()
    fake.classes = None  # are not asked for where labels are given
    argv = ["--model", "fake", "--labels", "3,7", "--n", "3", "--seed", "5", "--out", "new/", "--json"]
    assert request.main([*argv, "--version", "2", "--timeout", "3", "--retries", "0"]) == 0
    assert fake.connected[2].items() >= {"version": 2, "timeout": 3.0, "retries": 0}.items()
    assert fake.asked == [(3, [3, 7, 3], 5, 1.0)]
    files = [f"new/image_00000{i}.png" for i in range(3)]
    assert json.loads(capsys.readouterr().out) == {
        "server": "http://127.0.0.1:8501",
        "model": "fake",
        "n": 3,
        "seed": 5,
        "truncation": 1.0,
        "labels": [3, 7, 3],
        "files": files,
    }
    assert np.array_equal(images.read(files[2], channels=1), np.full((4, 4, 1), 2))


def test_points(client):
    fake = client(classes=0, shape=(2,))
    assert request.main(["--model", "fake", "--n", "2", "--out", "points.csv"]) == 0
    assert Path("points.csv").read_text() == "x0,x1\n0,0\n0.333333343,0.333333343\n"
    assert request.main(["--model", "fake"]) == 0
    assert fake.asked[1] == (1000, None, 0, 1.0)


@pytest.fixture
def painter(client):
    images.write_png("dark.png", np.full((9, 8, 3), 3, np.uint8))
    images.write_png("light.png", np.full((8, 9, 3), 200, np.uint8))
    return client(domains=("monet", "photo"))


def test_translations(painter, capsys):
    argv = ["--model", "fake", "--to", "monet", "--out", "made", "dark.png", "light.png", "--json"]
    assert request.main(argv) == 0
    assert painter.asked == [((9, 8, 3), "monet", None), ((8, 9, 3), "monet", None)]
    assert json.loads(capsys.readouterr().out) == {
        "server": "http://127.0.0.1:8501",
        "model": "fake",
        "to": "monet",
        "size": None,
        "longest": None,
        "strength": 1.0,
        "tile": None,
        "files": ["made/dark.png", "made/light.png"],
        "sources": ["dark.png", "light.png"],
    }
    assert np.array_equal(images.read("made/dark.png"), np.full((9, 8, 3), 252, np.uint8))
    assert images.read_metadata("made/dark.png") == {"model": "fake", "to": "monet", "source": "dark.png"}


def test_their_size_and_tiles(painter, monkeypatch):
    assert request.main(["--model", "fake", "--to", "photo", "--size", "64", "--tile", "32", "dark.png"]) == 0
    monkeypatch.setattr("ganzoo.zoo.translate.LARGEST_WHOLE", 8)
    assert request.main(["--model", "fake", "--to", "photo", "light.png"]) == 0
    assert painter.asked == [((64, 64, 3), "photo", 32), ((8, 9, 3), "photo", 1024)]
    assert images.read("fake_photo/dark.png").shape == (64, 64, 3)


def test_longest_and_strength(painter):
    argv = ["--model", "fake", "--to", "photo", "--strength", "0.5", "dark.png"]
    images.write_png("dark.png", np.full((20, 40, 3), 3, np.uint8))
    assert request.main([*argv, "--longest", "16"]) == 0
    assert (painter.asked, painter.strength) == ([((8, 16, 3), "photo", None)], 0.5)
    found = images.read_metadata("fake_photo/dark.png")
    assert (found["longest"], found["strength"]) == ("16", "0.5")


def test_the_only_domain_is_named(painter, capsys):
    painter.domains = ("monet",)
    assert request.main(["--model", "fake", "dark.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["to"] == "monet"
    assert painter.asked == [((9, 8, 3), "monet", None)]
    assert images.read_metadata("fake_monet/dark.png") == {"model": "fake", "to": "monet", "source": "dark.png"}


def test_what_is_too_small_is_left_out(painter, caplog, capsys):
    images.write_png("small.png", np.zeros((7, 9, 3), np.uint8))
    argv = ["--model", "fake", "--to", "monet", "small.png", "light.png"]
    assert request.main(argv) == 2
    assert "small.png: expected at least 8x8 pixels, got 9x7" in capsys.readouterr().err
    assert request.main([*argv, "--skip_broken"]) == 0
    assert caplog.messages == ["left out 1 image(s) that cannot be used: small.png (reasons: fake_monet/left_out.txt)"]
    assert painter.asked == [((8, 9, 3), "monet", None)]
    assert request.main([*argv, "--size", "8"]) == 0
    assert painter.asked[1:] == [((8, 8, 3), "monet", None)] * 2


def test_what_is_broken_is_left_out(painter, tmp_path, capsys, caplog):
    whole = images.encode_png(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    (tmp_path / "half.png").write_bytes(whole[:6000])  # its header is right
    argv = ["--model", "fake", "--to", "monet", "--out", "made", "half.png", "light.png"]
    assert request.main(argv) == 2
    assert "half.png: broken image" in capsys.readouterr().err
    assert request.main([*argv, "--skip_broken"]) == 0
    assert capsys.readouterr().out == "fake on http://127.0.0.1:8501: 1 image as monet in made\n"
    assert caplog.messages == ["left out 1 image(s) that cannot be used: half.png (reasons: made/left_out.txt)"]
    assert request.main([*argv[:-1], "--skip_broken"]) == 2
    assert "broken, as are all 1 images given" in capsys.readouterr().err


def test_what_is_done_is_told_of(painter, capsys):
    images.write_png("seven.png", np.full((8, 8, 3), 7, np.uint8))
    assert request.main(["--model", "fake", "--to", "monet", "--out", "made", "dark.png", "seven.png"]) == 2
    assert capsys.readouterr().err == (
        "ganzoo request: seven.png: http://127.0.0.1:8501: fake: out of memory (1 of 2 are done)\n"
    )
    assert Path("made/dark.png").exists()


@pytest.mark.parametrize(
    ("argv", "domains", "message"),
    [
        ("", (), "--model is missing: the name of the model on the server, for example --model cgan_mnist"),
        ("--model fake --version 0", (), "--version: expected an integer of at least 1, got '0'"),
        ("--model fake --retries -1", (), "--retries: expected an integer of at least 0, got '-1'"),
        ("--model fake --timeout 0", (), "--timeout: expected a number above 0, got '0'"),
        ("--model fake --out a.jpg", (), "--out: expected FILE.png, FILE.csv, FILE.npy or DIR/, got 'a.jpg'"),
        ("--model fake --labels cat", (), "labels: expected integers, got 'cat' (a server does not report class names"),
        ("--model fake --out a.csv", (), "--out: expected FILE.png or DIR/ for fake, got 'a.csv'"),
        ("--model fake --to monet a.jpg", (), "fake: draws samples, it does not translate (leave out --to and FILES)"),
        ("--model fake a.jpg", (), "fake: draws samples, it does not translate (leave out FILES)"),
        ("--model fake --tile 32 --size 8 --noskip_broken", (), "(leave out --size, --tile and --skip_broken)"),
        ("--model fake --n 3", ("monet",), "fake: translates, it does not draw (leave out --n)"),
        ("--model fake --seed 0 --truncation 1", ("monet",), "(leave out --seed and --truncation)"),
        ("--model fake --labels 3 a.jpg", ("monet",), "(leave out --labels)"),
        (
            "--model fake a.jpg",
            ("monet", "photo"),
            "--to is missing: expected one of monet, photo, the domains that fake makes",
        ),
        (
            "--model fake --to nowhere a.jpg",
            ("monet",),
            "--to: unknown domain 'nowhere', expected one of monet, the domains that fake makes",
        ),
        ("--model fake", ("monet",), "no images given"),
        ("--model fake nowhere.png", ("monet",), "nowhere.png: no such file or folder"),
        ("--model fake --longest auto a.jpg", ("monet",), "--longest: expected an integer, got 'auto' (a server does"),
        ("--model fake --longest 9 --size 9 a.jpg", ("monet",), "--size, --longest: expected one of them"),
        ("--model fake --out a.png a.jpg", ("monet",), "--out: expected DIR, got 'a.png'"),
    ],
)
def test_wrong_use(argv, domains, message, client, tmp_path, refused):
    client(domains=domains)
    (tmp_path / "a.jpg").touch()
    assert message in refused("request", argv.split())
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_another_kind_of_file_needs_no_server_to_be_refused(client, capsys):
    fake = client()
    assert request.main(["--model", "fake", "--out", "a.jpg"]) == 2
    assert "--out: expected FILE.png, FILE.csv, FILE.npy or DIR/, got 'a.jpg'" in capsys.readouterr().err
    assert not hasattr(fake, "connected")


def test_a_server_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert request.main(["--server", "http://127.0.0.1:9", "--model", "fake", "--retries", "0"]) == 2
    assert capsys.readouterr().err == (
        "ganzoo request: http://127.0.0.1:9: no server answers: Connection refused "
        "(start one: ganzoo serve --models DIR)\n"
    )


def test_that_it_is_tried_again_is_said(monkeypatch, capsys):
    monkeypatch.setattr("ganzoo.serving.client.retries.FIRST_WAIT", 0.0)
    argv = ["--server", "http://127.0.0.1:9", "--model", "fake", "--retries", "2"]
    assert request.main(argv) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note.startswith("http://127.0.0.1:9: no server answers")
    assert note.endswith("; retrying (at most 2)")
    assert error.endswith("(after 3 attempts)")
    assert request.main([*argv, "--quiet"]) == 2
    assert capsys.readouterr().err == f"{error}\n"


def test_an_address_of_another_form(capsys):
    assert request.main(["--server", "127.0.0.1:8501", "--model", "fake"]) == 2
    assert (
        "address: expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT, got '127.0.0.1:8501'"
        in capsys.readouterr().err
    )
