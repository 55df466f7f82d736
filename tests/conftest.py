"""Two logical CPUs for all tests, so that replicas can be tried; they have to be set before TensorFlow starts."""

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
