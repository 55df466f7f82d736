"""Samples of an exported SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.errors import UsageError
from ganzoo.evaluation.examples import Examples, spread

ROWS_A_CALL = 256


def is_export(path: str | Path) -> bool:
    """Return whether the path is a SavedModel, or the base directory of a model's versions."""
    return version_of(Path(path)) is not None


def version_of(path: Path) -> Path | None:
    """Return the SavedModel: the directory or its newest version; None if there is none."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [entry for entry in path.glob("*/saved_model.pb") if entry.parent.name.isdigit()]
    return max(versions, key=lambda entry: int(entry.parent.name)).parent if versions else None


def kind_of(path: str | Path) -> Kind:
    """Return the data kind of an export's samples.

    Raises:
      UsageError: as `from_export`.
    """
    return _kind(_load(path).signatures["generate"])


def from_export(
    path: str | Path, count: int, *, labels: np.ndarray | None = None, seed: int = 0, truncation: float = 1.0
) -> Examples:
    """Return samples 0 … count-1 of a seed, the same as the model draws in Python.

    Args:
      path: export, see `is_export`.
      count: number of samples.
      labels: labels of real examples, as for `from_model`; required for a conditional model.
      seed, truncation: as for `generate`.

    Raises:
      UsageError: the export has no signature `generate`, or a conditional model has no labels.
    """
    import tensorflow as tf

    loaded = _load(path)
    generate = loaded.signatures["generate"]
    conditional = "labels" in generate.structured_input_signature[1]
    if conditional and labels is None:
        raise UsageError(
            f"{path}: expected labelled real examples for a conditional model, got none (use labelled data)"
        )
    asked = spread(labels, count) if conditional and labels is not None else None

    def read(numbers: np.ndarray) -> np.ndarray:
        parts = [part(numbers[start : start + ROWS_A_CALL]) for start in range(0, len(numbers), ROWS_A_CALL)]
        return np.concatenate(parts)

    def part(numbers: np.ndarray) -> np.ndarray:
        inputs = {
            "seeds": tf.constant(np.stack([np.full(len(numbers), seed), numbers], axis=1), tf.int32),
            "truncation": tf.fill([len(numbers)], tf.constant(truncation, tf.float32)),
        }
        if asked is not None:
            inputs["labels"] = tf.constant(asked[numbers])
        (drawn,) = loaded.signatures["generate"](**inputs).values()
        return drawn.numpy()

    about = {"seed": seed, "truncation": truncation}
    return Examples(str(path), count, _kind(generate), read, asked, about=about)


def _kind(generate: Any) -> Kind:
    ((name, output),) = generate.structured_outputs.items()
    return kinds.of_output(name, tuple(output.shape[1:]))


def _load(path: str | Path) -> Any:
    """Load the SavedModel, which must be kept: its signature does not keep its variables alive."""
    import tensorflow as tf

    version = version_of(Path(path))
    assert version is not None, "is_export is asked first"
    loaded: Any = tf.saved_model.load(str(version))
    if any(name.startswith("translate_to_") for name in loaded.signatures):
        raise UsageError(f"{version}: exports that translate cannot be evaluated (give the run, or the zoo's name)")
    if "generate" not in loaded.signatures:
        raise UsageError(f"{version}: has no signature 'generate' (export it with ganzoo export)")
    return loaded
