"""The data pipeline: a function of the step, so that starting anywhere costs nothing and changes nothing."""

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

# TensorFlow's default of 4 rounds is too weak for seeds that differ by one: the number of examples of one class in a
# batch of 100 had a variance of 17.0 over 4,000 batches, where a true shuffle has 8.78. With 8 rounds it was 8.61.
SHUFFLE_ROUNDS = 8

BATCHES_AHEAD = 8  # are ready at most: two executions of four steps


class Pipeline:
    """Shuffled, augmented batches without end, of one source or of two domains.

    Domains that are paired come in one order, with the same squares cut out and the same flips; others are shuffled and
    augmented independently, each over its own length.
    """

    def __init__(
        self,
        source: Source | Domains,
        batch_size: int,
        seed: int,
        augment: Sequence[str] = (),
        size: int | None = None,
    ) -> None:
        """Makes a pipeline.

        Args:
          source: where examples come from.
          batch_size: examples in a global batch (of each domain), at least 1; it may exceed the source's length.
          seed: in [0, 2**31); keys the order and the augmentation.
          augment: names of augmentations, applied in this order.
          size: side in pixels of the square that is cut out of each image before that; None takes images whole. Other
            kinds of examples have no use for it.

        Raises:
          ConfigError: an unknown augmentation, or one of images for another kind of data.
          UsageError: an impossible batch size or seed, or images smaller than `size`.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}: must be at least 1")
        if not 0 <= seed < 2**31:
            raise UsageError(f"seed={seed}: must be at least 0 and below 2**31")
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
        """The batches from number `first_batch` on, bit for bit as an uninterrupted run sees them.

        Args:
          first_batch: number of the first batch, from 0.
          rows: `(start, stop)`: only these rows of each global batch, for a worker that computes on a part of it.

        Returns:
          infinite, with elements `examples` (float32 `[rows, *shape]` as their kind has them inside: images in [-1, 1])
          and, where the source has classes, `labels` (int32 `[rows]`). With domains the elements map each domain's name
          to its images. Shapes are static; automatic sharding is off.

        Raises:
          UsageError: a negative batch number, or rows that the batch does not have.
        """
        import tensorflow as tf

        start, stop = self.check_rows(first_batch, rows)

        def batch(number: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._examples(number * self.batch_size + tf.range(start, stop, dtype=tf.int64))

        batches = tf.data.Dataset.counter(start=first_batch).map(batch, num_parallel_calls=hardware.cores())
        return batches.prefetch(BATCHES_AHEAD).with_options(self.options())

    def check_rows(self, first_batch: int, rows: tuple[int, int] | None) -> tuple[int, int]:
        """The rows of a global batch that are wanted, as `(start, stop)`.

        Raises:
          UsageError: a negative batch number, or rows that the batch does not have.
        """
        start, stop = rows if rows is not None else (0, self.batch_size)
        if first_batch < 0:
            raise UsageError(f"first_batch={first_batch}: must be at least 0")
        if not 0 <= start < stop <= self.batch_size:
            raise UsageError(f"rows=({start}, {stop}): not rows of a batch of {self.batch_size}")
        return start, stop

    @staticmethod
    def options() -> tf.data.Options:
        """Options of a dataset of batches: in order, without automatic sharding."""
        import tensorflow as tf

        options = tf.data.Options()
        options.deterministic = True
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        # Its thread wakes up ever more rarely and is waited for at the end: a run of 50 seconds ended 30 seconds late.
        options.autotune.enabled = False
        return options

    def _examples(self, counters: tf.Tensor) -> dict[str, tf.Tensor]:
        """The element with the examples at these places of the global stream (int64 `[n]`)."""
        batches = [stream.examples(counters) for stream in self._streams]
        if isinstance(self.source, Domains):
            return {domain: batch["examples"] for domain, batch in zip(self.source.sources, batches, strict=True)}
        return batches[0]


class Stream:
    """The examples of one source, shuffled, cropped and augmented.

    Example number c of the stream (from 0) is taken from epoch `c // length`, whose order is a permutation keyed by
    (seed, epoch, domain). The stream runs on over epochs: each example comes once an epoch, and a batch may hold the
    end of one and the start of the next.
    """

    def __init__(
        self, source: Source, seed: int, augment: Sequence[str] = (), size: int | None = None, domain: int = 0
    ) -> None:
        """Makes a stream.

        Args:
          source, seed, augment, size: as for `Pipeline`.
          domain: number that tells its draws from those of other streams with the same seed.

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
                f"dataset.augment: {augment[0]} is for images, {source.name} has {source.kind.plural} (use [])"
            )
        side = source.example_shape[0]
        self._crop = size if is_image and size != side else None
        if self._crop is not None and self._crop > side:
            raise UsageError(f"size={size}: larger than the images of {source.name}, {side} (take at most {side})")

    def examples(self, counters: tf.Tensor) -> dict[str, tf.Tensor]:
        """The examples at these places of the stream (int64 `[n]`), as elements of `Pipeline.dataset`."""
        import tensorflow as tf

        batch = self.source.fetch(self._indices(counters))
        examples = tf.ensure_shape(batch["examples"], [counters.shape[0], *self.source.example_shape])
        if self._crop is not None:
            examples = crop(examples, counters, self.seed, self.domain, self._crop)
        for augmentation in self._augmentations:
            examples = augmentation(examples, counters, self.seed, self.domain)
        return {**batch, "examples": self.source.kind.to_inside(examples)}

    def _indices(self, counters: tf.Tensor) -> tf.Tensor:
        """Places of the stream -> indices into the source, both int64 `[n]`."""
        import tensorflow as tf

        length = self.source.length
        if length is None:
            return counters
        epochs = counters // length
        seed, domain = (tf.fill(epochs.shape, tf.constant(value, tf.int64)) for value in (self.seed, self.domain))
        # The raw operation: the public wrapper, tf.random.experimental.index_shuffle, rejects one seed an index.
        return tf.raw_ops.RandomIndexShuffle(
            index=counters % length,
            seed=tf.stack([seed, epochs, domain], axis=1),
            max_index=tf.constant(length - 1, tf.int64),
            rounds=SHUFFLE_ROUNDS,
        )
