"""`ganzoo translate`: which files it takes, what it writes and where, wrong use."""

import json
import logging
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms

import ganzoo
from ganzoo.cli import _flags, translate
from ganzoo.core import images
from ganzoo.errors import DataError, UsageError
from ganzoo.models.build import build
from ganzoo.models.inputs import SMALLEST_SIDE
from ganzoo.models.tiling import SMALLEST_TILE
from ganzoo.zoo import image_files
from ganzoo.zoo import translate as translating

CONFIG = """
schema: 1
name: tiny
task: image_translation
summary: a translator with random weights
source: none
licence: {data: none, weights: none}
dataset: {name: "folder:nowhere", split: train, size: 32, channels: 3, domains: [summer, winter]}
model: {scheme: cyclegan}
generator: {network: resnet, width: 4, blocks: 1}
discriminator: {network: patchgan, width: 2, layers: 1}
loss: {name: least_squares, cycle_weight: 10.0, identity_weight: 0.0}
optimizer: {generator: {name: adam, learning_rate: 1.0e-3}, discriminator: {name: adam, learning_rate: 1.0e-3}}
training: {steps: 1, batch_size: 1, pool_size: 0, seed: 0}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "tiny.yaml"
    file.write_text(CONFIG)
    return build(ganzoo.config(file))


@pytest.fixture
def model(monkeypatch, tmp_path, built):
    """A translator with random weights, as `tiny.yaml` of an empty working directory."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(CONFIG)
    monkeypatch.setattr("ganzoo.load", lambda name: built)
    return built


