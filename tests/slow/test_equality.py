"""The equality matrix: one training on one device, two replicas, two processes, compiled or not, in any precision."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference

import ganzoo
from ganzoo.registry import of
from ganzoo.training.resolve import pipeline_of, resolve

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
DRIVER = TESTS / "training" / "equality_driver.py"
LAUNCH = TESTS.parent / "tools" / "launch.py"
BASE = "none-noxla-float64"
# relative distances after one step in float32 and in bfloat16; each of a CycleGAN's generators normalises nearly flat
# images one by one, and learns through the other one; so does the U-Net of pix2pix (measured in bfloat16: 0.13 of its
# first biases) and CUT's generator (measured in float32: 7e-4); a VAE's likelihood is a sum over 784 pixels, of which
# the encoder sees what is left through two networks (0.08 of its first biases), and InfoGAN's codes through as many
# (0.17 of the last bias); the gradient of a kernel with spectral normalisation lacks its largest part (0.07); CUT's
# heads see features of nearly flat images (0.06); the strengths of a style generator's noise are single numbers (0.07,
# and 0.18 on a processor that multiplies bfloat16)
LIMITS = (1e-4, 3e-2)
LIMITS_OF = {
    "cut_digits": (1e-3, 0.15),
    "cyclegan_digits": (1e-3, 0.2),
    "pix2pix_digits": (1e-3, 0.2),
    "vae_mnist": (1e-3, 0.15),
    "sngan_mnist": (1e-3, 0.15),
    "infogan_mnist": (1e-3, 0.25),
    "stylegan2_mnist": (1e-4, 0.3),
}


def load_driver():
    spec = importlib.util.spec_from_file_location("equality_driver", DRIVER)
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    return driver


driver = load_driver()
MODELS = driver.models()
REFERENCED = ["cgan_mnist", "cut_digits", "cyclegan_digits", "dcgan_mnist"]


CELLS = [(name, way) for name in MODELS for way in driver.EVERY_WAY if driver.takes(name, way)]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder with the states of all cells by day."""
    out = tmp_path_factory.mktemp("equality")
    run(out, [cell for cell in CELLS if driver.by_day(*cell)])
    return out


@pytest.fixture(scope="module")
def all_out(out):
    """The same with those by night."""
    run(out, [cell for cell in CELLS if not driver.by_day(*cell)])
    return out


def run(out, cells):
    workers = [":".join(cell) for cell in cells if "multiworker" in cell[1]]
    alone = [":".join(cell) for cell in cells if "multiworker" not in cell[1]]
    launched = [sys.executable, LAUNCH, "--workers", "2", "--", sys.executable, DRIVER, out, *workers]
    commands = ([sys.executable, DRIVER, out, *alone], launched)
    how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths}
    # side by side: most of it is tracing, on one core
    started = [subprocess.Popen(list(map(str, command)), env=environment, **how) for command in commands]
    for process in started:
        _, errors = process.communicate(timeout=2400)
        assert process.returncode == 0, errors[-4000:]


def cells(ending, part=""):
    """The cells whose way has this ending and this part, those by night marked."""
    return [
        pytest.param(*cell, marks=() if driver.by_day(*cell) else pytest.mark.nightly)
        for cell in CELLS
        if cell[1].endswith(ending) and part in cell[1]
    ]


@pytest.fixture
def states(request, model, way):
    """(model, way, worker or None) -> every variable by name."""
    folder = request.getfixturevalue("out" if driver.by_day(model, way) else "all_out")

    def read(model, way):
        with np.load(folder / model / f"{way}.npz") as arrays:
            return dict(arrays)

    return read


def distances(state, base):
    """How far each tensor is from its base, in units of the base's norm."""
    assert state.keys() == base.keys()
    for name, expected in base.items():
        if name.startswith("before/"):
            continue
        norm = np.linalg.norm(np.float64(expected))
        distance = np.linalg.norm(np.float64(state[name]) - np.float64(expected))
        yield name, distance / norm if norm > 0 else distance


