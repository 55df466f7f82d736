"""The model as a keras.Model: calls, predict, summary, `.keras` files, and what Keras offers that makes no sense."""

import copy
import os
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo.core import images
from ganzoo.errors import UsageError
from ganzoo.models.build import build

# Keras 3.15 reads a variable in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

RESNET = {"generator": {"network": "resnet", "width": 4, "blocks": 1}, "discriminator.width": 2}


@pytest.fixture(scope="module")
def digits():
    return ganzoo.load("cgan_mnist")


@pytest.fixture(scope="module")
def painter():
    return build(ganzoo.config("cyclegan_digits").override(RESNET))


def pictures(n, height, width):
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 1), dtype=np.uint8)


def test_a_call_and_predict_are_decode(digits):
    latents, labels = digits.sample_latents(20, seed=3), np.arange(20) % 10
    wanted = digits.decode(latents, labels)
    for made in (digits([latents, labels]), digits((latents, labels)), digits.predict([latents, labels], verbose=0)):
        assert np.asarray(made).dtype == np.float32
        assert np.abs(made).max() <= 1.0
        assert np.array_equal(images.to_uint8(made), wanted)
    with pytest.raises(UsageError, match=r"cgan_mnist: expected \[latents, labels\], got 1 input\(s\)"):
        digits(latents)


def test_a_call_of_an_unconditional_model():
    ring = build(ganzoo.config("gan_ring"))
    latents = ring.sample_latents(20, seed=3)
    assert np.array_equal(ring(latents), ring.decode(latents))
    assert np.array_equal(ring.predict(latents, verbose=0), ring.decode(latents))
    with pytest.raises(UsageError, match=r"gan_ring: expected latents alone, got 2 input\(s\)"):
        ring([latents, np.zeros(20, np.int32)])


def test_a_call_and_predict_are_translate(painter):
    batch = pictures(3, 30, 29)
    wanted = painter.translate(batch)
    for given in (batch, images.to_float(batch)):
        assert np.array_equal(images.to_uint8(painter(given)), wanted)
        assert np.array_equal(images.to_uint8(painter.predict(np.asarray(given), verbose=0)), wanted)


