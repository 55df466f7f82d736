"""What a run computes on: every choice with its reason, every refusal in one line, and the batches of the replicas."""

import dataclasses
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.data.open import open_source
from ganzoo.data.pipeline import Pipeline
from ganzoo.errors import ConfigError, UsageError
from ganzoo.models.build import build
from ganzoo.training import engine

RING = {
    "generator.widths": [4],
    "discriminator.widths": [4],
    "penalties": [],
    "training.batch_size": 8,
    "training.steps_per_execution": 1,
}
TWO = "mirrored:CPU:0,CPU:1"


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    """A CPU with bfloat16, outside of a cluster; call it for one with other flags."""

    def has(*flags):
        monkeypatch.setattr(engine, "cpu_flags", lambda: frozenset(flags))

    has("fpu", "avx512_bf16")
    for variable in ("TF_CONFIG", "TPU_NAME"):
        monkeypatch.delenv(variable, raising=False)
    return has


def config(name="cgan", **training):
    return ganzoo.config(name).override({f"training.{key}": value for key, value in training.items()})


def refusal(*arguments, error=UsageError, asked=None, **more):
    with pytest.raises(error) as caught:
        engine.choose(asked or config(), *arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "name", "replicas", "reason"),
    [
        ("auto", "none", 1, "one device"),
        ("none", "none", 1, "one device"),
        ("mirrored", "mirrored", 2, "mirrored over CPU:0, CPU:1"),
        ("mirrored:CPU:1", "mirrored", 1, "mirrored over CPU:1"),
        ("mirrored:/device:cpu:1,CPU:0", "mirrored", 2, "mirrored over CPU:1, CPU:0"),
    ],
)
def test_strategies(strategy, name, replicas, reason):
    chosen = engine.choose(config(), strategy)
    assert (chosen.name, chosen.replicas, chosen.workers, chosen.index) == (name, replicas, 1, 0)
    assert chosen.reasons["strategy"] == reason
    assert chosen.is_chief


def test_logical_devices_that_are_there_already():
    """The tests have two."""
    assert engine.choose(config(), "auto", 2).replicas == 2
    assert engine.choose(config(), "mirrored", 2).replicas == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("mirrord",),
            "strategy: expected one of auto, none, mirrored, multiworker, tpu or mirrored:DEVICE,…, got 'mirrord'",
        ),
        (
            ("none:CPU:0",),
            "strategy: expected one of auto, none, mirrored, multiworker, tpu or mirrored:DEVICE,…, got 'none:CPU:0'",
        ),
        (("",), "strategy: expected one of auto, none, mirrored, multiworker, tpu or mirrored:DEVICE,…, got ''"),
        (("mirrored:CPU:7",), "strategy mirrored: unknown device CPU:7 (available: CPU:0, CPU:1)"),
        (("mirrored:CPU:0,GPU:0",), "strategy mirrored: unknown device GPU:0 (available: CPU:0, CPU:1)"),
        (("mirrored:CPU:0,cpu:0",), "strategy mirrored: CPU:0 is given twice"),
        (("none", 2), "logical_devices=2: expected strategy mirrored, got none"),
        (("multiworker", 2), "logical_devices=2: expected strategy mirrored, got multiworker"),
        (("auto", 3), "logical_devices=3: TensorFlow has already started with 2 (use a new process)"),
        (("mirrored", 1), "logical_devices=1: TensorFlow has already started with 2"),
        (("mirrored", 0), "logical_devices: expected 1 or more, got 0"),
        (
            ("multiworker",),
            "strategy multiworker: TF_CONFIG is not set, which lists the workers (try it here:",
        ),
        (("tpu",), "strategy tpu: no TPU found ("),
    ],
)
def test_strategies_that_cannot_be_had(arguments, message):
    assert refusal(*arguments).startswith(message)


def test_a_tf_config_that_makes_no_sense(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}}')
    assert refusal("none").startswith("TF_CONFIG: task is missing")


def test_workers_after_tensorflow_has_begun(monkeypatch):
    """TensorFlow joins workers before anything else or not at all; this process has begun long ago."""
    tf.constant(0)
    workers = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    for asked in ("auto", "multiworker"):
        message = refusal(asked)
        assert message.startswith("strategy multiworker: TensorFlow can no longer join the workers (")
        assert message.endswith("train in a process that has not used TensorFlow")


@pytest.mark.parametrize("flag", ["amx_bf16", "avx512_bf16"])
def test_a_cpu_with_bfloat16(cpu, flag):
    cpu("avx512f", flag)
    chosen = engine.choose(config(precision="auto"))
    assert (chosen.precision, chosen.reasons["precision"]) == ("bfloat16", f"bfloat16 (this CPU has {flag})")


