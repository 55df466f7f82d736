"""Data in memory: arrays and tf.data.Datasets, checked, named by their content, opened, and trained on."""

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.data.open import open_source
from ganzoo.data.sources import in_memory
from ganzoo.data.sources.in_memory import StreamSource, hold, settings_for
from ganzoo.data.streaming import StreamPipeline
from ganzoo.errors import DataError, RunError
from ganzoo.schema import DatasetConfig

GREY = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
WARNING = "a stream cannot seek: its examples start again from the beginning"
LABELS = np.arange(40) % 4
POINTS = np.random.default_rng(0).normal(size=(1200, 3))


def opened(data, kind="image", **sizes):
    name = hold(data, kind)
    return open_source(DatasetConfig(name=name, kind=kind, **(sizes or {"size": 8, "channels": 1})))


def examples(source):
    return source.fetch(tf.range(source.length, dtype=tf.int64))["examples"].numpy()


def labels(source):
    return source.fetch(tf.range(source.length, dtype=tf.int64))["labels"].numpy()


@pytest.mark.parametrize(
    "data",
    [
        GREY,
        GREY[..., np.newaxis],
        GREY / 255.0,
        (GREY / 127.5 - 1.0).astype(np.float32)[..., np.newaxis],
        tf.constant(GREY),
        list(GREY),
        {"images": GREY},
    ],
)
def test_images(data):
    source = opened(data)
    assert (source.length, source.example_shape, source.class_names) == (40, (8, 8, 1), ())
    assert np.array_equal(examples(source), GREY[..., np.newaxis])


def test_points():
    source = opened(POINTS, "points", columns=3)
    assert examples(source).dtype == np.float32
    assert np.array_equal(examples(source), POINTS.astype(np.float32))


def test_a_table():
    class Frame:
        """Stands for a pandas.DataFrame."""

        columns = ("alcohol", "acid", "ash")

        def __array__(self, dtype=None, copy=None):
            return POINTS

    source = opened(Frame(), "table", columns=3)
    assert source.kind.column_names == ("alcohol", "acid", "ash")
    assert source.kind.fields[0].mean == pytest.approx(POINTS[:, 0].mean(), abs=1e-5)
    assert np.array_equal(examples(source), POINTS.astype(np.float32))
    assert opened(POINTS, "table", columns=3).kind.column_names == ("x0", "x1", "x2")
    assert opened(POINTS, "table", columns=3).name != source.name


def test_sequences():
    waves = np.sin(np.arange(240).reshape(10, 12, 2))
    source = opened(waves, "sequence", length=12, columns=2)
    assert np.array_equal(examples(source), waves.astype(np.float32))
    with pytest.raises(DataError, match=r"^dataset: expected numbers \[N, length, columns\], got float64 \[1200, 3\]$"):
        hold(POINTS, "sequence")
    batches = tf.data.Dataset.from_tensor_slices(waves).batch(4)
    assert sorted(map(bytes, examples(opened(batches, "sequence", length=12, columns=2)))) == sorted(
        map(bytes, waves.astype(np.float32))
    )


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ((GREY, LABELS), ("0", "1", "2", "3")),
        ({"examples": GREY, "labels": LABELS, "class_names": ["a", "b", "c", "d", "e"]}, ("a", "b", "c", "d", "e")),
        ((GREY, np.array(["8", "9", "10", "11"])[LABELS]), ("8", "9", "10", "11")),
        ({"x": GREY, "y": LABELS[:, np.newaxis]}, ("0", "1", "2", "3")),
        ((GREY, np.array(["cat", "dog", "emu", "fox"])[LABELS]), ("cat", "dog", "emu", "fox")),
    ],
)
def test_labels(data, names):
    source = opened(data)
    assert source.class_names == names
    assert np.array_equal(labels(source), LABELS)


