"""The export: signatures, one copy of each weight, no overwriting, and it runs without ganzoo and Keras."""

import json
import subprocess
import sys

import numpy as np
import pytest

import ganzoo
from ganzoo.errors import RunError, UsageError
from ganzoo.models.build import build

PLAIN = """
import json, sys
sys.modules["ganzoo"] = sys.modules["keras"] = None  # not importable
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
seeds = tf.constant([[1, 0], [1, 37]])
inputs = {"seeds": seeds, "truncation": tf.ones(2), "labels": tf.constant([3, 7])}
images = loaded.signatures["generate"](**inputs)["images"]
default = loaded.signatures["serving_default"](**inputs)["images"]
decoded = loaded.signatures["decode"](latents=tf.zeros([1, 64]), labels=tf.constant([3]))["images"]
print(json.dumps([images.numpy().tolist(), default.numpy().tolist(), decoded.numpy().tolist()]))
"""


@pytest.fixture(scope="module")
def model():
    return build(ganzoo.config("cgan").override({"generator.width": 4, "discriminator.width": 4}))


def test_a_process_without_ganzoo_and_keras_gives_the_same_bytes(model, tmp_path):
    path = ganzoo.export(model, tmp_path / "cgan")
    assert path == tmp_path / "cgan" / "1"
    done = subprocess.run([sys.executable, "-c", PLAIN, str(path)], capture_output=True, text=True, check=True)
    images, default, decoded = (np.array(part, np.uint8) for part in json.loads(done.stdout))
    np.testing.assert_array_equal(images, model.generate(labels=[3, 7], seed=1, positions=[0, 37]))
    np.testing.assert_array_equal(images, default)
    np.testing.assert_array_equal(decoded, model.decode(np.zeros((1, 64)), 3))


def test_each_weight_is_stored_once(model, tmp_path):
    path = ganzoo.export(model, tmp_path)
    size = (path / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert size < 1.1 * 4 * model.generator.count_params() + 4096


def test_versions_are_not_overwritten_unasked(model, tmp_path):
    ganzoo.export(model, tmp_path, version=3)
    with pytest.raises(UsageError, match=r"3: is there already \(give another version, or overwrite=True\)"):
        ganzoo.export(model, tmp_path, version=3)
    ganzoo.export(model, tmp_path, version=3, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["3"]
    for version in (0, -1, True, "two", 1.5):
        with pytest.raises(UsageError, match=r"version: .* an integer of 1 or more wanted"):
            ganzoo.export(model, tmp_path, version=version)


def test_a_place_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot be written"):
        ganzoo.export(model, tmp_path / "file")


TRANSLATES = """
import sys
sys.modules["ganzoo"] = sys.modules["keras"] = None  # not importable
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
assert sorted(loaded.signatures) == ["serving_default", "translate_to_bold", "translate_to_plain"]
pictures = tf.constant(np.load(sys.argv[2]))
for name in ("plain", "bold"):
    np.save(f"{sys.argv[2]}.{name}.npy", loaded.signatures[f"translate_to_{name}"](images=pictures)["images"])
default = loaded.signatures["serving_default"](images=pictures)["images"]
np.testing.assert_array_equal(default, np.load(sys.argv[2] + ".plain.npy"))
"""


def test_a_translation_without_ganzoo_and_keras_gives_the_same_bytes(tmp_path):
    small = {"generator.width": 4, "generator.blocks": 1, "discriminator.width": 4}
    model = build(ganzoo.config("cyclegan_digits").override(small))
    path = ganzoo.export(model, tmp_path / "cyclegan")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 31, 45, 1), np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    subprocess.run([sys.executable, "-c", TRANSLATES, str(path), str(tmp_path / "pictures.npy")], check=True)
    for domain in ("plain", "bold"):
        found = np.load(tmp_path / f"pictures.npy.{domain}.npy")
        np.testing.assert_array_equal(found, model.translate(pictures, domain))
