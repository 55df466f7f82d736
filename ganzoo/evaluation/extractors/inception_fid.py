"""`inception_fid`: the Inception network of 2015 behind published FIDs; its weights are downloaded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from PIL import Image

from ganzoo.core.fetch import fetch
from ganzoo.core.torch_file import read_state_dict
from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint
from ganzoo.networks.features.torch_layers import convolution, pixels
from ganzoo.registry import register

SIZE = 299

_URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


@register("extractor", "inception_fid")
def inception_fid() -> Extractor:
    """Return the extractor of the 2,048 pooled features of FID and KID, and 1,008 classes of the Inception Score.

    Images are resized to 299x299 RGB float32 as in clean-fid: Pillow's antialiased bicubic per channel, unrounded.

    Source: Szegedy et al. 2015, arXiv:1512.00567, weights of 2015-12-05; Heusel et al. 2017, arXiv:1706.08500 (FID);
    Parmar et al. 2022, arXiv:2104.11222 (the resizing).
    """
    path = fetch(_URL, _SHA256, _URL.rpartition("/")[2], "evaluate with --features efficientnet_lite0")
    network = Network(read_state_dict(path))
    return Extractor(
        "inception_fid",
        sha256=fingerprint(_SHA256, f"resize pil bicubic float {SIZE}", 1),
        dimensions=2048,
        prepare=prepare,
        network=network,
        embed=lambda images: network.features(pixels(images, SIZE)),
        class_names=tuple(f"class {i}" for i in range(1008)),
        licence="Apache-2.0",
        batch_size=32,
    )


def prepare(images: np.ndarray) -> np.ndarray:
    """Resize uint8 `[n, H, W, 1 or 3]` to float32 `[n, 299, 299, 3]` in [0, 255]."""
    resized = np.stack([np.stack([_resize(image[..., i]) for i in range(image.shape[-1])], -1) for image in images])
    return np.broadcast_to(resized, (*resized.shape[:3], 3))


def _resize(channel: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(channel.astype(np.float32))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).clip(0, 255)


class Network:
    """Network as a graph function.

    It differs from torchvision's Inception v3 as the graph of 2015 does: average pools exclude the padding, the last
    block has a max pool, there are 1,008 classes, and the Inception Score's logits have no bias.

    Args:
      arrays: state dict of pytorch-fid's `fid_inception_v3`.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        names = [name.removesuffix(".conv.weight") for name in arrays if name.endswith(".conv.weight")]
        self._convolutions = {name: convolution(arrays, f"{name}.conv", f"{name}.bn") for name in names}
        self._kernel = tf.constant(arrays["fc.weight"].T)

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `[n, 299, 299, 3]` in [0, 255] to (features `[n, 2048]`, logits without bias `[n, 1008]`)."""
        features = self.features(images)
        return features, tf.matmul(features, self._kernel)

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Map `[n, 299, 299, 3]` in [0, 255] to `[n, 2048]`."""
        x = (tf.cast(images, tf.float32) - 128.0) / 128.0
        x = self._chain(x, "Conv2d_1a_3x3/2", "Conv2d_2a_3x3/1", "Conv2d_2b_3x3")
        x = _halve(x)
        x = self._chain(x, "Conv2d_3b_1x1", "Conv2d_4a_3x3/1")
        x = _halve(x)
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._mixed_5(x, block)
        x = self._mixed_6a(x)
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._mixed_6(x, block)
        x = self._mixed_7a(x)
        x = self._mixed_7(x, "Mixed_7b", "AVG")
        x = self._mixed_7(x, "Mixed_7c", "MAX")
        return tf.reduce_mean(x, (1, 2))

    def _chain(self, x: tf.Tensor, *steps: str) -> tf.Tensor:
        """Apply convolutions with ReLU in sequence; `NAME/STRIDE` is one without padding."""
        for step in steps:
            name, _, stride = step.partition("/")
            x = tf.nn.relu(self._convolutions[name](x, int(stride or 1), "VALID" if stride else "SAME"))
        return x

    def _mixed_5(self, x: tf.Tensor, block: str) -> tf.Tensor:
        branches = (
            self._chain(x, f"{block}.branch1x1"),
            self._chain(x, f"{block}.branch5x5_1", f"{block}.branch5x5_2"),
            self._chain(x, *(f"{block}.branch3x3dbl_{i}" for i in (1, 2, 3))),
            self._chain(_pool(x, "AVG"), f"{block}.branch_pool"),
        )
        return tf.concat(branches, -1)

    def _mixed_6a(self, x: tf.Tensor) -> tf.Tensor:
        double = ("Mixed_6a.branch3x3dbl_1", "Mixed_6a.branch3x3dbl_2", "Mixed_6a.branch3x3dbl_3/2")
        return tf.concat((self._chain(x, "Mixed_6a.branch3x3/2"), self._chain(x, *double), _halve(x)), -1)

    def _mixed_6(self, x: tf.Tensor, block: str) -> tf.Tensor:
        branches = (
            self._chain(x, f"{block}.branch1x1"),
            self._chain(x, *(f"{block}.branch7x7_{i}" for i in (1, 2, 3))),
            self._chain(x, *(f"{block}.branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5))),
            self._chain(_pool(x, "AVG"), f"{block}.branch_pool"),
        )
        return tf.concat(branches, -1)

    def _mixed_7a(self, x: tf.Tensor) -> tf.Tensor:
        narrow = ("Mixed_7a.branch3x3_1", "Mixed_7a.branch3x3_2/2")
        wide = (*(f"Mixed_7a.branch7x7x3_{i}" for i in (1, 2, 3)), "Mixed_7a.branch7x7x3_4/2")
        return tf.concat((self._chain(x, *narrow), self._chain(x, *wide), _halve(x)), -1)

    def _mixed_7(self, x: tf.Tensor, block: str, pool: str) -> tf.Tensor:
        single = self._chain(x, f"{block}.branch3x3_1")
        double = self._chain(x, f"{block}.branch3x3dbl_1", f"{block}.branch3x3dbl_2")
        branches = (
            self._chain(x, f"{block}.branch1x1"),
            *(self._chain(single, f"{block}.branch3x3_2{side}") for side in "ab"),
            *(self._chain(double, f"{block}.branch3x3dbl_3{side}") for side in "ab"),
            self._chain(_pool(x, pool), f"{block}.branch_pool"),
        )
        return tf.concat(branches, -1)


def _halve(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def _pool(x: tf.Tensor, kind: str) -> tf.Tensor:
    """Pool 3x3 with same padding, which TensorFlow's mean excludes."""
    return tf.nn.pool(x, (3, 3), kind, padding="SAME")