def test_summary(digits, painter, capsys):
    digits.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cgan_mnist (ConditionalGAN), step 0"
    assert lines[1].split() == ["network", "direction", "parameters", "moving", "average", "trained", "by"]
    parameters = digits.networks["generator"].count_params()
    assert lines[2].startswith(f"generator      N×{digits.latent_size} and N → N×28×28×1")
    assert f"{parameters:,}" in lines[2]
    total = sum(network.count_params() for network in digits.networks.values())
    assert lines[-1] == f"{total:,} parameters without moving averages; offers generate"
    told = []
    painter.summary(print_fn=told.append)
    assert "bold to plain: N×None×None×1" in told[0].replace("×N×", "×None×") or "bold to plain: N×" in told[0]
    assert "plain: real or not" in told[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_file_gives_the_same_model(tmp_path, precision, ema_decay):
    config = ganzoo.config("gan_ring").override({"training.ema_decay": ema_decay})
    model = build(config, precision=precision)
    for number, variable in enumerate(model.state().values()):
        if variable.dtype == "float32" and number % 2:
            variable.assign(variable + 0.01 * (number % 7))
    model.step_counter.assign(17)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert type(again) is type(model)
    assert (again.config, again.step, again.name) == (config, 17, "gan_ring")
    for name, variable in model.state().items():
        assert np.array_equal(again.state()[name], variable), name
    assert np.array_equal(again.generate(50, seed=1), model.generate(50, seed=1))


def test_a_translator_s_file(tmp_path, painter):
    painter.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    batch = pictures(2, 30, 29)
    for domain in painter.domains:
        assert np.array_equal(again.translate(batch, domain), painter.translate(batch, domain))


def fresh(script):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


@pytest.mark.parametrize(
    "imports", ["import ganzoo, keras", pytest.param("import keras, ganzoo", marks=pytest.mark.slow)]
)
def test_a_fresh_process_draws_the_same_bytes(tmp_path, digits, imports):
    file = tmp_path / "m.keras"
    digits.save(file)
    digits.generator_ema.save(tmp_path / "generator.keras")
    latents = digits.sample_latents(1, seed=1)
    np.save(tmp_path / "latents.npy", latents)
    script = (
        f"{imports}; import sys, numpy as np; draw = keras.models.load_model({str(file)!r}).generate\n"
        "sys.stdout.buffer.write(draw(labels=[3], seed=1).tobytes())\n"
        f"network = keras.models.load_model({str(tmp_path / 'generator.keras')!r})\n"
        f"made = network([np.load({str(tmp_path / 'latents.npy')!r}), np.array([3])], training=False)\n"
        "sys.stdout.buffer.write(np.rint((np.asarray(made) + 1) * 127.5).astype(np.uint8).tobytes())"
    )
    printed = fresh(script)
    wanted = digits.generate(labels=[3], seed=1).tobytes()
    assert printed[: len(wanted)] == wanted
    whole = np.frombuffer(printed[len(wanted) :], np.uint8).astype(int)
    assert np.abs(whole - np.frombuffer(wanted, np.uint8)).max() <= 1


@pytest.mark.slow
def test_our_modules_can_be_imported_in_any_order():
    for module in (
        "engine.stepped",
        "networks.layers.convolution",
        "models.build",
        "core.randomness",
        "networks.dcgan",
    ):
        assert fresh(
            f"import ganzoo.{module}, keras; print(keras.saving.get_registered_object('ganzoo>Model').__name__)"
        )


def test_what_keras_offers_that_makes_no_sense(digits, painter):
    for call, message in {
        (digits.evaluate, "cgan_mnist: is evaluated by ganzoo.evaluate(model, metrics, num_samples)"),
        (digits.test_on_batch, "cgan_mnist: is evaluated by ganzoo.evaluate(model, metrics, num_samples)"),
        (digits.train_on_batch, "cgan_mnist: is trained by model.fit(batches, steps_per_epoch=…), or by ganzoo.train"),
        (digits.export, "cgan_mnist: is exported by ganzoo.export(model, DIRECTORY)"),
        (digits.translate, "cgan_mnist: does not translate (it has model.generate(…))"),
        (painter.generate, "cyclegan_digits: draws no examples (it has model.translate(…))"),
    }:
        with pytest.raises(UsageError) as caught:
            call(np.zeros((1, 2)))
        assert str(caught.value) == message


def test_a_model_without_a_config_cannot_be_saved(tmp_path, digits):
    bare = type(digits)(digits.generator, digits.discriminator, digits.latent_size, classes=10, name="bare")
    with pytest.raises(UsageError, match=r"^bare: has no config to be saved with: build it"):
        bare.get_config()


def test_weights_saved_with_other_optimizers(tmp_path, caplog):
    saved, other = (build(ganzoo.config("gan_ring")) for _ in range(2))
    saved.compile("sgd", "sgd")
    saved.fit(np.zeros((32, 2), np.float32), verbose=0)
    saved.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert other.step == 1
    assert "start anew: the optimizer of generator and the optimizer of discriminator" in caplog.text
    assert np.array_equal(other.generate(5, seed=1), saved.generate(5, seed=1))


def test_training_goes_on_from_weights_as_if_it_had_not_stopped(tmp_path):
    points = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    whole, begun, resumed = (build(ganzoo.config("gan_ring")) for _ in range(3))
    whole.fit(points, epochs=4, shuffle=False, verbose=0)
    begun.fit(points, epochs=2, shuffle=False, verbose=0)
    begun.save_weights(tmp_path / "m.weights.h5")
    resumed.load_weights(tmp_path / "m.weights.h5")
    resumed.fit(points, epochs=2, shuffle=False, verbose=0)
    assert resumed.step == 4
    for name, variable in whole.state().items():
        assert np.array_equal(resumed.state()[name], variable), name


class Stop(keras.callbacks.Callback):
    """Stands for an interruption at the end of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            raise KeyboardInterrupt


def test_backup_and_restore_goes_on_as_if_it_had_not_stopped(tmp_path):
    points = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    whole, begun, resumed = (build(ganzoo.config("gan_ring")) for _ in range(3))
    whole.fit(points, epochs=4, shuffle=False, verbose=0)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        begun.fit(points, epochs=4, shuffle=False, verbose=0, callbacks=[backup, Stop(2)])
    again = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    resumed.fit(points, epochs=4, shuffle=False, verbose=0, callbacks=[again])
    assert resumed.step == 4
    for name, variable in whole.state().items():
        assert np.array_equal(resumed.state()[name], variable), name


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), keras.models.clone_model],
    ids=["deepcopy", "pickle", "clone_model"],
)
def test_copies(copied):
    """A clone has Keras's new initial weights, the others are the model."""
    points = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    ring = build(ganzoo.config("gan_ring"))
    ring.fit(points, verbose=0)
    other = copied(ring)
    assert (type(other), other.name) == (type(ring), "gan_ring")
    if copied is not keras.models.clone_model:
        assert np.array_equal(other.generate(5, seed=1), ring.generate(5, seed=1))
    before = ring.generate(5, seed=1)
    other.fit(points, verbose=0)
    assert np.array_equal(ring.generate(5, seed=1), before), "no variables are shared"


def test_keras_own_callbacks(tmp_path):
    points = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    ring = build(ganzoo.config("gan_ring"))
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "generator_loss", save_best_only=True)
    stopping = keras.callbacks.EarlyStopping("discriminator_accuracy", min_delta=1.0, patience=1)
    history = ring.fit(points, epochs=9, verbose=0, callbacks=[best, stopping]).history
    assert len(history["generator_loss"]) == 2
    assert keras.models.load_model(tmp_path / "best.keras").step == 2 * (1 + int(np.argmin(history["generator_loss"])))
