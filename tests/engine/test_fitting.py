"""Data and callbacks handed to `fit`: what is trained on, and one line for what cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.engine.fitting import _checked, check_callbacks, feed, largest_divisor
from ganzoo.errors import UsageError
from ganzoo.models.build import build

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 28, 28, 1), dtype=np.uint8)
LABELS = np.arange(70) % 10
FLOATS = (PIXELS / 127.5 - 1.0).astype(np.float32)
DATA = tf.data.Dataset.from_tensor_slices((PIXELS, LABELS)).batch(35, drop_remainder=True)


@pytest.fixture(scope="module")
def digits():
    return build(ganzoo.config("cgan").override({"generator.width": 4, "discriminator.width": 4}))


@pytest.fixture(scope="module")
def ring():
    return build(ganzoo.config("gan_ring"))


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


def test_largest_divisor():
    assert [largest_divisor(50, 20), largest_divisor(13, 10), largest_divisor(2, 25)] == [10, 1, 2]


def test_a_loaded_model_trains_on_data_of_any_length(digits):
    """Two steps an epoch, though its config runs 25 at a time; the 6 examples left over fill no batch."""
    before = digits.step
    history = digits.fit(PIXELS, LABELS, batch_size=32, epochs=2, verbose=0).history
    assert digits.step - before == 4
    assert len(history["generator_loss"]) == 2
    assert digits.steps_per_execution == 25


def test_pixels_are_trained_as_the_floats_that_they_are():
    states = []
    for examples in (PIXELS[:32], FLOATS[:32]):
        model = build(ganzoo.config("cgan").override({"generator.width": 4, "discriminator.width": 4}))
        model.fit(examples, LABELS[:32], shuffle=False, verbose=0)
        states.append([variable.numpy() for variable in model.state().values()])
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_images_are_not_converted_to_be_checked(digits, monkeypatch):
    monkeypatch.setattr("ganzoo.core.images.to_uint8", lambda images: pytest.fail("converted"))
    for examples in (PIXELS, FLOATS):
        assert _checked(digits, "examples", examples) is examples


def test_a_last_batch_of_fewer_rows_is_left_out(ring):
    before = ring.step
    ring.fit(tf.data.Dataset.from_tensor_slices(np.zeros((33, 2), np.float32)).batch(16), verbose=0)
    assert ring.step - before == 2


def test_what_is_left_out_is_said(ring, caplog):
    points = np.zeros((33, 2), np.float32)
    data = tf.data.Dataset.from_tensor_slices(points)
    for given, rows, said in (
        (points, 16, "1 of 33 examples fill no batch and are left out of each epoch"),
        (
            data.batch(16),
            None,
            "the last batch may have fewer rows; a rest of less than 16 is left out (drop_remainder=T",
        ),
        (data.batch(11, drop_remainder=True), None, ""),
    ):
        feed(ring, given, None, rows, False, None)
        assert "".join(caplog.messages).startswith(f"gan_ring: fit: {said}" if said else "")
        assert len(caplog.messages) == bool(said)
        caplog.clear()


def test_whole_steps_of_several_batches(caplog):
    several = build(ganzoo.config("gan_ring").override({"model.critic_steps": 2}))
    points = np.arange(64, dtype=np.float32).reshape(32, 2)
    given = feed(several, points[:24], None, 8, False, None)
    assert caplog.messages == ["gan_ring: fit: 1 of 3 batches make no step and are left out of each epoch"]
    assert (given.steps, given.together) == (1, 1)
    np.testing.assert_array_equal(next(iter(given.batches.skip(2))), points[:8])
    caplog.clear()
    assert feed(several, points, None, 8, False, None).steps == 2
    assert not caplog.messages
    with pytest.raises(UsageError, match=r"^gan_ring: fit: expected 2 batches or more for a step, got 1$"):
        feed(several, points[:8], None, 8, False, None)
    rows = tf.data.Dataset.from_tensor_slices(np.concatenate([points, points[:5]])).batch(5)  # three steps of ten rows
    given = feed(several, rows, None, None, False, None)
    assert (given.steps, given.together) == (None, 1)
    assert [len(batch) for batch in given.batches] == [5] * 6


def test_the_parts_of_the_data_by_the_feed(ring, two_replicas):
    points = np.arange(96, dtype=np.float32).reshape(48, 2)
    given = feed(ring, points, None, 16, False, None)
    assert (given.steps, given.together) == (3, largest_divisor(3, ring.steps_per_execution))
    batches = [batch.numpy() for batch in given.batches.take(6)]
    np.testing.assert_array_equal(np.concatenate(batches), np.concatenate([points, points]))
    shuffled = np.concatenate([batch.numpy() for batch in feed(ring, points, None, 16, True, None).batches.take(3)])
    assert not np.array_equal(shuffled, points)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), points)
    named = next(iter(feed(ring, {"examples": points, "more": 0}, None, None, False, None).batches))
    assert list(named) == ["examples"]
    assert named["examples"].shape == (32, 2)
    data = tf.data.Dataset.from_tensor_slices(points).batch(16, drop_remainder=True)
    given = feed(ring, data, None, None, True, 2 * ring.steps_per_execution)
    assert (given.steps, given.together) == (2 * ring.steps_per_execution, ring.steps_per_execution)
    np.testing.assert_array_equal(next(iter(given.batches.skip(4))), points[16:32])
    whole = {"examples": -np.ones((4, 28, 28, 1), np.float32), "labels": np.zeros(4, int), "more": 1}
    pixels = tf.data.Dataset.from_tensors(whole)
    kept = next(iter(feed(build(ganzoo.config("cgan_mnist")), pixels.repeat(50), None, None, True, None).batches))
    assert kept.keys() == {"examples", "labels", "more"}, "a scheme of one's own may want them"
    told = tf.data.Dataset.from_tensors({"another": 1, "examples": points}).repeat(3)
    assert feed(ring, told, None, None, True, None).steps == 3, "what is not the model's may be a number"
    spread = two_replicas.experimental_distribute_dataset(data)
    assert feed(ring, spread, None, None, True, 10) == (spread, 10, 10)
    assert feed(ring, spread, None, None, True, None) == (spread, None, 1)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (DATA, LABELS, "expected no y and no batch_size beside a tf.data.Dataset of batches"),
        (PIXELS, LABELS[:40], "expected parts of the same length, got {'examples': 70, 'labels': 40} (of others, give"),
        (PIXELS, LABELS / 1.0, "labels: expected integers [N] in 0 … 9, got float64 [70]"),
        (PIXELS, LABELS + 1, "labels: expected integers in 0 … 9, got 10"),
        ({"examples": PIXELS}, None, "expected (examples, labels), got ['examples']"),
        ((PIXELS, LABELS, LABELS), None, "expected (examples, labels), got 3 parts"),
        (DATA.unbatch(), None, "examples: expected images [n, 28, 28, 1], got uint8 [28, 28, 1] (batch the data set)"),
        (
            DATA.map(lambda x, y: (tf.cast(x, tf.int32), y)),
            None,
            "examples: expected uint8 or floats, got int32 [35, 28, 28, 1] (convert them)",
        ),
        (
            DATA.map(lambda x, y: (x[:, :27], y)),
            None,
            "examples: expected images [n, 28, 28, 1], got uint8 [35, 27, 28, 1]",
        ),
        (
            DATA.map(lambda x, y: (x, tf.one_hot(y, 10))),
            None,
            "labels: expected integers [N] in 0 … 9, got float32 [35, 10] (give the index of each class",
        ),
        (
            DATA.map(lambda x, y: (x, tf.cast(y, tf.float32))),
            None,
            "labels: expected integers [N] in 0 … 9, got float32 [35]",
        ),
        (DATA.map(lambda x, y: x), None, "expected (examples, labels), got one"),
        (DATA.filter(lambda x, y: False).unbatch().batch(35), None, "expected a batch or more, got none"),
        (PIXELS, LABELS - 1, "labels: expected integers in 0 … 9, got -1"),
        (PIXELS, np.eye(10)[LABELS], "labels: expected integers [N] in 0 … 9, got float64 [70, 10] (give the index"),
        (PIXELS.astype(np.float32), LABELS, "examples: expected floats in [-1, 1], got 0 to 255 in example 0"),
        (PIXELS[..., 0], LABELS, "examples: expected images [n, 28, 28, 1], got uint8 [70, 28, 28]"),
        (PIXELS, None, "expected (examples, labels), got one"),
        (PIXELS[:10], LABELS[:10], "expected batch_size=32 examples or more, got 10"),
        ((part for part in [PIXELS]), None, "expected arrays or a tf.data.Dataset of batches, got generator"),
        (keras.utils.PyDataset(), None, "expected arrays or a tf.data.Dataset of batches, got PyDataset"),
    ],
)
def test_data_that_cannot_be_trained_on(x, y, message, digits):
    with pytest.raises(UsageError) as caught:
        digits.fit(x, y, verbose=0)
    assert str(caught.value).startswith(f"cgan_mnist: fit: {message}")


def test_labels_for_a_model_without_classes(ring):
    with pytest.raises(UsageError, match=r"^gan_ring: fit: expected examples alone, got 2 parts$"):
        ring.fit(np.zeros((64, 2), np.float32), np.zeros(64, int))


def test_a_label_out_of_range_in_a_data_set(digits):
    data = tf.data.Dataset.from_tensor_slices((PIXELS, LABELS + 5)).batch(35, drop_remainder=True)
    with pytest.raises(UsageError, match=r"^cgan_mnist: fit: labels: expected integers from 0 to 9 in every batch$"):
        digits.fit(data, verbose=0)


@pytest.mark.parametrize("wrong", [PIXELS.astype(np.float32), np.full(PIXELS.shape, np.nan, np.float32)])
def test_pixels_out_of_range_in_a_data_set(wrong, digits):
    data = tf.data.Dataset.from_tensor_slices((wrong, LABELS)).batch(35, drop_remainder=True)
    with pytest.raises(UsageError) as caught:
        digits.fit(data, verbose=0)
    assert str(caught.value) == "cgan_mnist: fit: examples: expected uint8 or floats in [-1, 1] in every batch"


def test_images_without_labels_are_checked_too():
    unlabelled = build(ganzoo.config("dcgan").override({"generator.width": 4, "discriminator.width": 4}))
    given = feed(unlabelled, DATA.map(lambda pixels, _: tf.cast(pixels, tf.float32)), None, None, False, None)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"examples: expected uint8 or floats in \[-1, 1\]"):
        next(iter(given.batches))


def test_data_of_unknown_length_that_make_no_step(ring):
    rows = tf.data.Dataset.from_tensor_slices(np.zeros((9, 2), np.float32)).filter(lambda _: True)
    with pytest.raises(UsageError, match=r"^gan_ring: fit: expected 1 batches or more of equally many rows"):
        ring.fit(rows.batch(16, drop_remainder=True), verbose=0)


def test_data_without_an_end_need_their_steps(ring):
    rows = tf.data.Dataset.from_tensor_slices(np.zeros((9, 2), np.float32)).repeat()
    with pytest.raises(UsageError, match=r"^gan_ring: fit: expected steps_per_epoch for data without an end"):
        ring.fit(rows.batch(16), verbose=0)
    before = ring.step
    ring.fit(rows.batch(16), steps_per_epoch=3, verbose=0)
    assert ring.step - before == 3


def test_labels_in_few_bits(digits):
    data = tf.data.Dataset.from_tensor_slices((PIXELS, LABELS.astype(np.int8))).batch(35, drop_remainder=True)
    before = digits.step
    digits.fit(data, verbose=0)
    assert digits.step - before == 2


def test_batches_of_unknown_shape(ring):
    made = tf.data.Dataset.range(4).map(
        lambda _: tf.numpy_function(lambda: np.zeros((16, 2), np.float32), [], tf.float32)
    )
    with pytest.raises(UsageError, match=r"^gan_ring: fit: examples: expected batches of a known shape"):
        ring.fit(made, verbose=0)


def test_keras_own_defaults_and_typing_errors(ring):
    ring.fit(np.zeros((32, 2), np.float32), verbose=0, validation_freq=1, validation_split=0.0, class_weight=None)
    with pytest.raises(TypeError, match="unexpected keyword argument 'shufle'"):
        ring.fit(np.zeros((32, 2), np.float32), shufle=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation_data": (PIXELS, LABELS)}, "validation_data is not supported"),
        ({"validation_split": 0.1}, "validation_split is not supported"),
        ({"sample_weight": np.ones(70)}, "sample_weight is not supported"),
        ({"callbacks": [keras.callbacks.ReduceLROnPlateau()]}, "ReduceLROnPlateau needs a model with one optimizer"),
        ({"callbacks": [keras.callbacks.EarlyStopping()]}, "EarlyStopping monitors 'val_loss', expected one of gener"),
    ],
)
def test_what_makes_no_sense_for_a_gan(arguments, message, digits):
    with pytest.raises(UsageError, match=f"^cgan_mnist: fit: {message}"):
        digits.fit(PIXELS, LABELS, verbose=0, **arguments)


def test_callbacks_that_watch_what_is_logged(ring, tmp_path):
    """And one that watches nothing, as it keeps every epoch."""
    stopping = keras.callbacks.EarlyStopping("generator_loss")
    accuracy = keras.callbacks.EarlyStopping("discriminator_accuracy")
    told = keras.callbacks.EarlyStopping("discriminator_loss", mode="max")
    every = keras.callbacks.ModelCheckpoint(tmp_path / "m.keras", mode="auto")
    check_callbacks(ring, [stopping, accuracy, told, every])
    check_callbacks(ring, keras.callbacks.LambdaCallback())
    assert [each.mode for each in (stopping, accuracy, told)] == ["min", "max", "max"]
    best = keras.callbacks.ModelCheckpoint(tmp_path / "m.keras", save_best_only=True)
    for given in (best, [every, best], keras.callbacks.CallbackList([best])):
        with pytest.raises(UsageError, match="ModelCheckpoint monitors 'val_loss', expected one of generator_loss, di"):
            check_callbacks(ring, given)
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(UsageError, match="LearningRateScheduler needs a model with one optimizer"):
        check_callbacks(ring, [rate])


def test_rows_that_two_replicas_cannot_share(two_replicas):
    with two_replicas.scope():
        model = build(ganzoo.config("gan_ring"))
    points = np.zeros((99, 2), np.float32)
    with pytest.raises(
        UsageError, match=r"^batch: expected a multiple of 2 rows \(2 replicas, accumulate=1\), got 33$"
    ):
        model.fit(points, batch_size=33, verbose=0)
    with pytest.raises(UsageError, match=r"got 33$"):
        model.fit(tf.data.Dataset.from_tensor_slices(points).batch(33), verbose=0)


def test_a_distributed_data_set_of_unequal_rows(two_replicas):
    with two_replicas.scope():
        model = build(ganzoo.config("gan_ring"))
    points = tf.data.Dataset.from_tensor_slices(np.zeros((100, 2), np.float32))
    for batches in (points.batch(33, drop_remainder=True), points.batch(32)):
        with pytest.raises(
            UsageError, match=r"^gan_ring: fit: expected a distributed data set of equally many rows for"
        ):
            model.fit(two_replicas.experimental_distribute_dataset(batches), steps_per_epoch=1, verbose=0)
