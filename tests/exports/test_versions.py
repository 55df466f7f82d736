"""The export: it runs without ganzoo and Keras and gives Python's bytes; its place, its size, what travels with it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import ganzoo
from ganzoo.core import images
from ganzoo.errors import ConfigError, RunError, UsageError, WeightsError
from ganzoo.exports import versions
from ganzoo.models.build import build
from ganzoo.zoo import catalog

# Calls the signatures with the arrays of REQUESTS.npz (SIGNATURE.INPUT), twice, from two loads.
PLAIN = """
import sys
sys.modules["ganzoo"] = sys.modules["keras"] = None  # not importable
import numpy as np, tensorflow as tf
directory, requests = sys.argv[1:]
inputs = {}
for key, value in np.load(requests, allow_pickle=True).items():
    signature, name = key.split(".")
    inputs.setdefault(signature, {})[name] = tf.constant(value.tolist() if value.dtype == object else value)
for time in ("first", "again"):
    loaded = tf.saved_model.load(directory)
    outputs = {}
    for signature, given in inputs.items():
        for name, output in loaded.signatures[signature](**given).items():
            outputs[f"{signature}.{name}"] = output.numpy()
    np.savez(f"{requests}.{time}.npz", signatures=sorted(loaded.signatures), **outputs)
"""


@pytest.fixture(scope="module")
def model():
    return build(ganzoo.config("cgan").override({"generator.width": 4, "discriminator.width": 4}))


def called_plainly(directory, requests, folder):
    """What the signatures of an export give in a process without ganzoo and Keras; the same after a reload."""
    np.savez(folder / "requests.npz", **requests)
    arguments = [str(directory), str(folder / "requests.npz")]
    done = subprocess.run([sys.executable, "-c", PLAIN, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, again = (
        dict(np.load(folder / f"requests.npz.{time}.npz", allow_pickle=True)) for time in ("first", "again")
    )
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    return first


def test_a_generator_gives_the_bytes_of_python(tmp_path):
    path = ganzoo.export("cgan", tmp_path)
    assert path == tmp_path / "cgan_mnist" / "1"
    drawn = {
        "seeds": np.array([[1, 0], [1, 37]], np.int32),
        "truncation": np.array([1.0, 0.5], np.float32),
        "labels": np.array([3, 7], np.int32),
    }
    latents = {"latents": np.zeros([1, 64], np.float32), "labels": np.array([3], np.int32)}
    requests = {f"decode.{name}": value for name, value in latents.items()}
    for signature in ("generate", "generate_png", "serving_default"):
        requests |= {f"{signature}.{name}": value for name, value in drawn.items()}
    found = called_plainly(path, requests, tmp_path)
    assert found["signatures"].tolist() == ["decode", "generate", "generate_png", "serving_default"]
    model = ganzoo.load("cgan")
    expected = np.concatenate(
        [
            model.generate(labels=[3], seed=1, positions=[0]),
            model.generate(labels=[7], seed=1, positions=[37], truncation=0.5),
        ]
    )
    np.testing.assert_array_equal(found["generate.images"], expected)
    np.testing.assert_array_equal(found["serving_default.images"], expected)
    np.testing.assert_array_equal(found["decode.images"], model.decode(np.zeros((1, 64)), 3))
    decoded = [images.decode(file, "png", channels=1) for file in found["generate_png.png_bytes"]]
    np.testing.assert_array_equal(np.stack(decoded), expected)


@pytest.mark.slow
@pytest.mark.parametrize("shipped", [False, True])
def test_a_translator_gives_the_bytes_of_python(shipped, tmp_path):
    small = {"generator.width": 4, "generator.blocks": 1, "discriminator.width": 4}
    config = ganzoo.config("cyclegan_digits")
    model = ganzoo.load("cyclegan_digits") if shipped else build(config.override(small))
    path = ganzoo.export(model, tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 31, 45, 1), np.uint8)
    other = np.random.default_rng(1).integers(0, 256, (12, 9, 1), np.uint8)
    files = np.array([images.encode_png(pictures[0]), images.encode_png(other)], object)
    domains = ("plain", "bold")
    requests = {f"translate_to_{domain}.images": pictures for domain in domains}
    requests |= {f"translate_to_{domain}_bytes.image_bytes": files for domain in domains}
    found = called_plainly(path, {**requests, "serving_default.images": pictures}, tmp_path)
    names = [f"translate_to_{domain}{form}" for domain in domains for form in ("", "_bytes")]
    assert found["signatures"].tolist() == sorted(["serving_default", *names])
    for domain in domains:
        np.testing.assert_array_equal(found[f"translate_to_{domain}.images"], model.translate(pictures, domain))
        for given, file in zip((pictures[0], other), found[f"translate_to_{domain}_bytes.png_bytes"], strict=True):
            np.testing.assert_array_equal(images.decode(file, "png", channels=1), model.translate(given, domain))
    np.testing.assert_array_equal(found["serving_default.images"], found["translate_to_plain.images"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cgan_mnist", pytest.param("cyclegan_digits", marks=pytest.mark.slow)])
def test_in_bfloat16_it_is_some_grey_levels_away(name, tmp_path):
    """What Python's networks give that compute in bfloat16, with the weights of the averages."""
    path = ganzoo.export(name, tmp_path, precision="bfloat16")
    graph = (path / "saved_model.pb").read_bytes()
    assert graph != (ganzoo.export(name, tmp_path, version=2) / "saved_model.pb").read_bytes()
    model = ganzoo.load(name)
    short = build(model.config, precision="bfloat16")
    for role, average in model.averages.items():
        short.networks[role].set_weights(average.get_weights())
    signatures = tf.saved_model.load(str(path)).signatures
    if name == "cgan_mnist":
        latents, labels = model.sample_latents(30, seed=1), np.arange(30, dtype=np.int32) % 10
        made = signatures["decode"](latents=tf.constant(latents), labels=tf.constant(labels))["images"].numpy()
        drawn = short.networks["generator"]([latents, labels], training=False)
        full = model.decode(latents, labels)
    else:
        given = np.random.default_rng(0).integers(0, 256, (3, 32, 40, 1), np.uint8)
        made = signatures["translate_to_bold"](images=tf.constant(given))["images"].numpy()
        drawn = short.networks["generator_bold"](images.to_float(given), training=False)
        full = model.translate(given, "bold")
    wanted = images.to_uint8(tf.cast(drawn, tf.float32)).numpy()
    near = np.abs(made.astype(int) - wanted)  # the graph is optimized, and rounds in other places
    assert near.mean() < 0.3
    assert near.max() <= 8
    apart = np.abs(made.astype(int) - full)
    assert 0 < apart.mean() < 2