@pytest.fixture(scope="module")
def reference_of(out):
    """(model, floats) -> every variable of the reference, computed once."""
    found = {}

    def of_model(model, floats):
        if (model, floats) not in found:
            with np.load(out / model / f"none-noxla-{floats}.npz") as arrays:
                before = {name.removeprefix("before/"): arrays[name] for name in arrays if name.startswith("before/")}
            steps, together = (driver.STEPS, driver.TOGETHER) if floats == "float64" else (1, 1)
            config, source = resolve(ganzoo.config(model), driver.asked(model, floats))
            batches = pipeline_of(config, source).dataset().as_numpy_iterator()
            found[model, floats] = reference.after(config, before, batches, steps, together)
        return found[model, floats]

    return of_model


def test_every_scheme_takes_part():
    assert {ganzoo.config(name).model.scheme for name in MODELS} == set(of("scheme").names())
    assert {*REFERENCED, *driver.EXTRAS, *LIMITS_OF} <= set(MODELS)
    by_day = [cell for cell in CELLS if driver.by_day(*cell)]
    twins = [(name, way.replace("multiworker", "mirrored2")) for name, way in by_day if "multiworker" in way]
    assert set(twins) <= set(by_day)


@pytest.mark.parametrize(("model", "way"), cells("float64"))
def test_eight_steps_in_float64_agree_to_a_billionth(states, model, way):
    way = way.replace("/", "-")
    base = states(model, BASE)
    for name, before in base.items():
        if name.startswith("before/") and name.endswith("/kernel"):
            assert not np.array_equal(base[name.removeprefix("before/")], before), f"{name} was not trained"
    for suffix in ("-0", "-1") if "multiworker" in way else ("",):
        for name, distance in distances(states(model, way + suffix), base):
            assert distance <= 1e-9, name


@pytest.mark.parametrize(("model", "way"), [cell for cell in cells("") if cell.values[0] in REFERENCED])
def test_every_way_is_the_reference(states, reference_of, model, way):
    """In float32 and bfloat16 within twice the distance of these ways from each other."""
    floats = way.split("/")[-1]
    short, shorter = LIMITS_OF.get(model, LIMITS)
    exact = 1e-5 if model in LIMITS_OF else 1e-9  # nearly flat images amplify rounding (measured: 1.5e-6)
    limit = {"float64": exact, "float32": 2 * short, "bfloat16": 2 * shorter}[floats]
    expected = reference_of(model, floats)
    for suffix in ("-0", "-1") if "multiworker" in way else ("",):
        state = states(model, way.replace("/", "-") + suffix)
        for name, distance in distances({name: state[name] for name in expected}, expected):
            assert distance <= limit, name


@pytest.mark.parametrize(("model", "way"), cells("float32"))
def test_one_step_of_plain_descent_in_float32_agrees(states, model, way):
    way = way.replace("/", "-")
    for suffix in ("-0", "-1") if "multiworker" in way else ("",):
        for name, distance in distances(states(model, way + suffix), states(model, "none-noxla-float32")):
            assert distance <= LIMITS_OF.get(model, LIMITS)[0], name


@pytest.mark.parametrize(("model", "way"), cells("", "multiworker"))
def test_two_workers_are_two_replicas_bit_for_bit(states, model, way):
    if not driver.takes(model, way.replace("multiworker", "mirrored2")):
        pytest.skip("it is not trained so on two replicas")
    _, how = way.replace("/", "-").split("-", 1)
    replicas = states(model, f"mirrored2-{how}")
    for worker in (0, 1):
        state = states(model, f"multiworker-{how}-{worker}")
        for name, expected in replicas.items():
            np.testing.assert_array_equal(state[name], expected, err_msg=name)


@pytest.mark.parametrize(("model", "way"), cells("bfloat16"))
def test_one_step_in_bfloat16_is_near_float32(states, model, way):
    """Without the accuracy, which counts logits on either side of 0, and the twin that is sampled in float32."""
    base, short = states(model, "none-noxla-float32"), states(model, way.replace("/", "-"))
    for name, distance in distances({name: short[name] for name in base}, base):
        assert distance <= LIMITS_OF.get(model, LIMITS)[1] or name == "logs/discriminator_accuracy", name