def test_named_labels_in_an_order_of_their_own():
    texts = np.array(["cat", "dog"])[np.arange(40) % 2]
    source = opened({"images": GREY, "labels": texts, "class_names": ["dog", "cat"]})
    assert source.class_names == ("dog", "cat")
    assert labels(source).tolist() == [1, 0] * 20


def test_the_name_is_that_of_the_content():
    name = hold(GREY, "image")
    assert name == hold(GREY / 255, "image") == hold(tf.constant(GREY[..., np.newaxis]), "image")
    assert name.startswith("arrays:image:")
    assert len(name) == len("arrays:image:") + 16
    others = [GREY[:39], GREY[::-1], (GREY, LABELS), (GREY, LABELS[::-1])]
    assert len({name, *(hold(other, "image") for other in others)}) == 5


def test_another_size_is_resized():
    source = opened(np.full((3, 16, 16, 3), 50, np.uint8))
    assert examples(source).tolist() == np.full((3, 8, 8, 1), 50).tolist()


@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("shape", ["pair", "mapping", "alone"])
def test_a_dataset_is_read_into_arrays(batch, shape):
    rows = {"pair": (GREY, LABELS), "mapping": {"image": GREY, "label": LABELS}, "alone": GREY}[shape]
    if shape == "mapping":
        rows = {"images": GREY, "labels": LABELS}
    names = set()
    for shuffled in (False, True):
        data = tf.data.Dataset.from_tensor_slices(rows)
        data = data.shuffle(40, seed=1) if shuffled else data
        name = hold(data.batch(batch) if batch else data, "image")
        names.add(name)
    assert len(names) == 1, "whatever its order"
    source = open_source(DatasetConfig(name=name, size=8, channels=1))
    found = examples(source)
    assert sorted(map(bytes, found)) == sorted(map(bytes, GREY))
    if shape != "alone":
        label_of = {bytes(image): label for image, label in zip(GREY, LABELS, strict=True)}
        assert labels(source).tolist() == [label_of[bytes(image)] for image in found]


def test_a_dataset_of_points_in_batches():
    source = opened(tf.data.Dataset.from_tensor_slices(POINTS).batch(30), "points", columns=3)
    assert sorted(examples(source)[:, 0]) == sorted(np.float32(POINTS[:, 0]))


def endless():
    """Images whose every pixel is their number modulo 200, labelled by it modulo 4."""
    data = tf.data.Dataset.counter().map(lambda i: (tf.fill([8, 8], i % 200) / 255, i % 4))
    return data.map(lambda image, label: (tf.cast(image, tf.float32), label))


def test_a_stream(caplog):
    source = opened(endless())
    assert isinstance(source, StreamSource)
    assert (source.length, source.class_names) == (in_memory.SEEN, ("0", "1", "2", "3"))
    assert source.name.startswith("arrays:image:stream-")
    pipeline = StreamPipeline(source, 16, seed=0)
    batches = list(pipeline.dataset().take(30))
    assert batches[0]["examples"].shape == (16, 8, 8, 1)
    levels = np.concatenate([np.rint((batch["examples"][:, 0, 0, 0] + 1) * 127.5) for batch in batches])
    assert levels.tolist() == [i % 200 for i in range(480)], "in its own order"
    assert np.concatenate([batch["labels"] for batch in batches]).tolist() == [i % 4 for i in range(480)]
    part = next(iter(pipeline.dataset(rows=(4, 8))))
    assert part["labels"].numpy().tolist() == [0, 1, 2, 3]
    assert np.array_equal(part["examples"], batches[0]["examples"][4:8])
    assert not caplog.messages
    again = next(iter(pipeline.dataset(first_batch=9)))
    assert np.array_equal(again["examples"], batches[0]["examples"])
    assert caplog.messages == [f"{source.name}: {WARNING}"]


