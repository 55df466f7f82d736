"""What a constraint does: it puts the weights of an update back into bounds, after each time that it was made.

A constraint is registered with `@register("constraint", "name")`: a function `(weight, *, options) -> weight`, or a
class with the options in its `__init__` and `__call__(weight) -> weight`. It is applied to every trainable weight of
the update that its attribute `update` names (`discriminator`, if it has none).
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Constraint = Callable[[tf.Tensor], tf.Tensor]
