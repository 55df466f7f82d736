"""`efficientnet_lite0`: ImageNet features of photographs."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint
from ganzoo.networks.features.efficientnet_lite0 import SHA256, trained
from ganzoo.networks.features.torch_layers import pixels
from ganzoo.registry import register

SIZE = 224


@register("extractor", "efficientnet_lite0")
def efficientnet_lite0() -> Extractor:
    """Return the extractor of EfficientNet-Lite0's 1,280 pooled features and ImageNet's 1,000 classes.

    Images are resized to 224x224 RGB uint8 without a crop, with Pillow's antialiased bicubic filter.

    Source: see `networks.features.efficientnet_lite0`.
    """
    network = trained()
    return Extractor(
        "efficientnet_lite0",
        sha256=fingerprint(SHA256, f"resize pil bicubic {SIZE}", 1),
        dimensions=1280,
        prepare=prepare,
        network=network,
        embed=lambda images: network.features(pixels(images, SIZE)),
        class_names=_class_names(),
        licence="Apache-2.0",
        batch_size=32,  # 64 is no faster on 2 cores, 250 half as fast
    )


def prepare(images: np.ndarray) -> np.ndarray:
    """Resize uint8 `[n, H, W, 1 or 3]` to uint8 `[n, 224, 224, 3]`."""
    return np.stack([_resize(image) for image in images])


def _resize(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC).convert("RGB"))


def _class_names() -> tuple[str, ...]:
    """Return ImageNet's class names from tensorflow-datasets, the first synonym of each."""
    from tensorflow_datasets.datasets.siscore.labels import IMAGENET_LABELS_LIST

    return tuple(synonyms.partition(",")[0] for synonyms in IMAGENET_LABELS_LIST)