def test_what_is_too_large_is_streamed(monkeypatch):
    monkeypatch.setattr(in_memory, "MATERIALISED_BYTES", 1000)
    monkeypatch.setattr(in_memory, "SEEN", 10)
    source = opened(tf.data.Dataset.from_tensor_slices(GREY))
    assert (source.length, isinstance(source, StreamSource)) == (10, True)
    batches = list(StreamPipeline(source, 25, seed=0).dataset().take(2))
    levels = np.rint((np.concatenate([batch["examples"] for batch in batches]) + 1) * 127.5)
    assert np.array_equal(levels[..., 0], np.concatenate([GREY, GREY[:10]])), "repeated, and whole batches over its end"


def test_a_label_of_a_stream_beyond_those_seen(monkeypatch):
    monkeypatch.setattr(in_memory, "SEEN", 3)
    source = opened(endless())
    with pytest.raises(tf.errors.InvalidArgumentError, match="a label beyond the classes"):
        next(iter(StreamPipeline(source, 8, seed=0).dataset()))


def test_both_domains():
    config = ganzoo.config("cyclegan_digits").override({"dataset.size": 8})
    values = settings_for(config, {"plain": GREY, "bold": np.full((5, 16, 16), 3, np.uint8)})
    assert {key: value for key, value in values.items() if key != "dataset.name"} == {
        "dataset.split": "train",
        "dataset.channels": 1,
    }
    from ganzoo.data.domains import open_data

    both = open_data(config.override(values).dataset)
    assert {domain: source.length for domain, source in both.sources.items()} == {"plain": 40, "bold": 5}
    assert examples(both.sources["bold"]).tolist() == np.full((5, 8, 8, 1), 3).tolist()
    with pytest.raises(
        DataError, match=r"^dataset: expected a mapping from plain and bold to images, got \['plain'\]$"
    ):
        settings_for(config, {"plain": GREY})
    with pytest.raises(DataError, match=r"^dataset: expected images of 8x8 pixels or more, got 4x4 of bold"):
        settings_for(config, {"plain": GREY, "bold": GREY[:, :4, :4]})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GREY.astype(np.int64), "dataset: expected uint8 or floats, got int64 [40, 8, 8]"),
        (
            GREY.astype(np.float32),
            "dataset: expected floats in [0, 1] or [-1, 1], got values from 0 to 255 (divide them",
        ),
        (GREY[0], "dataset: expected images [N, H, W, 1 or 3] or [N, H, W], got uint8 [8, 8]"),
        (
            np.zeros((2, 3, 8, 8), np.uint8),
            "dataset: expected images [N, H, W, 1 or 3] or [N, H, W], got uint8 [2, 3, 8, 8] (move the channels last",
        ),
        (GREY[:, :7], "dataset: expected square images, got 7x8 pixels (crop or pad them)"),
        ([GREY[0], GREY[0, :7]], "dataset: expected examples of one shape, got several"),
        ((GREY, LABELS[:7]), "dataset: expected as many labels as examples, got 7 and 40"),
        ((GREY, LABELS - 1), "dataset: expected labels in 0 … 2, got -1"),
        ((GREY, LABELS / 2), "dataset: expected labels that are integers or names, got float64"),
        ((GREY, np.eye(4)[LABELS]), "dataset: expected labels [N], got float64 [40, 4]"),
        ((GREY, LABELS, LABELS), "dataset: expected a tuple (examples, labels), got 3 parts"),
        ({"images": GREY, "label": LABELS}, "dataset: expected a mapping with examples, optionally labels and"),
        ({"images": GREY, "class_names": ["a", "b"]}, "dataset: expected labels for the 2 class names, got none"),
        ({"x": GREY, "y": LABELS, "class_names": ["a", "b"]}, "dataset: expected labels in 0 … 1, got 3"),
        (
            {"x": GREY, "y": ["cat"] * 40, "class_names": ["dog"]},
            "dataset: expected labels among the class names, got 'cat'",
        ),
        (GREY[:1], "arrays:image:"),
        (tf.data.Dataset.from_tensor_slices(GREY).take(0), "dataset: expected at least two examples, got none"),
        (tf.data.Dataset.from_tensor_slices(GREY).batch(4).batch(2), "dataset: expected examples or batches of them"),
        (tf.data.Dataset.from_tensor_slices(LABELS), "dataset: expected examples or batches of them, got elements of"),
    ],
)
def test_wrong_images(data, message):
    with pytest.raises(DataError) as caught:
        opened(data)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (POINTS[0], "dataset: expected numbers [N, columns], got float64 [3]"),
        (np.array([["a", "b"]]), "dataset: expected numbers [N, columns], got <U1 [1, 2]"),
        (
            np.array([[1.0, 2.0], [np.nan, 3.0]]),
            "dataset: expected finite numbers, got NaN or infinity in example 1 (leave such",
        ),
    ],
)
def test_wrong_points(data, message):
    with pytest.raises(DataError) as caught:
        hold(data, "points")
    assert str(caught.value).startswith(message)


