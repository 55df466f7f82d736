"""Models in `.keras` files: `model.save("m.keras")` writes config and weights; `keras.models.load_model` reads them.

All schemes share the registered name `ganzoo>Model` (see `build`), so that a file can be opened before its scheme is
imported. `ganzoo.core.start` imports this module as soon as Keras is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

import ganzoo.networks.layers  # noqa: F401  registers the layers of networks that are saved alone

# Imported during the import of Keras, possibly by a ganzoo module that is itself half imported: import nothing but the
# layers here.
if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel


@keras.saving.register_keras_serializable(package="ganzoo", name="Model")
class SavedModel:
    """Placeholder for `ganzoo>Model` in a `.keras` file: any model built from a config."""

    def get_config(self) -> dict[str, Any]:
        """Never called, because models are saved instead of this class."""
        return {}

    @classmethod
    def from_config(cls, saved: dict[str, Any]) -> SteppedModel:
        """Return the model of a saved config, with initial weights.

        Args:
          saved: result of `SteppedModel.get_config`.

        Raises:
          ConfigError: if the config does not fit, or names a part that is not registered.
        """
        from ganzoo.models.build import build
        from ganzoo.models.compositions import warned
        from ganzoo.schema import parse

        with warned():
            return build(parse(saved["config"], origin=".keras file"), precision=saved["precision"])
