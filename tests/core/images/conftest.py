"""What tests of images share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
