"""Models in `.keras` files: `model.save("m.keras")` writes the config and all weights, `keras.models.load_model` builds
the model from the config and reads the weights.

Every scheme's class has the one registered name `ganzoo>Model` (see `build`), so that a file can be opened before its
scheme has been imported. `ganzoo.core.start` imports this module as soon as Keras is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

import ganzoo.networks.layers  # noqa: F401  registers the layers of networks that are saved alone

# This is imported while Keras is, perhaps on behalf of one of our own modules, which is then half there: nothing more
# than the layers may be imported here.
if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel


@keras.saving.register_keras_serializable(package="ganzoo", name="Model")
class SavedModel:
    """What `ganzoo>Model` in a `.keras` file stands for: any model that was built from a config."""

    def get_config(self) -> dict[str, Any]:
        """Never called: models are saved and not this."""
        return {}

    @classmethod
    def from_config(cls, saved: dict[str, Any]) -> SteppedModel:
        """The model of a saved config, with fresh weights.

        Args:
          saved: what `SteppedModel.get_config` gave.

        Raises:
          ConfigError: the config does not fit, or names a part that nothing registers.
        """
        from ganzoo.models.build import build
        from ganzoo.schema import parse

        return build(parse(saved["config"], origin=".keras file"), precision=saved["precision"])