@pytest.mark.parametrize("flags", [("avx512f",), ()])
def test_a_cpu_without_bfloat16(cpu, flags):
    cpu(*flags)
    chosen = engine.choose(config(precision="auto"))
    assert (chosen.precision, chosen.reasons["precision"]) == ("float32", "float32 (this CPU has no bfloat16)")
    message = refusal(asked=config(precision="bfloat16"))
    assert message == "precision bfloat16: this CPU has no bfloat16 (use float32 or auto)"


def test_points_stay_in_float32():
    chosen = engine.choose(config("gan_ring", precision="auto"))
    assert chosen.precision == "float32"
    assert chosen.reasons["precision"] == "float32 (points need more digits than bfloat16 has)"
    assert engine.choose(config("gan_ring", precision="bfloat16")).precision == "bfloat16"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_is_asked_for(precision):
    chosen = engine.choose(config(precision=precision), TWO)
    assert (chosen.precision, chosen.reasons["precision"]) == (precision, f"{precision} (as set)")


def test_float16_on_a_cpu():
    message = "precision float16: hundreds of times slower on a CPU (use bfloat16 or float32)"
    assert refusal(asked=config(precision="float16")) == message
    assert refusal(TWO, asked=config(precision="float16")) == message


@pytest.mark.parametrize(
    ("asked", "chosen", "reason"),
    [
        ("auto", False, "no XLA (on a CPU it is slower than oneDNN)"),
        ("on", True, "XLA (as set)"),
        ("off", False, "no XLA (as set)"),
    ],
)
def test_xla(asked, chosen, reason):
    made = engine.choose(config(xla=asked))
    assert (made.xla, made.reasons["xla"]) == (chosen, reason)


def test_determinism_is_without_xla(monkeypatch):
    called = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: called.append(True))
    for asked in ("auto", "off"):
        made = engine.choose(config(xla=asked), deterministic=True)
        assert (made.xla, made.reasons["xla"]) == (False, "no XLA (op determinism)")
    assert called == [True, True]
    message = refusal(asked=config(xla="on"), deterministic=True, error=ConfigError)
    assert message.startswith("cgan_mnist: training.xla: expected off or auto, got on")
    assert called == [True, True]


@pytest.mark.parametrize(
    ("capability", "precision", "reason"),
    [
        ((8, 0), "bfloat16", "bfloat16 (this GPU has bfloat16)"),
        ((9, 0), "bfloat16", "bfloat16 (this GPU has bfloat16)"),
        ((7, 5), "float32", "float32 (this GPU lacks bfloat16)"),
    ],
)
def test_a_gpu(monkeypatch, capability, precision, reason):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"the only {kind}"])
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [f"the only {kind}"])
    details = {"compute_capability": capability}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)
    made = engine.choose(config(precision="auto"))
    assert (made.name, made.precision, made.reasons["precision"]) == ("none", precision, reason)
    assert (made.xla, made.reasons["xla"]) == (True, "XLA (a GPU gains from it)")
    assert engine.choose(config(precision="float16")).precision == "float16"
    if precision == "float32":
        message = refusal(asked=config(precision="bfloat16"))
        assert message == "precision bfloat16: this GPU lacks bfloat16 (use float32, float16 or auto)"


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "message"),
    [
        (9, 1, "training.batch_size: 9 does not divide by 2 replicas (for example: 8)"),
        (1, 1, "training.batch_size: 1 does not divide by 2 replicas (for example: 2)"),
        (10, 2, "training.batch_size: 10 does not divide by 2 replicas x accumulate 2 (for example: 8)"),
        (5, 3, "training.batch_size: 5 does not divide by 2 replicas x accumulate 3 (for example: 6)"),
    ],
)
def test_batches_that_do_not_divide(batch_size, accumulate, message):
    made = engine.choose(config(), TWO)
    with pytest.raises(ConfigError) as caught:
        made.build(config(batch_size=batch_size, accumulate=accumulate))
    assert str(caught.value) == message


def test_one_device_divides_by_accumulate_alone():
    with pytest.raises(ConfigError, match=r"does not divide by 1 replicas x accumulate 3 \(for example: 9\)"):
        engine.choose(config(), "none").build(config(batch_size=8, accumulate=3))


def test_it_builds_under_its_strategy_what_it_chose():
    ring = ganzoo.config("gan_ring").override({**RING, "training.precision": "bfloat16", "training.xla": "on"})
    made = engine.choose(ring, TWO)
    model = made.build(ring)
    assert model.distribute_strategy is made.strategy
    assert {layer.compute_dtype for layer in model.generator.layers if layer.weights} == {"bfloat16"}
    assert model.xla


def test_fit_under_another_strategy_than_the_models():
    ring = ganzoo.config("gan_ring").override(RING)
    two, one = engine.choose(ring, TWO), engine.choose(ring, "mirrored:CPU:0")
    batches = tf.data.Dataset.from_tensors(np.zeros((8, 2), np.float32)).repeat()

    def fit_in(strategy, model):
        with strategy.scope():
            model.fit(batches, steps_per_epoch=1, epochs=1, shuffle=False, verbose=0)

    alone = build(ring)
    with pytest.raises(UsageError, match=r"gan_ring: hidden1/kernel was created outside the current strategy \(build"):
        fit_in(two, alone)
    model = two.build(ring)
    with pytest.raises(
        UsageError, match=r"gan_ring: expected the strategy that it was made under, got another one \(build"
    ):
        fit_in(one, model)
    fit_in(two, model)  # its own
    assert (alone.step, model.step) == (0, 1)


