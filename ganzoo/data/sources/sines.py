"""`sines`: endless sequences of sine waves with random frequencies and phases, as in TimeGAN.

Source: Yoon et al. 2019, "Time-series Generative Adversarial Networks", section 5.1; ranges from the authors' code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.data import draws
from ganzoo.data.arrays import check_split
from ganzoo.data.kinds import Sequence
from ganzoo.data.source import Source
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "test")
LARGEST_FREQUENCY = 0.1  # radians per step
LARGEST_PHASE = 0.1  # radians


@register("dataset", "sines", kind="sequence")
def sines(dataset: DatasetConfig, *, seed: int, **_: Any) -> Source:
    """Sequences whose column d is `(sin(f_d t + p_d) + 1) / 2` at t = 0, 1, …: numbers in [0, 1].

    Frequencies f_d and phases p_d are uniform in [0, 0.1), drawn for each column of each sequence. TimeGAN uses
    `length: 24` and `columns: 5`. Sequence i is a function of (seed, split, i) only. `train` and `test` are
    independent draws.

    Raises:
      DataError: if the split is another one.
    """
    import tensorflow as tf

    check_split(dataset.name, dataset.split, SPLITS)
    purpose = f"{dataset.name}/{dataset.split}"
    kind = Sequence.of(dataset)
    length, columns = kind.length, kind.columns

    def block(number: tf.Tensor) -> tf.Tensor:
        frequencies = LARGEST_FREQUENCY * draws.uniform_block(seed, purpose + "/frequency", number, columns)
        phases = LARGEST_PHASE * draws.uniform_block(seed, purpose + "/phase", number, columns)
        steps = tf.range(length, dtype=frequencies.dtype)[:, tf.newaxis]
        waves = tf.sin(frequencies[:, tf.newaxis] * steps + phases[:, tf.newaxis])
        return tf.reshape((waves + 1.0) / 2.0, [-1, length * columns])

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        flat = draws.by_block(indices, length * columns, block)
        return {"examples": tf.reshape(flat, [-1, length, columns])}

    return Source(dataset.name, None, kind, (), fetch)
