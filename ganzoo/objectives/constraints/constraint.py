"""Interface of constraints, which put the weights of an update back into bounds after each update.

Register one with `@register("constraint", "name")`: a function `(weight, *, options) -> weight`, or a class with
options in `__init__` and `__call__(weight) -> weight`. It applies to every trainable weight of the update named by its
attribute `update` (default `discriminator`).
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Constraint = Callable[[tf.Tensor], tf.Tensor]
