"""What translations are judged by: which images, in which order, and what is known of them."""

import hashlib

import numpy as np
import pytest

import ganzoo
from ganzoo.core import images
from ganzoo.data.domains import list_hash, open_data
from ganzoo.data.sources.cyclegan_digits import bold_of
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.data.sources.pix2pix_digits import edges_of
from ganzoo.errors import DataError
from ganzoo.evaluation.collected import scratch
from ganzoo.evaluation.examples import from_array, from_source
from ganzoo.evaluation.translations import (
    default_metrics,
    joined,
    open_translation,
    open_translation_in_training,
    translated,
)
from ganzoo.models.build import scheme_of


def all_of(examples):
    return examples.read(np.arange(examples.count))


@pytest.fixture(scope="module")
def digits():
    return ganzoo.config("cyclegan_digits")


@pytest.fixture
def folders(tmp_path):
    """Twelve images to learn from and six others of each domain: those of A have levels below 100."""
    generator = np.random.default_rng(0)
    for part, count, low in [("trainA", 12, 0), ("testA", 6, 0), ("trainB", 12, 150), ("testB", 6, 150)]:
        for number in range(count):
            image = generator.integers(low, low + 100, (24, 24, 1), np.uint8)
            images.write_png(tmp_path / part / f"{number:02}.png", image)
    return tmp_path


def in_folders(config, folders, **dataset):
    return config.override({"dataset.name": f"folder:{folders}", "dataset.size": 20, "dataset.load_size": 24} | dataset)


def test_digits_and_their_true_translations(digits):
    test = load_mnist_5k("test")[0][..., np.newaxis]
    found = open_translation(digits, "bold", 10_000)
    assert (found.to, found.learned_from, found.both_ways) == ("bold", 2000, True)
    assert (found.target.name, found.target.count) == ("cyclegan_digits (bold)", 2500)
    assert found.target.about == {"split": "train+test"}
    assert (found.given.name, found.source.name, found.source.count) == (
        "cyclegan_digits (plain)",
        "cyclegan_digits (plain)",
        2000,
    )
    np.testing.assert_array_equal(all_of(found.given), test[::2])
    np.testing.assert_array_equal(all_of(found.truth), bold_of(test[::2]))
    np.testing.assert_array_equal(found.target.read(np.array([1999, 2000, 2499]))[1:], bold_of(test[[1, 999]]))
    back = open_translation(digits, "plain", 10_000)
    np.testing.assert_array_equal(all_of(back.given), bold_of(test[1::2]))
    np.testing.assert_array_equal(all_of(back.truth), test[1::2])


def test_real_images_of_another_size_than_what_is_translated(digits, folders):
    config = in_folders(digits, folders)
    found, same = (open_translation(config, "bold", 4, size=size) for size in (12, None))
    assert [each.shape for each in (found.target, found.source, found.given)] == [(12, 12, 1), (12, 12, 1), (20, 20, 1)]
    assert (found.learned_from, found.target.count) == (same.learned_from, same.target.count)
    np.testing.assert_array_equal(all_of(found.given), all_of(same.given))
    wanted = [images.fit(images.read(path, None), 12, 1) for path in sorted((folders / "trainB").iterdir())]
    np.testing.assert_array_equal(all_of(found.target)[: found.learned_from], wanted)


def test_fewer_are_a_random_choice_with_the_truth_beside_it(digits):
    found, other = (open_translation(digits, "bold", 40, seed=seed) for seed in (1, 2))
    assert (found.given.count, found.truth.count, found.target.count) == (40, 40, 2500)
    assert found.given.about == {"of": 500, "split": "test"}
    np.testing.assert_array_equal(bold_of(all_of(found.given)), all_of(found.truth))
    assert (all_of(found.given) != all_of(other.given)).any()


def test_the_truth_of_pairs_is_the_other_half():
    config = ganzoo.config("pix2pix_digits")
    assert scheme_of(config).domains_made(config.dataset.domains, None) == ["digits"]
    found = open_translation(config.override({"dataset.size": 28}), "digits", 100)
    assert not found.both_ways
    np.testing.assert_array_equal(edges_of(all_of(found.truth)), all_of(found.given))
    assert found.target.count == 5000


def test_of_folders_the_truth_is_not_known_and_images_have_the_size_of_the_model(digits, folders):
    config = in_folders(digits, folders)
    found = open_translation(config, "plain", 100)
    assert found.truth is None
    assert (found.target.count, found.learned_from, found.given.count, found.source.count) == (18, 12, 6, 12)
    assert found.given.name == f"folder:{folders} (bold)"
    for examples, low in [(found.target, 0), (found.given, 150), (found.source, 150)]:
        batch = all_of(examples)
        assert batch.shape == (examples.count, *examples.shape) == (examples.count, 20, 20, 1)
        assert abs(batch.mean() - (low + 49.5)) < 5


def test_files_that_are_listed_and_no_others(digits, folders):
    config = in_folders(digits, folders)
    found = open_translation(config, "plain", 100)
    assert len(found.files) == 36
    assert found.files[5:7] == ("testA/05.png", "testB/00.png")
    few = [name for name in found.files if not name.endswith("3.png")]
    picked = open_translation(config, "plain", 100, files=few)
    assert (picked.files, picked.target.count, picked.learned_from, picked.given.count) == (tuple(few), 16, 11, 5)
    kept = np.delete(np.arange(18), [3, 15])
    np.testing.assert_array_equal(all_of(picked.target), all_of(found.target)[kept])
    for name in ("05", "04"):
        (folders / "trainA" / f"{name}.png").rename(folders / "trainA" / f"one {name}.png")
    renamed = [name.replace("trainA/04", "trainA/one_04").replace("trainA/05", "trainA/one_05") for name in few]
    assert open_translation(config, "plain", 100, files=renamed).files == tuple(sorted(renamed))
    wanted = "real: expected 32 files with list hash [0-9a-f]{12}, got 30 of them in folder:"
    with pytest.raises(DataError, match=f"^{wanted}[^\n]* that has trainA/04.png: data_dir, --data_dir\\)$"):
        open_translation(config, "plain", 100, files=few)


