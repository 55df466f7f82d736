"""Batches of a stream that cannot be wound forward."""

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
    """Batches of a `StreamSource`, in the stream's own order, cropped and augmented as those of other sources.

    A stream that is finite is repeated. Starting at a batch but the first begins it anew, with a warning.
    """

    source: StreamSource

    def dataset(self, first_batch: int = 0, rows: tuple[int, int] | None = None) -> tf.data.Dataset:
        """See `Pipeline.dataset`; the examples are the stream's first ones whatever the number of the first batch."""
        import tensorflow as tf

        start, stop = self.check_rows(first_batch, rows)
        if first_batch:
            _log.warning(
                "%s: a stream cannot be wound forward: its examples come from its start again", self.source.name
            )

        def batch(number: tf.Tensor, examples: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            part = {key: value[start:stop] for key, value in examples.items()}
            own = replace(self.source, fetch=lambda _: part)
            counters = number * self.batch_size + tf.range(start, stop, dtype=tf.int64)
            return Stream(own, self.seed, self.augment, self.size).examples(counters)

        batches = self.source.stream.batch(self.batch_size, drop_remainder=True)
        numbered = tf.data.Dataset.zip((tf.data.Dataset.counter(start=first_batch), batches))
        return numbered.map(batch).prefetch(BATCHES_AHEAD).with_options(self.options())
