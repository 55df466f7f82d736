"""What is not finite stops training at its step, says what it was, and leaves the weights of the step before."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.engine.guard import checked, culprit
from ganzoo.models.vanilla import VanillaGAN

ROWS = 8


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


def gan(rates=(0.1, 0.2), **compile_arguments):
    networks = []
    for name, kernel, bias in (("generator", 0.5, 0.1), ("discriminator", 0.8, -0.2)):
        inputs, layer = keras.Input((1,)), keras.layers.Dense(1, name=name[0])
        networks.append(keras.Model(inputs, layer(inputs), name=name))
        layer.set_weights([np.array([[kernel]]), np.array([bias])])
    model = VanillaGAN(*networks, 1, ema_decay=0.9, seed=3)
    optimizers = [keras.optimizers.SGD(rate, momentum=0.5) for rate in rates]
    model.compile(*optimizers, **compile_arguments)
    return model


def numbers(steps):
    return np.random.default_rng(0).normal(2.0, 0.5, (steps * ROWS, 1)).astype(np.float32)


def fit(model, examples, steps):
    """All steps in one call of TensorFlow."""
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(ROWS, drop_remainder=True)
    model.steps_per_execution = steps
    model.fit(batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)


def stopped_by(model, examples, steps):
    """What was not finite."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        fit(model, examples, steps)
    return culprit(caught.value)


def in_scope(strategy, make):
    if strategy is None:
        return make()
    with strategy.scope():
        return make()


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_nan_at_step_3_of_5_leaves_the_weights_of_step_2(two_replicas, replicas):
    """Of two replicas the second alone sees the NaN."""
    strategy = two_replicas if replicas == 2 else None
    examples = numbers(5)
    examples[3 * ROWS - 1] = np.nan
    model = in_scope(strategy, gan)
    assert stopped_by(model, examples, 5) == "gradient discriminator/d/kernel"
    assert model.step == 2
    whole = in_scope(strategy, gan)
    fit(whole, examples, 2)
    for name, variable in whole.state().items():
        mine = model.state()[name].value
        for part in [mine] if strategy is None else strategy.experimental_local_results(mine):
            np.testing.assert_array_equal(part.numpy(), variable.numpy(), err_msg=name)


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_weight_that_becomes_infinite_is_named(two_replicas, replicas):
    """The gradient by the kernel is about 10 at step 1, and finite; ten times the largest float32 is not."""
    model = in_scope(two_replicas if replicas == 2 else None, lambda: gan(rates=(0.1, 3e38)))
    examples = -10.0 * numbers(1)
    assert stopped_by(model, examples, 1) == "weight discriminator/d/kernel"
    assert model.step == 0


class BrokenLater:
    """Its value is NaN where its slope is not, from the second call on."""

    threshold = 0.0

    def __init__(self, step):
        self.step = step

    def discriminator(self, real_logits, fake_logits):
        return fake_logits - real_logits

    def generator(self, real_logits, fake_logits):
        return -fake_logits + tf.where(self.step.value == 1, np.nan, 0.0)


@pytest.mark.parametrize(
    ("replicas", "named"),
    [
        (1, "loss generator_loss"),
        (2, "loss (one of generator_loss, discriminator_loss, discriminator_accuracy)"),
    ],
)
def test_a_loss_alone_is_named(two_replicas, replicas, named):
    model = in_scope(two_replicas if replicas == 2 else None, gan)
    model.adversarial_loss = BrokenLater(model.step_counter)
    assert stopped_by(model, numbers(3), 3) == named


def test_a_checked_tensor_is_itself():
    np.testing.assert_array_equal(checked(tf.constant([1.0, -3e38]), "x"), np.float32([1.0, -3e38]))
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        assert checked(tf.ones([2], dtype), "x").dtype == dtype
        for value in (np.nan, np.inf, -np.inf):
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                checked(tf.constant([0.0, value], dtype), "gradient a/b/c")
            assert culprit(caught.value) == "gradient a/b/c"


def test_other_errors_have_no_culprit():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))
    assert culprit(caught.value) is None
