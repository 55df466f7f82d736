"""ganzoo: a zoo of generative adversarial networks to use, train, compare and deploy.

Public names are listed here and imported on first use: `import ganzoo` imports neither TensorFlow nor pydantic, and
TensorFlow prints nothing when it is imported later (`ganzoo.core.start`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo.core.start import when_keras_is_imported
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo.errors import ConfigError, DataError, GanzooError, RunError, ServerError, UsageError, WeightsError
    from ganzoo.models.adversarial import AdversarialModel
    from ganzoo.models.conditional import ConditionalGAN
    from ganzoo.models.cyclegan import CycleGAN
    from ganzoo.models.gan import GAN
    from ganzoo.models.pix2pix import Pix2Pix
    from ganzoo.models.protocol import Model
    from ganzoo.models.vanilla import VanillaGAN
    from ganzoo.registry import register
    from ganzoo.schema import Config
    from ganzoo.serving.client.client import Client
    from ganzoo.training.result import Run
    from ganzoo.zoo.catalog import card, config, list_models
    from ganzoo.zoo.evaluate import evaluate
    from ganzoo.zoo.export import export
    from ganzoo.zoo.load import load
    from ganzoo.zoo.train import train

_MODULES = {
    "AdversarialModel": "ganzoo.models.adversarial",
    "Client": "ganzoo.serving.client.client",
    "ConditionalGAN": "ganzoo.models.conditional",
    "Config": "ganzoo.schema",
    "ConfigError": "ganzoo.errors",
    "CycleGAN": "ganzoo.models.cyclegan",
    "DataError": "ganzoo.errors",
    "GAN": "ganzoo.models.gan",
    "GanzooError": "ganzoo.errors",
    "Model": "ganzoo.models.protocol",
    "Pix2Pix": "ganzoo.models.pix2pix",
    "Run": "ganzoo.training.result",
    "RunError": "ganzoo.errors",
    "ServerError": "ganzoo.errors",
    "UsageError": "ganzoo.errors",
    "VanillaGAN": "ganzoo.models.vanilla",
    "WeightsError": "ganzoo.errors",
    "card": "ganzoo.zoo.catalog",
    "config": "ganzoo.zoo.catalog",
    "evaluate": "ganzoo.zoo.evaluate",
    "export": "ganzoo.zoo.export",
    "list_models": "ganzoo.zoo.catalog",
    "load": "ganzoo.zoo.load",
    "register": "ganzoo.registry",
    "train": "ganzoo.zoo.train",
}

__all__ = [
    "GAN",
    "AdversarialModel",
    "Client",
    "ConditionalGAN",
    "Config",
    "ConfigError",
    "CycleGAN",
    "DataError",
    "GanzooError",
    "Model",
    "Pix2Pix",
    "Run",
    "RunError",
    "ServerError",
    "UsageError",
    "VanillaGAN",
    "WeightsError",
    "__version__",
    "card",
    "config",
    "evaluate",
    "export",
    "list_models",
    "load",
    "register",
    "train",
]


def _register_with_keras() -> None:
    """Register our models and layers with Keras, to load them from `.keras` files."""
    import keras

    if keras.config.backend() == "tensorflow":
        import ganzoo.models.saving  # noqa: F401


when_keras_is_imported(_register_with_keras)

# Modules of public names that need no TensorFlow; it is started before any other is imported.
_LIGHT = {
    "ganzoo.errors",
    "ganzoo.models.protocol",
    "ganzoo.registry",
    "ganzoo.schema",
    "ganzoo.serving.client.client",
    "ganzoo.zoo.catalog",
    "ganzoo.zoo.evaluate",
    "ganzoo.zoo.export",
    "ganzoo.zoo.load",
    "ganzoo.zoo.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562).

    Raises:
      UsageError: the name needs TensorFlow, but Keras has another backend.
    """
    if name not in _MODULES:
        raise AttributeError(f"module 'ganzoo' has no attribute '{name}'")
    if _MODULES[name] not in _LIGHT:
        from ganzoo.core.start import import_quietly

        import_quietly()
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
