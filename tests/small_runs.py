"""Short trainings of small networks, which tests of runs share."""

from __future__ import annotations

import contextlib
import math

import numpy as np

import ganzoo
from ganzoo.data.open import check_available
from ganzoo.errors import DataError
from ganzoo.training import run
from ganzoo.training.callbacks import Stop
from ganzoo.training.directory import RunDirectory

RING = {
    "generator.widths": [8],
    "discriminator.widths": [8],
    "training.batch_size": 16,
    "training.steps": 60,
    "training.log_every": 10,
    "training.sample_every": 30,
    "training.checkpoint_every": 20,
    "training.steps_per_execution": 5,
}
DIGITS = {key: value for key, value in RING.items() if not key.endswith("widths")}
DIGITS |= {"generator.width": 4, "discriminator.width": 4}

TINY = {
    "dcgan": {"width": 2},
    "mlp": {"widths": [4]},
    "resnet": {"width": 2, "blocks": 1},
    "unet": {"width": 2},
    "patchgan": {"width": 2},
    "sngan": {"width": 2},
    "r3gan": {"width": 2, "blocks": 1, "group": 2},
    "style": {"width": 2},
    "light": {"width": 2},
    "projected": {"width": 2, "pixels": 2},
}


NEEDED = {  # options of objectives that have no default
    "consistency": {"augmentation": "instance_noise"},
    "heads": {"losses": ["hinge", "non_saturating"]},
}


def tiny(config):
    """Overrides that make every network of a config as small as can be."""
    small = {
        f"{role}.{key}": value
        for role, section in config.networks.items()
        for key, value in TINY[section.network].items()
    }
    grouped = [role for role, section in config.networks.items() if section.arguments.get("minibatch_deviation")]
    return small | {f"{role}.group": 2 for role in grouped}  # batches of two rows


def model_of_each_kind():
    """The smallest model of each kind (scheme, conditioning, networks, task), by name; a new one enters by itself."""
    found = {}
    for name in ganzoo.list_models():
        config = ganzoo.config(name)
        networks = tuple(sorted((role, section.network) for role, section in config.networks.items()))
        smallest = (math.prod(config.dataset.example_shape), name)
        kind = (config.model.scheme, getattr(config.model, "conditioning", None), networks, config.task)
        found[kind] = min(found.get(kind, smallest), smallest)
    return sorted(name for _, name in found.values())


def models_with_data():
    """Those of them whose data are in the package."""
    found = []
    for name in model_of_each_kind():
        with contextlib.suppress(DataError):
            check_available(ganzoo.config(name).dataset)
            found.append(name)
    return found


def train(model, workdir, overrides, *, quiet=True, **more):
    """Trains a Config or a model of the zoo as `ganzoo.train` does, but exports nothing: a quarter of the time."""
    return run.train(ganzoo.config(model) if isinstance(model, str) else model, workdir, overrides, quiet=quiet, **more)


def stopping_at(patch, step):
    """Stops a run as Ctrl-C does."""

    def stop(self, batch, logs=None):
        self.model.stop_training = self.model.step == step

    patch.setattr(Stop, "on_train_batch_end", stop)


def losses(made):
    """The lines of the log without the one thing that no two runs share."""
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in made.losses]


def sheets(made):
    """The sample sheets that a run has drawn: name -> bytes."""
    return {path.name: path.read_bytes() for path in RunDirectory(made.directory).sample_sheets()}


def assert_same_state(made, other):
    """The models of both runs have the same variables, bit for bit."""
    wanted = other.model.state()
    assert made.model.state().keys() == wanted.keys()
    for name, variable in made.model.state().items():
        np.testing.assert_array_equal(variable.numpy(), wanted[name].numpy(), err_msg=name)


def assert_same_end(made, other):
    """The same variables, losses and sheets."""
    assert_same_state(made, other)
    assert losses(made) == losses(other)
    assert sheets(made) == sheets(other)