def draw(path, height=12, width=16, seed=0, mode="RGB", **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return Path(path)


def run(*argv):
    return translate.main(["--model", "tiny.yaml", *argv])


def written(folder="tiny_summer"):
    return sorted(path.name for path in Path(folder).iterdir() if path.name != "left_out.txt")


def truncated(path, **options):
    data = draw(path, 64, 64, **options).read_bytes()
    Path(path).write_bytes(data[: len(data) // 2])


def test_one_image(model, capsys):
    draw("a.png", 13, 17)
    assert run("a.png") == 0
    out, err = capsys.readouterr()
    assert out == "tiny: 1 image as summer in tiny_summer\n"
    assert err == "tiny ████████████████████ 1/1\n"
    assert written() == ["a.png"]
    made = images.read("tiny_summer/a.png")
    assert np.array_equal(made, model.translate(images.read("a.png"), "summer"))
    assert images.read_metadata("tiny_summer/a.png") == {"model": "tiny", "to": "summer", "source": "a.png"}


def test_json_and_quiet(model, capsys):
    draw("p/b.jpg")
    draw("p/a.png")
    assert run("p", "--to", "winter", "--out", "new/made", "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "model": "tiny",
        "to": "winter",
        "size": None,
        "longest": None,
        "strength": 1.0,
        "tile": None,
        "files": ["new/made/a.png", "new/made/b.png"],
        "sources": ["p/a.png", "p/b.jpg"],
        "left_out": [],
        "sheet": None,
    }
    assert np.array_equal(images.read("new/made/b.png"), model.translate(images.read("p/b.jpg"), "winter"))
    assert run("p", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_folders_and_patterns(model):
    for name in ("p/b.JPG", "p/a.png", "p/.hidden.png", "p/below/c.png", "q/d.webp"):
        draw(name)
    Path("p/notes.txt").write_text("no image")
    found = image_files.find(["q/*.webp", "p", "p/a.png", "./q/../p/b.JPG"])
    assert [str(path) for path in found] == ["q/d.webp", "p/a.png", "p/b.JPG"]
    assert [str(path) for path in image_files.find(["p/**/*.png"])] == ["p/a.png", "p/below/c.png"]
    assert [str(path) for path in image_files.find(["p/[ab].*"])] == ["p/a.png", "p/b.JPG"]
    draw("[a].png")
    assert image_files.find(["[a].png"]) == [Path("[a].png")], "a file of that very name is no pattern"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.jpg", "b.png"], ["a", "b"]),
        (["a.jpg", "a.png", "b.png"], ["a_1", "a_2", "b"]),
        (["p/a.png", "q/a.png"], ["a_1", "a_2"]),
        (["a.jpg", "a_1.png", "A.png"], ["a_2", "a_1", "A_3"]),
        (["a.jpg", "a.png", "a_1.jpg", "a_1.png"], ["a_1", "a_2", "a_1_1", "a_1_2"]),
        (["one.two.jpg"], ["one.two"]),
    ],
)
def test_names_of_the_results(paths, names, tmp_path):
    places = image_files.outputs([tmp_path / path for path in paths], Path("out"))
    assert [str(place) for place in places.values()] == [f"out/{name}.png" for name in names]


def test_the_same_stem_twice(model):
    first, second = draw("p/a.png", seed=1), draw("q/a.jpg", seed=2)
    assert run("p", "q") == 0
    assert written() == ["a_1.png", "a_2.png"]
    for file, source in (("a_1.png", first), ("a_2.png", second)):
        assert np.array_equal(images.read(f"tiny_summer/{file}"), model.translate(images.read(source)))
        assert images.read_metadata(f"tiny_summer/{file}")["source"] == source.name


def test_older_results_are_replaced(model):
    draw("a.png")
    draw("tiny_summer/a.png", 9, 9)
    draw("tiny_summer/other.png", 9, 9)
    assert run("a.png") == 0
    assert images.read("tiny_summer/a.png").shape == (12, 16, 3)
    assert images.read("tiny_summer/other.png").shape == (9, 9, 3)


def test_an_original_is_never_replaced(model, capsys):
    before = draw("p/a.png").read_bytes()
    Path("link").symlink_to("p")
    for argv in (["p", "--out", "p"], ["p", "--out", "link"], ["p", "--sheet", "p/a.png"], ["p/a.png", "--out", "."]):
        code = run(*argv)
        err = capsys.readouterr().err
        assert code == (0 if argv[-1] == "." else 2), err
        assert code == 0 or ("is one of the images given, and would be replaced" in err and err.count("\n") == 1)
    assert Path("p/a.png").read_bytes() == before


def test_all_kinds_of_files(model):
    draw("grey.png", mode="L")
    draw("cmyk.jpg", mode="CMYK")
    draw("alpha.png", mode="RGBA")
    draw("palette.gif", mode="P")
    draw("turned.jpg", exif=turned())
    Image.fromarray(np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 300).save("deep.png")
    names = ["grey.png", "cmyk.jpg", "alpha.png", "palette.gif", "turned.jpg", "deep.png"]
    assert run(*names) == 0
    for name in names:
        made = images.read(f"tiny_summer/{Path(name).stem}.png")
        given = images.read(name)
        assert made.shape == given.shape == ((16, 12, 3) if name == "turned.jpg" else (12, 16, 3))
        assert np.abs(made.astype(int) - model.translate(given)).max() <= 1, name


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_images_of_one_shape_go_together(model, monkeypatch):
    sizes = {"a": (12, 16), "b": (10, 10), "c": (12, 16), "d": (12, 16), "e": (10, 10), "f": (12, 16)}
    for name, size in sizes.items():
        draw(f"p/{name}.png", *size, seed=ord(name))
    asked = []
    translate_one = model.translate
    monkeypatch.setattr(model, "translate", lambda x, to: asked.append(x.shape) or translate_one(x, to))
    assert run("p", "--batch_size", "3", "--json", "result.json") == 0
    assert asked == [(2, 10, 10, 3), (3, 12, 16, 3), (1, 12, 16, 3)]
    assert [Path(file).stem for file in json.loads(Path("result.json").read_text())["files"]] == list("abcdef")
    for name in sizes:
        wanted = translate_one(images.read(f"p/{name}.png")).astype(int)
        assert np.abs(images.read(f"tiny_summer/{name}.png") - wanted).max() <= 1


def test_a_size(model):
    draw("a.png", 30, 60)
    draw("small.png", 4, 4)
    assert run("a.png", "small.png", "--size", "20") == 0
    wanted = model.translate(images.read("a.png", 20))
    assert np.abs(images.read("tiny_summer/a.png").astype(int) - wanted).max() <= 1
    assert images.read("tiny_summer/small.png").shape == (20, 20, 3)
    assert images.read_metadata("tiny_summer/a.png")["size"] == "20"


def test_a_crop_is_told_of(model, capsys):
    draw("wide.png", 30, 60)
    draw("square.png", 30, 30)
    assert run("wide.png", "square.png", "--size", "20") == 0
    lines = capsys.readouterr().err.splitlines()
    assert "1 image(s) are cropped to their central square (--longest 20 keeps the whole image)" in lines
    assert run("square.png", "--size", "20") == 0
    assert "cropped" not in capsys.readouterr().err


def test_longest_keeps_the_aspect(model, capsys):
    for name, height, width in (("a", 30, 60), ("b", 60, 30), ("c", 12, 16), ("d", 60, 120)):
        draw(f"p/{name}.png", height, width)
    assert run("p", "--longest", "24", "--json") == 0
    assert json.loads(capsys.readouterr().out)["longest"] == 24
    made = {name: images.read(f"tiny_summer/{name}.png") for name in "abcd"}
    shapes = {name: image.shape[:2] for name, image in made.items()}
    assert shapes == {"a": (12, 24), "b": (24, 12), "c": (12, 16), "d": (12, 24)}
    for name, image in made.items():
        assert np.abs(image.astype(int) - model.translate(f"p/{name}.png", longest=24)).max() <= 1
    assert images.read_metadata("tiny_summer/a.png")["longest"] == "24"


def test_the_size_that_a_model_was_made_for(model, capsys):
    draw("a.png", 40, 80)
    assert run("a.png", "--longest", "auto", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["longest"] == 32
    note = "tiny: longer sides are shrunk to 32 pixels, the size that it was trained at (--longest auto)"
    assert note in err.splitlines()
    assert images.read("tiny_summer/a.png").shape == (16, 32, 3)


def test_strength(model, capsys):
    given = images.read(draw("a.png"))
    full = model.translate(given)
    for strength, wanted in (("0", given), ("0.25", np.rint(given * 0.75 + full * 0.25)), ("1", full)):
        assert run("a.png", "--strength", strength, "--json") == 0
        assert json.loads(capsys.readouterr().out)["strength"] == float(strength)
        assert np.array_equal(images.read("tiny_summer/a.png"), wanted)
        assert images.read_metadata("tiny_summer/a.png").get("strength") == (strength if strength != "1" else None)


def test_tiles(model, capsys):
    draw("a.png", 40, 70)
    draw("b.png", 20, 20)
    assert run("a.png", "b.png", "--tile", "32") == 0
    assert np.array_equal(images.read("tiny_summer/a.png"), model.translate(images.read("a.png"), tile=32))
    assert images.read_metadata("tiny_summer/a.png")["tile"] == "32"
    assert capsys.readouterr().err.splitlines()[-1].startswith("tiny ████████████████████ 7/7")  # 2 x 3, and 1


def test_very_large_images_are_tiled_by_themselves(model, monkeypatch, capsys):
    monkeypatch.setattr(translating, "LARGEST_WHOLE", 40)
    monkeypatch.setattr(translating, "AUTOMATIC_TILE", 32)
    draw("at_most.png", 20, 80)
    draw("large.png", 41, 40)
    assert run("at_most.png", "large.png") == 0
    assert "1 image(s) of more pixels than 40x40 are translated in tiles of 32 (--tile sets" in capsys.readouterr().err
    assert np.array_equal(images.read("tiny_summer/large.png"), model.translate(images.read("large.png"), tile=32))
    assert np.array_equal(images.read("tiny_summer/at_most.png"), model.translate(images.read("at_most.png")))
    assert images.read_metadata("tiny_summer/large.png")["tile"] == "32"
    assert "tile" not in images.read_metadata("tiny_summer/at_most.png")


def test_a_sheet(model, capsys):
    first, second = draw("p/a.png", 60, 60, seed=1), draw("p/b.png", 70, 100, seed=2)
    assert run("p", "--sheet", "new/sheet.png") == 0
    assert capsys.readouterr().out.splitlines()[1] == "new/sheet.png shows 2 of them beside their originals"
    sheet = images.read("new/sheet.png")
    assert sheet.shape == (100 + 2 + 100, 100 + 2 + 100, 3)
    for row, source in ((0, first), (102, second)):
        translation = images.read(f"tiny_summer/{source.name}")
        assert np.array_equal(sheet[row : row + 100, :100], images.letterbox(images.read(source), 100))
        assert np.array_equal(sheet[row : row + 100, 102:], images.letterbox(translation, 100))
    assert np.array_equal(sheet[102 + 15 : 102 + 85, :100], images.read(second)), "whole, in the middle"
    assert images.read_metadata("new/sheet.png") == {"model": "tiny", "to": "summer"}


def test_a_sheet_has_an_end(model, monkeypatch, capsys):
    monkeypatch.setattr(translating, "SHEET_PAIRS", 2)
    for name in "abc":
        draw(f"p/{name}.png", 60, 60)
    assert run("p", "--sheet", "sheet.png", "--size", "64") == 0
    assert images.read("sheet.png").shape == (64 + 2 + 64, 64 + 2 + 64, 3)
    assert " shows 2 of them beside" in capsys.readouterr().out


def bomb(path):
    """A PNG of 20,000 x 20,000 pixels, as its header says."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    Path(path).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def test_what_is_no_image_is_told_before_the_work(model, capsys, caplog, monkeypatch):
    draw("p/a.png")
    bomb("p/bomb.png")
    Path("p/text.png").write_text("no image")
    Path("p/void.png").write_bytes(b"")
    load = ganzoo.load
    monkeypatch.setattr("ganzoo.load", lambda name: pytest.fail("loaded"))
    assert run("p") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err == (
        "ganzoo translate: p/bomb.png: expected at most 178,956,970 pixels, got more: shrink or remove it, or leave"
        " such files out with --skip_broken (one of 3: p/bomb.png, p/text.png, p/void.png)\n"
    )
    assert not Path("tiny_summer").exists()
    monkeypatch.setattr("ganzoo.load", load)
    with caplog.at_level(logging.WARNING):
        assert run("p", "--skip_broken", "--json") == 0
    (message,) = caplog.messages
    assert message.startswith("left out 3 image(s) that cannot be used: p/bomb.png, p/text.png, p/void.png (reasons: ")
    lines = Path("tiny_summer/left_out.txt").read_text().splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["p/bomb.png", "p/text.png", "p/void.png"]
    assert lines[0] == "p/bomb.png: expected at most 178,956,970 pixels, got more: shrink or remove it"
    found = json.loads(capsys.readouterr().out)
    assert (found["sources"], found["left_out"]) == (["p/a.png"], ["p/bomb.png", "p/text.png", "p/void.png"])


def test_what_breaks_in_the_middle_costs_nothing(model, capsys, caplog):
    draw("p/a.png")
    truncated("p/b.png")
    draw("p/c.png", 10, 10)
    assert run("p") == 2
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("ganzoo translate: p/b.png: broken image (")
    assert last.endswith("or leave such files out with --skip_broken (2 of 3 are done, in tiny_summer)")
    assert written() == ["a.png", "c.png"], "the large one comes last"
    with caplog.at_level(logging.WARNING):
        assert run("p", "--skip_broken", "--sheet", "sheet.png") == 0
    assert caplog.messages == ["left out 1 image(s) that cannot be used: p/b.png (reasons: tiny_summer/left_out.txt)"]
    assert written() == ["a.png", "c.png"]
    assert " shows 2 of them beside" in capsys.readouterr().out


def test_left_out_images_make_one_line(model, caplog):
    draw("p/a.png")
    truncated("p/b.png")
    truncated("p/c.png")
    with caplog.at_level(logging.WARNING):
        assert run("p", "--skip_broken") == 0
    assert caplog.messages == [
        "left out 2 image(s) that cannot be used: p/b.png, p/c.png (reasons: tiny_summer/left_out.txt)"
    ]


def test_all_reasons_to_leave_an_image_out_are_one_list(model, caplog):
    """Its header, its size, its pixels."""
    draw("p/a.png")
    Path("p/text.png").write_text("no image")
    draw("p/small.png", 7, 20)
    truncated("p/b.png")
    with caplog.at_level(logging.WARNING):
        assert run("p", "--skip_broken") == 0
    (message,) = caplog.messages
    assert message.startswith("left out 3 image(s) that cannot be used: p/text.png, p/small.png, p/b.png (reasons: ")
    reasons = [
        re.split(r" \(|, |: replace", line)[0] for line in Path("tiny_summer/left_out.txt").read_text().splitlines()
    ]
    assert reasons == [
        "p/text.png: not an image in a known format",
        "p/small.png: expected at least 8x8 pixels",
        "p/b.png: broken image",
    ]


def test_lab_and_what_is_no_image_cost_nothing(model, caplog):
    draw("p/a.png")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(*spaces, "RGB", "LAB")
    ImageCms.applyTransform(Image.fromarray(pixels), to_lab).save("p/lab.tif")
    Path("p/notes.txt").touch()
    with caplog.at_level(logging.WARNING):
        assert run("p") == 0
    assert written() == ["a.png", "lab.png"]
    assert caplog.messages == ["p: passed over what is not an image: 1 .txt"]


def test_nothing_but_broken_images(model, capsys):
    truncated("p/a.png")
    truncated("p/b.jpg")
    assert run("p", "--skip_broken") == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("p/a.png: broken, as are all 2 images given (check them)")
    Path("p/a.png").write_text("no image")
    assert run("p/a.png", "--skip_broken") == 2
    assert "(none of the 1 images given can be used)" in capsys.readouterr().err


def test_too_small_an_image(model, capsys, caplog):
    draw("a.png")
    draw("small.png", 7, 20)
    assert run("a.png", "small.png") == 2
    assert capsys.readouterr().err == (
        "ganzoo translate: small.png: expected at least 8x8 pixels, got 20x7: remove it, enlarge it with --size N, or "
        "leave such files out with --skip_broken\n"
    )
    assert not Path("tiny_summer").exists()
    assert run("a.png", "small.png", "--skip_broken") == 0
    assert written() == ["a.png"]


def test_out_of_memory(model, monkeypatch, capsys):
    def fail(pictures, to):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\na tensor")

    monkeypatch.setattr(model, "translate", fail)
    draw("a.png")
    assert run("a.png") == 2
    assert capsys.readouterr().err == (
        "ganzoo translate: a.png: 16x12 pixels do not fit into memory (--tile 512 translates it in "
        "tiles, --size N makes it smaller)\n"
    )
    assert run("a.png", "--tile", "48") == 2
    assert "(--tile 32 translates" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "no images given: name files, folders or patterns"),
        ("empty", "empty: no images in it (looked for .jpg, .png"),
        ("*.jpg", "*.jpg: no file matches (check the pattern)"),
        ("b.png", "b.png: no such file or folder (check the path)"),
        ("a.png --to sumer", "tiny cannot make 'sumer' (it makes: summer, winter)"),
        ("a.png --tile 31", "--tile: expected an integer of at least 32, got '31'"),
        ("a.png --size 7", "--size: expected an integer of at least 8, got '7'"),
        ("a.png --longest 7", "--longest: expected an integer of at least 8, or auto, got '7'"),
        ("a.png --longest all", "--longest: expected an integer of at least 8, or auto, got 'all'"),
        (
            "a.png --longest 8 --size 8",
            "--size, --longest: expected one of them (--size crops a square, --longest keeps",
        ),
        (
            "a.png --longest 8",
            "a.png: expected at least 8x8 pixels, got 16x12, 8x6 with --longest 8: remove it, leave --longest",
        ),
        ("a.png --strength 1.1", "--strength: expected a number from 0 to 1, got '1.1'"),
        ("a.png --strength nan", "--strength: expected a number from 0 to 1, got 'nan'"),
        ("a.png --batch_size 0", "--batch_size: expected an integer of at least 1, got '0'"),
        (
            "a.png --out tiny.yaml",
            "--out: expected a folder, got the file 'tiny.yaml' (each image becomes a file in DIR)",
        ),
        (
            "a.png --out b.png",
            "--out: expected DIR, got 'b.png' (each image becomes a file in it; --sheet takes FILE.png)",
        ),
        ("a.png --out tiny.yaml/new", "tiny.yaml/new/a.png: cannot be written"),
        ("a.png --sheet sheet.jpg", "--sheet: expected FILE.png, got 'sheet.jpg'"),
        ("a.png --sheet tiny.yaml/sheet.png", "tiny.yaml/sheet.png: cannot be written"),
        ("a.png --sheet tiny_summer/a.png", "tiny_summer/a.png: is the translation of one of the images too"),
        ("tiny.yaml", "tiny.yaml: not an image in a known format: replace or remove it, or leave such files out"),
        ("/dev/null", "/dev/null: neither a file nor a folder (give image files)"),
        (
            "a.png --model cgan_mnist",
            "cgan_mnist: makes images from noise and does not translate (use ganzoo generate",
        ),
        ("a.png --model gan_ring", "gan_ring: makes points from noise and does not translate"),
        ("a.png --model cyclegan_digit", "unknown model 'cyclegan_digit' (did you mean 'cyclegan_digits'?)"),
    ],
)
def test_wrong_use(argv, message, model, refused):
    draw("a.png")
    Path("empty").mkdir()
    assert message in refused("translate", ["--model", "tiny.yaml", *argv.split()])
    assert Path("tiny.yaml").read_text() == CONFIG
    assert not list(Path().rglob("*/*.png"))


def test_without_a_model(capsys):
    assert translate.main(["a.png"]) == 2
    assert capsys.readouterr().err.startswith("ganzoo translate: --model is missing: for example --model cyclegan_dig")


def test_without_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(CONFIG)
    draw("a.png")
    assert run("a.png") == 2
    assert "tiny: has no trained weights; train it" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "tiny.yaml"]


def test_what_the_flags_take_is_what_the_library_takes():
    argv = f"--model m --tile {SMALLEST_TILE} --size {SMALLEST_SIDE} --longest {SMALLEST_SIDE}"
    groups = _flags.parse(translate.FLAGS, argv.split())
    assert (groups.tile, groups.size, groups.longest) == (SMALLEST_TILE, SMALLEST_SIDE, SMALLEST_SIDE)
    for flag, least in (("--longest", SMALLEST_SIDE), ("--tile", SMALLEST_TILE), ("--size", SMALLEST_SIDE)):
        wrong = [flag, str(least - 1)]
        with pytest.raises(UsageError, match="expected an integer of at least"):
            _flags.parse(translate.FLAGS, wrong)


def test_names_that_are_no_unicode(model):
    draw("a.png").rename(b"\xff.png".decode("utf-8", "surrogateescape"))
    assert run(".", "--json", "result.json") == 0
    assert json.loads(Path("result.json").read_text())["sources"] == ["\ufffd.png"]
    (file,) = Path("tiny_summer").iterdir()
    assert images.read_metadata(file)["source"] == "\ufffd.png"


def test_headers_are_read_alone(tmp_path):
    truncated(tmp_path / "a.png")
    assert [(p.width, p.height) for p in image_files.headers([tmp_path / "a.png"])] == [(64, 64)]
    with pytest.raises(DataError, match=r"b\.png: cannot be read \(No such file"):
        image_files.headers([tmp_path / "b.png"])
