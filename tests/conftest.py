"""What holds for all tests.

TensorFlow has two logical CPUs, so that replicas can be tried; they have to be set before it starts.

No proxy stands between a test and its own servers, whatever the machine's settings.

Data that are in no package are looked for in `GANZOO_TEST_DATA`, by default in `../shared/data` beside the checkout.

Every test that is neither slow nor nightly is marked `unit` or `integration`, by what its code reaches.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from ganzoo.core.memory import reuse_freed_memory

# Functions and modules that take seconds: they train, export, evaluate or serve a model, or start processes.
TAKES_SECONDS = {
    *("Evaluator", "MirroredStrategy", "Popen", "bias_table", "compete", "damage_tables", "estimate", "evaluate"),
    *("exec", "export", "fit", "judge", "launch", "load", "make_train_function", "open_extractor", "publish"),
    *("running", "saved_model", "subprocess", "train", "train_step", "write_version"),
}


def pytest_xdist_auto_num_workers(config):
    """A single file is run in this process, where a debugger reaches it: all workers but one would be idle."""
    files = {argument.partition("::")[0] for argument in config.args}
    return 0 if len(files) == 1 and files.pop().endswith(".py") else None


def pytest_configure(config):
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    if not config.getoption("numprocesses", None):  # the process that hands out the tests runs none
        reuse_freed_memory()
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )


def pytest_collection_modifyitems(config, items):
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("slow", "nightly", "integration")):
            fixtures = [fixture.func for found in item._fixtureinfo.name2fixturedefs.values() for fixture in found]
            names = set().union(*map(reached, [item.function, *fixtures]))
            item.add_marker("integration" if names & TAKES_SECONDS else "unit")
    if "nightly" not in config.option.markexpr:  # what is nightly may be marked slow as well, by its file
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item not in nightly]
    # What takes longest begins first, so that all workers end at about the same time.
    longest = Counter(item.path for item in items if not item.get_closest_marker("unit"))
    items.sort(key=lambda item: ("slow" not in item.path.parts, -longest[item.path]))


def reached(function: Callable) -> set[str]:
    """The names that a test or a fixture uses, itself or in other functions and classes of its module."""
    names, found = set(), [function]
    while found:
        each = found.pop()
        for name in {name for code in codes(each) for name in code.co_names} - names:
            names.add(name)
            other = each.__globals__.get(name)
            if getattr(other, "__module__", "") == function.__module__:
                parts = vars(other).values() if isinstance(other, type) else [other]
                found += [part for part in parts if isinstance(part, FunctionType)]
    return names


def codes(function: FunctionType) -> Iterator[CodeType]:
    """Its code, and that of the functions inside it."""
    found = [function.__code__]
    while found:
        code = found.pop()
        yield code
        found += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


@pytest.fixture
def float64():
    """Keras's float type is float64."""
    import keras

    before, policy = keras.config.floatx(), keras.config.dtype_policy()  # Keras keeps the first one asked for
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


@pytest.fixture(scope="session")
def data_dir():
    """The folder for `--data_dir`; it may not be there."""
    return Path(os.environ.get("GANZOO_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def monet2photo(data_dir):
    """The same, with monet2photo in it."""
    if not (data_dir / "monet2photo" / "testB").is_dir():
        pytest.skip(f"no monet2photo in {data_dir}; name its folder in GANZOO_TEST_DATA")
    return data_dir
