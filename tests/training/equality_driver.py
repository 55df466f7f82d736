"""Trains every small zoo model from one seed in the ways named on the command line, and writes all of its variables.

    equality_driver.py OUT WAY…      a way is STRATEGY/XLA/FLOATS, such as mirrored2/xla/float64

Run alone, or as a worker of `tools/launch.py`; every worker writes what it holds, to OUT/MODEL/STRATEGY-XLA-FLOATS.npz.
"""

import dataclasses
import math
import os
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from small_runs import models_with_data

import ganzoo
from ganzoo.training import engine
from ganzoo.training.cluster import read_cluster
from ganzoo.training.resolve import pipeline_of, resolve

SMALL = {  # a network that is not here is taken as it is
    "dcgan": {"width": 4},
    "mlp": {"widths": [16, 16]},
    "resnet": {"width": 4, "blocks": 1},
    "unet": {"width": 4},
    "patchgan": {"width": 4},
    "sngan": {"width": 4},
    "r3gan": {"width": 4, "blocks": 1, "group": 4},
    "style": {"width": 4},
}
STRATEGIES = {
    "none": "none",
    "mirrored1": "mirrored:CPU:0",
    "mirrored2": "mirrored:CPU:0,CPU:1",
    "multiworker": "multiworker",
}
# compiled in float64 above all, where a difference shows: XLA takes most of the time
BASE = "none/noxla/float64"
GROUPS = (
    ("mirrored2/noxla/float64",),
    ("mirrored2/xla/float64",),
    ("none/noxla/float32", "none/noxla/bfloat16"),
    ("mirrored2/noxla/float64", "multiworker/noxla/float64"),  # compared with each other, bit for bit
)
BY_NIGHT = (
    *("none/xla/float64", "mirrored1/noxla/float64", "none/xla/float32", "mirrored2/noxla/float32"),
    *("multiworker/xla/float64", "multiworker/noxla/float32"),
)
EVERY_WAY = tuple(dict.fromkeys((BASE, *(way for group in GROUPS for way in group), *BY_NIGHT)))
BATCH = 8
STEPS = 8
# what the zoo's own configs do not have: several critic steps, clipping, schedules, gradient accumulation
EXTRAS = {
    "gan_ring": {
        "model.critic_steps": 2,
        "optimizer.clip_norm": 0.05,
        "optimizer.generator.schedule": {"name": "cosine", "end": 10},
        "optimizer.discriminator.schedule": {"name": "linear", "start": 2, "end": 6, "final": 0.1},
        "training.accumulate": 2,
    },
    # a batch and its labels for each critic step
    "cgan_mnist": {"model.critic_steps": 2},
    # a pool that is full after three steps, and the identity term
    "cyclegan_digits": {"model.pool_size": 20, "model.identity_weight": 5.0, "loss.label_smoothing": 0.1},
    "pix2pix_digits": {"loss.label_smoothing": 0.1},
    "cut_digits": {"model.flip_equivariance": True, "loss.label_smoothing": 0.1},
}
TOGETHER = 4  # steps of an execution, in float64
SGD = {"name": "sgd", "learning_rate": 0.05}


def asked(name, floats, xla="noxla"):
    """What a model's config is overridden by."""
    small = {"training.batch_size": BATCH, "training.steps_per_execution": TOGETHER, **EXTRAS.get(name, {})}
    for role, section in ganzoo.config(name).networks.items():
        for key, value in SMALL.get(section.network, {}).items():
            small[f"{role}.{key}"] = value
    if floats != "float64":
        small |= {f"optimizer.{update}": SGD for update in ganzoo.config(name).optimizer.updates}
        small |= {"optimizer.clip_norm": None}
    small |= {"training.xla": "on" if xla == "xla" else "off", "training.precision": "float32"}
    return {key: value for key, value in small.items() if value is not None}


def trained(name, strategy, xla, floats):
    """The variables of a model after 8 steps (float64), or after one step of plain gradient descent (others)."""
    exact = floats == "float64"
    keras.config.set_floatx("float64" if exact else "float32")
    # TensorFlow's optimizer of graphs orders long sums by the names of nodes, which are not the same in every way
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": floats == "float32"})
    small = asked(name, floats, xla)
    chosen = engine.choose(ganzoo.config(name).override(small), STRATEGIES[strategy])
    config, source = resolve(ganzoo.config(name), small)
    if floats == "bfloat16":  # asked of the model itself: it is to be right on any machine
        chosen = dataclasses.replace(chosen, precision="bfloat16")
    model = chosen.build(config)
    model.steps_per_execution = TOGETHER if exact else 1
    if not exact:
        stir(model)
    before = {f"before/{name}": variable.numpy() for name, variable in model.state().items()}
    batches = chosen.batches(pipeline_of(config, source), 0)
    steps = STEPS if exact else 1
    history = model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0).history
    state = {name: variable.numpy() for name, variable in model.state().items()}
    return before | state | {f"logs/{name}": np.array(values) for name, values in history.items()}


def takes(name, way):
    """Whether a model is trained in a way: XLA takes minutes over a translator or 64x64 images, in these ways."""
    config = ganzoo.config(name)
    slow_to_compile = config.offers("translate") or math.prod(config.dataset.example_shape) > 28 * 28
    return not (slow_to_compile and way in ("none/xla/float32", "mirrored2/xla/float64"))


def models():
    """One of each kind, and the DCGAN that the reference is of, which normalises in its discriminator too."""
    return sorted({*models_with_data(), "dcgan_mnist"})


def by_day(name, way):
    """Whether a cell is trained by day: of each model the base, and one group of ways in turn."""
    start = models().index(name)
    turns = [GROUPS[(start + turn) % len(GROUPS)] for turn in range(len(GROUPS))]
    return way in (BASE, *next(group for group in turns if takes(name, group[0])))


def stir(model):
    """Moves every weight, so that none is zero and no gradient cancels as they do before the first step."""
    numbers = np.random.default_rng(0)
    for network in model.networks.values():
        for variable in network.variables:
            value = variable.numpy()
            noise = numbers.normal(0.0, 0.1, value.shape)
            variable.assign(np.abs(value + noise) if "variance" in variable.path else value + noise)
    for role, average in model.averages.items():
        average.set_weights(model.networks[role].get_weights())


def main():
    out, *cells = sys.argv[1:]
    if "TF_CONFIG" not in os.environ:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for cell in cells:
        name, way = cell.split(":")
        state = trained(name, *way.split("/"))
        place = Path(out) / name
        place.mkdir(parents=True, exist_ok=True)
        worker = f"-{read_cluster().index}" if "TF_CONFIG" in os.environ else ""
        np.savez(place / f"{way.replace('/', '-')}{worker}.npz", **state)


if __name__ == "__main__":
    main()
