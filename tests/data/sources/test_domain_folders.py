"""One's own images in two domains: trainA, trainB, testA and testB."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo.data.domains import Domains, open_domain, open_domains
from ganzoo.data.open import check_available
from ganzoo.data.source import Source
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig
from ganzoo.training.resolve import left_out


def config(root: Path | str, **values) -> DatasetConfig:
    given = {"name": f"folder:{root}", "size": 8, "channels": 1, "domains": ["monet", "photo"]}
    return DatasetConfig(**given | values)


def save(path: Path, value: int, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def fill(root: Path, **parts: dict[str, int]) -> None:
    for part, files in parts.items():
        for name, value in files.items():
            save(root / part / name, value)


def values(source: Source) -> list[int]:
    """The first pixel of each image."""
    batch = source.fetch(tf.range(source.length, dtype=tf.int64))
    assert batch.keys() == {"examples"}
    assert batch["examples"].shape[1:] == source.example_shape
    return batch["examples"].numpy()[:, 0, 0, 0].tolist()


def all_values(domains: Domains) -> dict[str, list[int]]:
    return {domain: values(source) for domain, source in domains.sources.items()}


def message(dataset: DatasetConfig, **kwargs) -> str:
    with pytest.raises(DataError) as caught:
        open_domains(dataset, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_first_domain_is_a_and_the_split_is_the_folder(root):
    fill(root, trainA={"x.png": 1, "y.png": 2, "z.png": 3}, trainB={"x.png": 11, "w.png": 10})
    fill(root, testA={"x.png": 4, "y.png": 5}, testB={"x.png": 14, "y.png": 15})
    domains = open_domains(config(root))
    assert (domains.name, domains.paired) == (f"folder:{root}", False)
    assert all_values(domains) == {"monet": [1, 2, 3], "photo": [10, 11]}
    assert domains.sources["photo"].name == f"folder:{root} (photo)"
    assert all_values(open_domains(config(f"{root}/", split="test"))) == {"monet": [4, 5], "photo": [14, 15]}
    assert values(open_domain(config(root, split="test"), "photo")) == [14, 15]


def test_images_are_loaded_larger_than_what_is_cut_out_of_them(root):
    fill(root, trainA={"x.png": 1, "y.png": 2}, trainB={"x.png": 3, "y.png": 4})
    domains = open_domains(config(root, load_size=10))
    assert all_values(domains) == {"monet": [1, 2], "photo": [3, 4]}
    assert domains.sources["monet"].example_shape == (10, 10, 1)
    assert open_domain(config(root, load_size=10), "monet").example_shape == (8, 8, 1)


def test_what_is_wrong_with_the_folders(root):
    assert message(config("")) == "folder: expected a path, got none (--dataset folder:PATH)"
    assert message(config(root / "nowhere")) == f"folder:{root}/nowhere: no such folder (check the path)"
    fill(root, trainA={"x.png": 1})
    expected = (
        f"folder:{root}: expected folders trainA and trainB, with the images of monet and of photo, got trainA (rename"
        " or link the folder with images of photo: ln -s FOLDER trainB)"
    )
    assert message(config(root)) == expected
    with pytest.raises(DataError, match=r"got trainA .*FOLDER trainB"):
        check_available(config(root))
    (root / "trainB").mkdir()
    assert message(config(root)).startswith(f"folder:{root}/trainB: expected images (.jpg, .png")
    fill(root, trainB={"x.png": 1, "y.png": 2})
    assert message(config(root)).startswith(f"folder:{root} (monet): expected at least two examples, got 1 (")
    assert "has no 'tset' (did you mean 'test'?)" in message(config(root, split="tset"))


def test_an_image_smaller_than_the_crop_is_named_or_left_out(root, caplog):
    fill(root, trainA={"x.png": 1, "y.png": 2}, trainB={"x.png": 3, "y.png": 4})
    save(root / "trainA" / "small.png", 9, (20, 7))
    told = (
        f"{root}/trainA/small.png: expected at least 8x8 pixels to crop, got 20x7: remove it, set"
        " a smaller dataset.size, or leave such files out: skip_broken, --skip_broken"
    )
    for load_size in (None, 12):
        assert message(config(root, load_size=load_size)) == told
        domains = open_domains(config(root, load_size=load_size), skip_broken=True)
        assert all_values(domains)["monet"] == [1, 2]
        assert f"left out 1 broken image(s): {root}/trainA/small.png" in caplog.text
    assert all_values(open_domains(config(root, size=7)))["monet"] == [9, 1, 2]
    assert all_values(open_domains(config(root, size=7, load_size=8)))["monet"] == [9, 1, 2]  # enlarged
    assert message(config(root)) == told  # and not what was prepared for the smaller size


def test_a_broken_image_is_named_or_left_out(root):
    fill(root, trainA={"x.png": 1, "y.png": 2}, trainB={"x.png": 3, "y.png": 4})
    (root / "trainB" / "a.jpg").write_bytes(b"junk")
    assert message(config(root)).startswith(f"{root}/trainB/a.jpg: ")
    assert all_values(open_domains(config(root), skip_broken=True)) == {"monet": [1, 2], "photo": [3, 4]}


def test_pairs_are_told_by_their_names(root):
    # in plain order, a.b.png comes before a.png and after a.avif
    fill(root, trainA={"a.avif": 1, "a.b.png": 2, "7_A.png": 3}, trainB={"a.png": 11, "a.b.png": 12, "7_B.jpg": 13})
    domains = open_domains(config(root, paired=True))
    assert domains.paired
    assert all_values(domains) == {"monet": [3, 1, 2], "photo": [13, 11, 12]}


def test_pairs_in_subfolders(root):
    fill(root, trainA={"ulm/1.png": 1, "bonn/1.png": 2}, trainB={"ulm/1.png": 11, "bonn/1.png": 12})
    assert all_values(open_domains(config(root, paired=True))) == {"monet": [2, 1], "photo": [12, 11]}


def test_an_image_without_a_partner_is_named(root):
    fill(root, trainA={"x.png": 1, "y.png": 2, "z.png": 3}, trainB={"x.png": 4, "y.png": 5, "w.png": 6, "v.png": 7})
    open_domains(config(root))
    told = (
        f"folder:{root}: expected pairs, got 1 image(s) of trainA without a partner of the same name in trainB, first"
        " z.png (add"
    )
    assert message(config(root, paired=True)).startswith(told)
    with pytest.raises(DataError, match="without a partner"):
        check_available(config(root, paired=True))
    save(root / "trainB" / "z.png", 8)
    assert "2 image(s) of trainB without a partner of the same name in trainA, first v.png" in message(
        config(root, paired=True)
    )
    save(root / "trainA" / "x.bmp", 8)
    assert "trainA has both x.bmp and x.png" in message(config(root, paired=True))


def test_the_partner_of_a_broken_image_is_left_out_too(root, caplog):
    names = {f"{letter}.png": number for number, letter in enumerate("pqrs")}
    fill(root, trainA=names, trainB={name: number + 10 for name, number in names.items()})
    (root / "trainA" / "q.png").write_bytes(b"junk")
    (root / "trainB" / "s.png").write_bytes(b"junk")
    assert message(config(root, paired=True)).startswith(f"{root}/trainA/q.png: ")
    domains = open_domains(config(root, paired=True), skip_broken=True)
    assert all_values(domains) == {"monet": [0, 2], "photo": [10, 12]}
    assert f"folder:{root}: left out 1 monet whose partner is broken" in caplog.text
    assert left_out(domains) == [
        f"{root}/trainA/q.png: not an image in a known format: replace or remove it",
        "monet: s.png: its partner is broken",
        f"{root}/trainB/s.png: not an image in a known format: replace or remove it",
        "photo: q.png: its partner is broken",
    ]
    np.testing.assert_array_equal([source.names for source in domains.sources.values()], [["p.png", "r.png"]] * 2)


def test_other_names_are_listed_with_the_mend(root):
    """The data set of Kaggle's competition with Monet's paintings."""
    fill(root, monet_jpg={"x.png": 1}, photo_jpg={"y.png": 2}, monet_tfrec={}, photo_tfrec={})
    for folder in ("monet_tfrec", "photo_tfrec"):
        (root / folder).mkdir(exist_ok=True)
    assert message(config(root)).endswith(
        "got monet_jpg, monet_tfrec, photo_jpg, photo_tfrec (rename or link the folder with images of monet:"
        " ln -s FOLDER trainA)"
    )