def test_parts_that_are_made_under_different_strategies():
    """Optimizers that one replica's variables belong to would be updated once for each replica."""
    ring = ganzoo.config("gan_ring").override(RING)
    two = engine.choose(ring, TWO)
    model, outside = two.build(ring), build(ring)

    def optimizers():
        return [keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)]

    with pytest.raises(UsageError, match="gan_ring: expected the strategy that it was made under, got another one"):
        model.compile(*optimizers())
    made_outside = optimizers()
    with two.scope():
        with pytest.raises(UsageError, match=r"gan_ring: adam.*/iteration was created outside the current strategy"):
            model.compile(*made_outside)
        with pytest.raises(UsageError, match="gan_ring: hidden1/kernel was created outside the current strategy"):
            outside.compile(*optimizers())
        with pytest.raises(UsageError, match="hidden1/kernel was created outside"):
            type(outside)(outside.generator, outside.discriminator, 2, name="mixed").compile(*optimizers())
        model.compile(*optimizers())


def pipeline(name, batch_size):
    return Pipeline(
        open_source(ganzoo.config({"ring": "gan_ring", "mnist_5k": "cgan"}[name]).dataset), batch_size, seed=3
    )


@pytest.mark.parametrize("first", [0, 3, 700])
@pytest.mark.parametrize("name", ["mnist_5k", "ring"])
def test_the_replicas_rows_put_together_are_the_global_batches(name, first):
    """In order, from any batch on, labels too; batch 700 of 12 is in the second epoch of 5,000 digits."""
    source = pipeline(name, 12)
    expected = list(source.dataset(first).take(3))
    made = engine.choose(config(), TWO)
    batches = iter(made.batches(source, first))
    for batch in expected:
        parts = next(batches)
        assert parts.keys() == batch.keys()
        for key, whole in batch.items():
            rows = [part.numpy() for part in made.strategy.experimental_local_results(parts[key])]
            assert [len(part) for part in rows] == [6, 6]
            np.testing.assert_array_equal(np.concatenate(rows), whole)


@pytest.mark.parametrize("strategy", ["none", "mirrored:CPU:0"])
def test_one_device_takes_whole_batches(strategy):
    source = pipeline("mnist_5k", 4)
    batches = engine.choose(config(), strategy).batches(source, 5)
    for batch, expected in zip(batches, source.dataset(5).take(2), strict=False):
        np.testing.assert_array_equal(batch["examples"], expected["examples"])
        np.testing.assert_array_equal(batch["labels"], expected["labels"])


def test_it_describes_itself():
    made = engine.choose(config(precision="float32", xla="on"), TWO)
    assert made.describe() == "mirrored over CPU:0, CPU:1; float32 (as set); XLA (as set)"
    assert made.to_dict() == {
        "strategy": "mirrored",
        "replicas": 2,
        "workers": 1,
        "threads": None,
        "precision": "float32",
        "xla": True,
    }
    json.dumps(made.to_dict())
    second = dataclasses.replace(made, workers=2, index=1)
    assert not second.is_chief
    assert second.to_dict()["workers"] == 2


def test_one_worker_agrees_with_itself():
    made = engine.choose(config(), TWO)
    assert made.agree([True, False]) == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "before", "threads"),
    [
        ("cyclegan_digits", "", 2),
        pytest.param("cgan", "", None, marks=pytest.mark.slow),
        pytest.param(
            "cyclegan_digits", "tf.config.threading.set_intra_op_parallelism_threads(3)", 3, marks=pytest.mark.slow
        ),
        pytest.param("cyclegan_digits", "os.environ['TF_NUM_INTRAOP_THREADS'] = '3'", None, marks=pytest.mark.slow),
        pytest.param("cyclegan_digits", "tf.constant(0)", None, marks=pytest.mark.slow),
        pytest.param("cyclegan_digits", "engine.cores = lambda: 1", None, marks=pytest.mark.slow),
    ],
)
def test_operations_use_half_of_the_cores_where_a_step_has_two_halves(model, before, threads):
    """In a process of its own, for TensorFlow takes it before its first operation and never again."""
    code = f"""
import os
import tensorflow as tf
import ganzoo
from ganzoo.training import engine

engine.cores = lambda: 4
{before}
made = engine.choose(ganzoo.config("{model}"), "none")
tf.constant(0)
print(made.threads, "threads" in made.reasons, made.describe())
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith(f"{threads} {threads is not None} one device; ")
    assert ("operations on 2 of 4 cores" in done.stdout) == (threads == 2)