SMALL = {"training.batch_size": 8, "training.sample_every": 4, "training.checkpoint_every": 4}
SMALL |= {"training.steps_per_execution": 2, "training.log_every": 2}
TRAIN = {"overrides": SMALL, "quiet": True}


@pytest.mark.slow
def test_training_on_points_and_going_on(tmp_path):
    run = ganzoo.train("gan_ring", tmp_path / "run", dataset=POINTS, steps=4, **TRAIN)
    assert run.config.dataset.name == hold(POINTS, "points")
    assert run.config.dataset.example_shape == (3,)
    assert run.model.generate(5, seed=1).shape == (5, 3)
    with pytest.raises(RunError, match=r"belongs to a run with another config \(dataset\.name: expected 'arrays"):
        ganzoo.train("gan_ring", tmp_path / "run", dataset=POINTS[:50], steps=6, **TRAIN)
    going_on = ganzoo.train("gan_ring", tmp_path / "run", dataset=POINTS, steps=6, **TRAIN)
    assert going_on.model.step == 6
    whole = ganzoo.train("gan_ring", tmp_path / "whole", dataset=POINTS, steps=6, **TRAIN)
    assert np.array_equal(going_on.model.generate(5, seed=1), whole.model.generate(5, seed=1))
    in_memory._held.clear()
    with pytest.raises(DataError, match="is data in memory that this process does not have: pass the same data again"):
        ganzoo.train(tmp_path / "run", tmp_path / "run", steps=8, **TRAIN)
    assert ganzoo.load(tmp_path / "run").generate(1).shape == (1, 3), "which needs no data"


@pytest.mark.slow
def test_training_on_labelled_images(tmp_path):
    data = {"images": np.repeat(GREY[..., np.newaxis], 3, axis=-1), "labels": LABELS, "class_names": list("abcd")}
    run = ganzoo.train("cgan_mnist", tmp_path, dataset=data, steps=2, **TRAIN)
    dataset = run.config.dataset
    assert (dataset.size, dataset.channels, dataset.classes, dataset.class_names) == (8, 3, 4, ["a", "b", "c", "d"])
    assert run.model.generate(labels=["d", "a"], seed=1).shape == (2, 8, 8, 3)


def warnings_of(caplog):
    """Our own; TensorFlow warns of functions that are traced again where a process trains many models."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("ganzoo")]


@pytest.mark.slow
def test_training_on_a_stream(tmp_path, caplog):
    data = endless().map(lambda image, label: image)
    run = ganzoo.train("gan_mnist", tmp_path, dataset=data, steps=2, **TRAIN)
    assert run.config.dataset.name.startswith("arrays:image:stream-")
    assert not warnings_of(caplog)
    assert ganzoo.train("gan_mnist", tmp_path, dataset=data, steps=4, **TRAIN).model.step == 4
    assert warnings_of(caplog) == [f"{run.config.dataset.name}: {WARNING}"]
