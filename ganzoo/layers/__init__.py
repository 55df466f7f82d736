"""Layers that Keras lacks, or has with random state of their own or statistics of one replica's batch."""

from ganzoo.layers.batch_normalization import BatchNormalization
from ganzoo.layers.convolution import Conv2D, Conv2DTranspose
from ganzoo.layers.dropout import Dropout
from ganzoo.layers.instance_normalization import InstanceNormalization
from ganzoo.layers.maxout import Maxout
from ganzoo.layers.padding import ReflectionPadding2D
from ganzoo.layers.residual_tanh import ResidualTanh
from ganzoo.layers.spectral_convolution import SpectralConv2D

__all__ = [
    "BatchNormalization",
    "Conv2D",
    "Conv2DTranspose",
    "Dropout",
    "InstanceNormalization",
    "Maxout",
    "ReflectionPadding2D",
    "ResidualTanh",
    "SpectralConv2D",
]
