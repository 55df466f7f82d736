"""Batches of a stream, which cannot seek."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo.data.pipeline import BATCHES_AHEAD, Pipeline, Stream
from ganzoo.data.sources.in_memory import StreamSource

if TYPE_CHECKING:
    import tensorflow as tf

_log = logging.getLogger(__name__)


class StreamPipeline(Pipeline):
    """Batches of a `StreamSource` in the stream's own order, cropped and augmented like those of other sources.

    Finite streams are repeated. A start after the first batch restarts the stream, with a warning.
    """

    source: StreamSource

    def dataset(self, first_batch: int = 0, rows: tuple[int, int] | None = None) -> tf.data.Dataset:
        """Return batches as `Pipeline.dataset`, but always from the stream's first example."""
        import tensorflow as tf

        start, stop = self.check_rows(first_batch, rows)
        if first_batch:
            _log.warning("%s: a stream cannot seek: its examples start again from the beginning", self.source.name)

        @tf.autograph.experimental.do_not_convert
        def batch(number: tf.Tensor, examples: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            part = {key: value[start:stop] for key, value in examples.items()}
            own = replace(self.source, fetch=lambda _: part)
            counters = number * self.batch_size + tf.range(start, stop, dtype=tf.int64)
            return Stream(own, self.seed, self.augment, self.size).examples(counters)

        batches = self.source.stream.batch(self.batch_size, drop_remainder=True)
        numbered = tf.data.Dataset.zip((tf.data.Dataset.counter(start=first_batch), batches))
        return numbered.map(batch).prefetch(BATCHES_AHEAD).with_options(self.options())
