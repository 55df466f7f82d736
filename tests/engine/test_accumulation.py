"""Parts of a batch for gradient accumulation, by hand."""

import pytest
import tensorflow as tf

from ganzoo.engine.accumulation import parts_of
from ganzoo.errors import UsageError


def test_the_rows_of_three_parts():
    rows = tf.range(6)
    found = [(part.of(rows).numpy().tolist(), int(part.place.first), part.place.total) for part in parts_of(6, 3)]
    assert found == [([0, 1], 0, 6), ([2, 3], 2, 6), ([4, 5], 4, 6)]
    assert parts_of(6, 1)[0].of(rows) is rows
    with pytest.raises(UsageError, match=r"^accumulate: expected a divisor of a replica's batch of 6, got 4$"):
        parts_of(6, 4)