def test_the_hash_of_a_list_by_hand():
    assert list_hash(["b/2", "a/1"]) == hashlib.sha256(b"a/1\nb/2\n").hexdigest()


def test_a_look_in_between_takes_held_out_images_and_a_target_of_training_images(digits, folders):
    """Test images have no part in it, so that the best step is not chosen by them."""
    for part in ("testA", "testB"):
        (folders / part).rename(folders / f"no_{part}")
    config = in_folders(digits, folders).override({"dataset.hold_out": 5})
    data = open_data(config.dataset)
    found = open_translation_in_training(config, data, 4)
    assert (found.to, found.target.count, found.learned_from, found.source.count) == ("plain", 4, 4, 4)
    assert found.target.about == {"of": 7, "split": "train"}
    assert found.given.about == {"of": 5, "split": "train"}
    assert all_of(found.target).shape == (4, 20, 20, 1)
    whole = open_data(config.override({"dataset.hold_out": 0}).dataset).sources["bold"].names
    held, kept = (each.sources["bold"].names for each in (data.held_out, data))
    assert (len(held), len(kept)) == (5, 7)
    assert sorted(held + kept) == sorted(whole)


def test_truths_of_held_out_images_and_of_training(digits):
    config = digits.override({"dataset.hold_out": 100})
    data = open_data(config.dataset)
    found = open_translation_in_training(config, data, 1000)
    assert (found.given.count, found.source.count) == (100, 1000)
    np.testing.assert_array_equal(bold_of(all_of(found.truth)), all_of(found.given))
    whole = {image.tobytes() for image in all_of(from_source(data.sources["plain"]))}
    held = {image.tobytes() for image in all_of(from_source(data.held_out.sources["plain"]))}
    assert len(whole) == 1900
    assert not whole & held


def test_pairs_are_held_out_together():
    config = ganzoo.config("pix2pix_digits").override({"dataset.size": 28, "dataset.hold_out": 10})
    data = open_data(config.dataset)
    for part in (data, data.held_out):
        edges, drawn = (all_of(from_source(one))[:20] for one in part.sources.values())
        np.testing.assert_array_equal(edges_of(drawn), edges)


def test_more_held_out_than_there_are(digits, folders):
    config = in_folders(digits, folders).override({"dataset.hold_out": 12})
    with pytest.raises(
        DataError, match=r"^dataset.hold_out: expected data of more than 12 examples, got 12 of folder:[^\n]*$"
    ):
        open_data(config.dataset)


def test_without_held_out_images_those_of_the_training_are_translated_and_that_is_said(digits, folders):
    for part in ("testA", "testB"):
        (folders / part).rename(folders / f"no_{part}")
    config, notes = in_folders(digits, folders), []
    found = open_translation_in_training(config, open_data(config.dataset), 100, note=notes.append)
    assert found.given.about == {"split": "train"}
    np.testing.assert_array_equal(all_of(found.given), all_of(found.source))
    (note,) = notes
    assert note.startswith("evaluating translations of training images, as none are held out (dataset.hold_out=")
    with pytest.raises(DataError, match="expected folders testA and testB"):
        open_translation(config, "plain", 100)


def test_who_learned_from_the_test_images_is_not_judged_by_them(digits):
    with pytest.raises(DataError, match="cyclegan_digits: split all leaves nothing to translate"):
        open_translation(digits.override({"dataset.split": "all"}), "plain", 10)


def test_metrics_by_default(digits, folders):
    of_digits = default_metrics(open_translation(digits, "plain", 2))
    assert of_digits[-2:] == ["cycle_error", "translation_error"]
    assert "translation_error" not in default_metrics(open_translation(in_folders(digits, folders), "plain", 2))
    assert "cycle_error" not in default_metrics(open_translation(ganzoo.config("pix2pix_digits"), "digits", 2))


def test_each_image_is_translated_once():
    class Inverter:
        name = "inverter"
        translated = 0

        def translate(self, pictures, to):
            assert to == "night"
            self.translated += len(pictures)
            return 255 - pictures

    given, model = np.random.default_rng(0).integers(0, 256, (1100, 8, 8, 3), np.uint8), Inverter()
    made = translated(model, from_array("days", given), "night")
    for numbers in (np.array([0, 1099]), np.arange(5)):
        np.testing.assert_array_equal(made.read(numbers), 255 - given[numbers])
    assert model.translated == 1100
    assert (made.name, made.count, made.about) == ("inverter", 1100, {"to": "night", "translated": "days"})


def test_parts_of_sets():
    array = np.arange(5 * 64, dtype=np.uint8).reshape(5, 8, 8, 1)
    first, second = (from_array("a", part) for part in (array[:2], array[2:]))
    for part, split in ((first, "train"), (second, "test")):
        part.about["split"] = split
    both = joined(first, second)
    for numbers in ([0, 4], [0, 1], [2], [0, 1, 2, 3, 4]):
        np.testing.assert_array_equal(both.read(np.array(numbers)), array[numbers])
    assert (both.count, both.about) == (5, {"split": "train+test"})
    np.testing.assert_array_equal(all_of(both.picked(np.array([1, 3]))), array[[1, 3]])


def test_what_is_large_is_kept_in_a_file():
    assert not isinstance(scratch((10, 8, 8, 3), np.uint8), np.memmap)
    assert isinstance(scratch((2000, 300, 300, 1), np.uint8), np.memmap)
