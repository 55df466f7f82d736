"""Two logical CPUs for all tests, so that replicas can be tried; they have to be set before TensorFlow starts.

No proxy stands between a test and its own servers, whatever the machine's settings.

Data that are in no package are looked for in `GANZOO_TEST_DATA`, by default in `../shared/data` beside the checkout.
"""

import os
from pathlib import Path

import pytest
import tensorflow as tf

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


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
