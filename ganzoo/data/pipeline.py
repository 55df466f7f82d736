"""The data pipeline: a function of the step, so that a run can start at any step at no cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganzoo.core import hardware
from ganzoo.data.augmentations import AUGMENTATIONS, crop
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source
from ganzoo.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import tensorflow as tf

# Up to this length, an epoch's order is a sort by random keys: TensorFlow's shuffle of indices is not uniform for short
# lengths (chi-squared per degree of freedom of item by position: 29 at 16 items, 8 at 250).
MOST_SORTED = 4096
# For longer epochs, it takes 8 rounds, and seeds that differ in all bits: with its default of 4 rounds the number of
# examples of one class in a batch of 100 had variance 17.0 over 4,000 batches (a true shuffle has 8.78, this one 8.61);
# with the epoch's number as the seed, chi-squared per degree of freedom was 1.8 at 4,097 to 60,000 items.
SHUFFLE_ROUNDS = 8

BATCHES_AHEAD = 8  # prefetched at most: two executions of four steps


class Pipeline:
    """Endless shuffled and augmented batches of one source or two domains.

    Paired domains share order, crops and flips. Other domains are shuffled and augmented independently, each over its
    own length.
    """

    def __init__(
        self,
        source: Source | Domains,
        batch_size: int,
        seed: int,
        augment: Sequence[str] = (),
        size: int | None = None,
    ) -> None:
        """Create a pipeline.

        Args:
          source: source of the examples.
          batch_size: examples per global batch (and domain), >= 1; it may exceed the source's length.
          seed: seed of order and augmentation, in [0, 2**31).
          augment: names of augmentations, applied in this order.
          size: side in pixels of a square cropped from each image first; None uses whole images. Other kinds of data
            ignore it.

        Raises:
          ConfigError: if an augmentation is unknown, or is for images and the data are not.
          UsageError: if the batch size or seed is out of range, or images are smaller than `size`.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1, got {batch_size}")
        if not 0 <= seed < 2**31:
            raise UsageError(f"seed: expected at least 0 and below 2**31, got {seed}")
        self.source = source
        self.batch_size = batch_size
        self.seed, self.augment, self.size = seed, augment, size
        if isinstance(source, Domains):
            self._streams = [
                Stream(one, seed, augment, size, 0 if source.paired else number)
                for number, one in enumerate(source.sources.values())
            ]
        else:
            self._streams = [Stream(source, seed, augment, size)]

    def dataset(self, first_batch: int = 0, rows: tuple[int, int] | None = None) -> tf.data.Dataset:
        """Return the batches from `first_batch` on, bit for bit those of an uninterrupted run.

        Args:
          first_batch: index of the first batch, from 0.
          rows: `(start, stop)`: rows of each global batch to keep, for a worker that computes a part of it.

        Returns:
          infinite dataset with elements `examples` (float32 `[rows, *shape]` as returned by `Kind.to_inside`: images
          in [-1, 1]) and, if the source has classes, `labels` (int32 `[rows]`). With domains, elements map each
          domain's name to its images. Shapes are static; automatic sharding is off.

        Raises:
          UsageError: if the batch index is negative, or rows are outside the batch.
        """
        import tensorflow as tf

        start, stop = self.check_rows(first_batch, rows)

        @tf.autograph.experimental.do_not_convert  # converting takes two seconds
        def batch(number: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._examples(number * self.batch_size + tf.range(start, stop, dtype=tf.int64))

        batches = tf.data.Dataset.counter(start=first_batch).map(batch, num_parallel_calls=hardware.cores())
        return batches.prefetch(BATCHES_AHEAD).with_options(self.options())

    def check_rows(self, first_batch: int, rows: tuple[int, int] | None) -> tuple[int, int]:
        """Return the requested rows of a global batch as `(start, stop)`.

        Raises:
          UsageError: if the batch index is negative, or rows are outside the batch.
        """
        start, stop = rows if rows is not None else (0, self.batch_size)
        if first_batch < 0:
            raise UsageError(f"first_batch: expected at least 0, got {first_batch}")
        if not 0 <= start < stop <= self.batch_size:
            raise UsageError(f"rows: expected rows of a batch of {self.batch_size}, got ({start}, {stop})")
        return start, stop

    @staticmethod
    def options() -> tf.data.Options:
        """Return the options of a dataset of batches: deterministic order, no automatic sharding."""
        import tensorflow as tf

        options = tf.data.Options()
        options.deterministic = True
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        # Joining the autotune thread at the end is slow: a run of 50 seconds ended 30 seconds late.
        options.autotune.enabled = False
        return options

    def _examples(self, counters: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the element with the examples at these global positions (int64 `[n]`)."""
        batches = [stream.examples(counters) for stream in self._streams]
        if isinstance(self.source, Domains):
            return {domain: batch["examples"] for domain, batch in zip(self.source.sources, batches, strict=True)}
        return batches[0]


class Stream:
    """Shuffled, cropped and augmented examples of one source.

    Example c of the stream (from 0) belongs to epoch `c // length`, whose order is a permutation keyed by seed, domain
    and epoch (or a group of short epochs). Each example comes once per epoch, and a batch may span two epochs.
    """

    def __init__(
        self, source: Source, seed: int, augment: Sequence[str] = (), size: int | None = None, domain: int = 0
    ) -> None:
        """Create a stream.

        Args:
          source, seed, augment, size: as for `Pipeline`.
          domain: index that separates its draws from those of other streams with the same seed.

        Raises:
          ConfigError, UsageError: as `Pipeline`.
        """
        self.source = source
        self.seed = seed
        self.domain = domain
        is_image = source.kind.is_image
        self._augmentations = [AUGMENTATIONS.get(name) for name in augment]
        if augment and not is_image:
            raise ConfigError(
                f"dataset.augment: {augment[0]} is for images, but {source.name} has {source.kind.plural} (use [])"
            )
        side = source.example_shape[0]
        self._crop = size if is_image and size != side else None
        if self._crop is not None and self._crop > side:
            raise UsageError(f"size: expected at most {side}, the side of the images of {source.name}, got {size}")

    def examples(self, counters: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the examples at consecutive positions (int64 `[n]`), as elements of `Pipeline.dataset`."""
        import tensorflow as tf

        batch = self.source.fetch(self._indices(counters))
        examples = tf.ensure_shape(batch["examples"], [counters.shape[0], *self.source.example_shape])
        if self._crop is not None:
            examples = crop(examples, counters, self.seed, self.domain, self._crop)
        for augmentation in self._augmentations:
            examples = augmentation(examples, counters, self.seed, self.domain)
        return {**batch, "examples": self.source.kind.to_inside(examples)}

    def _indices(self, counters: tf.Tensor) -> tf.Tensor:
        """Map consecutive stream positions to source indices, both int64 `[n]`."""
        import tensorflow as tf

        from ganzoo.core import randomness

        length = self.source.length
        if length is None:
            return counters
        # orders are made for groups of epochs, and for those groups that the positions reach
        epochs = max(MOST_SORTED // length, 1)
        groups = counters // (epochs * length)
        reached = groups[0] + tf.range((counters.shape[0] - 1) // (epochs * length) + 2, dtype=tf.int64)

        def drawn(group: tf.Tensor, shape: list[int]) -> tf.Tensor:
            key = randomness.key(self.seed, "order", self.domain, group)
            return tf.random.stateless_uniform(shape, key, None, None, tf.int64, alg="philox")

        if length <= MOST_SORTED:
            orders = tf.map_fn(
                lambda group: tf.argsort(drawn(group, [epochs, length])), reached, fn_output_signature=tf.int32
            )
            return tf.cast(tf.gather(tf.reshape(orders, [-1]), counters - groups[0] * (epochs * length)), tf.int64)
        # The raw operation: its public wrapper, tf.random.experimental.index_shuffle, rejects a seed per index.
        return tf.raw_ops.RandomIndexShuffle(
            index=counters % length,
            seed=tf.gather(tf.map_fn(lambda group: drawn(group, [3]), reached), groups - groups[0]),
            max_index=tf.constant(length - 1, tf.int64),
            rounds=SHUFFLE_ROUNDS,
        )