def test_a_model_without_a_config_has_no_other_precision(model, tmp_path, monkeypatch):
    monkeypatch.delattr(model, "config")
    with pytest.raises(UsageError, match="precision bfloat16: cgan_mnist has no config"):
        versions.write_version(model, tmp_path / "cgan_mnist", precision="bfloat16")
    assert not any(tmp_path.rglob("saved_model.pb"))


def test_each_weight_is_stored_once(model, tmp_path):
    path = ganzoo.export(model, tmp_path)
    size = (path / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert size < 1.1 * 4 * model.generator.count_params() + 4096


@pytest.mark.slow
def test_the_largest_is_small_and_quick_to_load(tmp_path):
    path = ganzoo.export("cyclegan_monet", tmp_path)
    assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) < 12_000_000
    script = (
        "import sys, time, tensorflow as tf; start = time.perf_counter(); tf.saved_model.load(sys.argv[1]);"
        "print(time.perf_counter() - start)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(took) < 3.0


def test_config_and_card_travel(model, tmp_path):
    extra = ganzoo.export("cgan", tmp_path) / "assets.extra"
    assert (extra / "config.yaml").read_text() == ganzoo.config("cgan").to_yaml()
    assert (extra / "card.yaml").read_bytes() == (catalog.directory() / "cards" / "cgan_mnist.yaml").read_bytes()
    extra = ganzoo.export(model, tmp_path, version=2) / "assets.extra"
    assert ganzoo.config(extra / "config.yaml") == model.config
    assert sorted(path.name for path in extra.iterdir()) == ["config.yaml", "tf_serving_warmup_requests"]


def test_without_the_messages_of_tensorflow_serving_there_is_no_warm_up(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    extra = ganzoo.export(model, tmp_path) / "assets.extra"
    assert [path.name for path in extra.iterdir()] == ["config.yaml"]
    assert capsys.readouterr().err == (
        "cgan_mnist: exported without warm-up requests (pip install 'ganzoo[serving]' adds them)\n"
    )
    ganzoo.export(model, tmp_path, version=2, quiet=True)
    assert capsys.readouterr().err == ""


def test_versions_are_not_overwritten_unasked(model, tmp_path):
    ganzoo.export(model, tmp_path, version=3)
    with pytest.raises(UsageError, match=r"3: already exists \(give another version, or overwrite it"):
        ganzoo.export(model, tmp_path, version=3)
    with pytest.raises(UsageError, match=r"3: already exists"):
        ganzoo.export("cgan", tmp_path, version=3)
    ganzoo.export(model, tmp_path, version=3, overwrite=True)
    assert [path.name for path in (tmp_path / "cgan_mnist").iterdir()] == ["3"]


def test_a_name_of_its_own(model, tmp_path):
    path = ganzoo.export(model, tmp_path, name="my_digits")
    assert path == tmp_path / "my_digits" / "1"
    records = tf.data.TFRecordDataset(str(path / "assets.extra" / "tf_serving_warmup_requests")).as_numpy_iterator()
    logs = map(prediction_log_pb2.PredictionLog.FromString, records)
    assert {log.predict_log.request.model_spec.name for log in logs} == {"my_digits"}
    with pytest.raises(UsageError, match=r"^name: expected a letter or digit, then letters, .*got 'a/b'"):
        ganzoo.export(model, tmp_path, name="a/b")


@pytest.mark.parametrize("version", [0, -1, True, "two", 1.5])
def test_versions_are_numbers(version, tmp_path):
    with pytest.raises(UsageError, match=r"version: expected an integer from 1 to 999999999999999999, got "):
        ganzoo.export("cgan", tmp_path, version=version)


@pytest.mark.parametrize("when", ["it is saved", "it gets its name"])
def test_a_version_that_cannot_be_replaced_stays(model, tmp_path, monkeypatch, when):
    path = ganzoo.export(model, tmp_path)
    before = (path / "saved_model.pb").read_bytes()
    rename, failed = Path.rename, []

    def fail(*arguments, **named):
        failed.append(when)
        raise OSError(28, "No space left on device")

    if when == "it is saved":
        monkeypatch.setattr(tf.saved_model, "save", fail)
    else:
        monkeypatch.setattr(Path, "rename", lambda a, b: fail() if b == path and not failed else rename(a, b))
    with pytest.raises(RunError, match=r"1: cannot be written \(No space left on device\)"):
        ganzoo.export(model, tmp_path, overwrite=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["1"]
    assert (path / "saved_model.pb").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=r"file/cgan_mnist/1: cannot be written \(Not a directory\)"):
        ganzoo.export(model, tmp_path / "file")


def test_untrained_models_are_exported_only_when_asked_for(tmp_path, capsys):
    with pytest.raises(WeightsError, match=r"gan_ring: has no trained weights; .* \(allow_untrained, --allow_untr"):
        ganzoo.export("gan_ring", tmp_path)
    assert not any(tmp_path.iterdir())
    path = ganzoo.export("gan_ring", tmp_path, allow_untrained=True)
    assert capsys.readouterr().err == "gan_ring: has no trained weights; exporting random ones\n"
    signatures = tf.saved_model.load(str(path)).signatures
    assert sorted(signatures) == ["decode", "generate", "serving_default"]
    inputs = {"seeds": tf.constant([[5, 0], [5, 1]]), "truncation": tf.ones(2)}
    expected = ganzoo.load("gan_ring", weights="random").generate(2, seed=5)
    np.testing.assert_array_equal(signatures["generate"](**inputs)["points"], expected)


def test_a_run_without_a_checkpoint(tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text(ganzoo.config("gan_ring").to_yaml())
    for allow in (False, True):
        with pytest.raises(WeightsError, match="run: has no checkpoint yet"):
            ganzoo.export(run, tmp_path / "out", allow_untrained=allow)
    assert not (tmp_path / "out").exists()


def test_an_unknown_model(tmp_path):
    with pytest.raises(ConfigError, match="unknown model 'cgna'"):
        ganzoo.export("cgna", tmp_path)
