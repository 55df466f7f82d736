"""Migration of older config schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Keys of schema 1 -> keys of schema 2.
MOVED = {
    "loss.cycle_weight": "model.cycle_weight",
    "loss.identity_weight": "model.identity_weight",
    "loss.l1_weight": "model.l1_weight",
    "training.critic_steps": "model.critic_steps",
    "training.fresh_latents": "model.fresh_latents",
    "training.pool_size": "model.pool_size",
}
PAIRED_IN_SCHEMA_1 = "pix2pix"


def today(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config's data in the current schema; current data are unchanged.

    Args:
      data: parsed YAML, not validated yet.
    """
    if data.get("schema") != 1:
        return dict(data)
    new: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()} | {
        "schema": 2
    }
    for old, moved in MOVED.items():
        (section, key), (target, name) = old.split("."), moved.split(".")
        if isinstance(new.get(section), dict) and key in new[section]:
            value = new[section].pop(key)
            if isinstance(new.get(target), dict) and value is not None:
                new[target].setdefault(name, value)
    dataset, model = new.get("dataset"), new.get("model")
    if isinstance(dataset, dict) and isinstance(model, dict) and model.get("scheme") == PAIRED_IN_SCHEMA_1:
        dataset.setdefault("paired", True)
    if isinstance(loss := new.get("loss"), dict) and loss.get("label_smoothing") == 0.0:
        del loss["label_smoothing"]  # schema 1 wrote it for every loss; now an option of the losses that use it
    if isinstance(model, dict):
        defaults = {"critic_steps": 1, "fresh_latents": False}  # schema 1 wrote them for every scheme
        for key, default in defaults.items():
            if model.get(key) == default:
                del model[key]
    return new
