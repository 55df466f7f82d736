"""Layers missing in Keras, or whose Keras versions hold random state or use statistics of one replica's batch."""

from ganzoo.networks.layers.batch_normalization import BatchNormalization
from ganzoo.networks.layers.conditional_batch_normalization import ConditionalBatchNormalization
from ganzoo.networks.layers.convolution import Conv2D, Conv2DTranspose
from ganzoo.networks.layers.dropout import Dropout
from ganzoo.networks.layers.frozen_features import FrozenFeatures, Mixing
from ganzoo.networks.layers.instance_normalization import InstanceNormalization
from ganzoo.networks.layers.maxout import Maxout
from ganzoo.networks.layers.minibatch_deviation import MinibatchDeviation
from ganzoo.networks.layers.padding import ReflectionPadding2D
from ganzoo.networks.layers.residual_tanh import ResidualTanh, SlopedTanh
from ganzoo.networks.layers.spectral import SpectralConv2D, SpectralDense, SpectralNormalization
from ganzoo.networks.layers.styles import (
    EqualizedDense,
    LearnedConstant,
    ModulatedConv2D,
    PixelNoise,
    StyleMean,
    split_at_styles,
)
from ganzoo.networks.layers.upsampling import BilinearUpsampling

__all__ = [
    "BatchNormalization",
    "BilinearUpsampling",
    "ConditionalBatchNormalization",
    "Conv2D",
    "Conv2DTranspose",
    "Dropout",
    "EqualizedDense",
    "FrozenFeatures",
    "InstanceNormalization",
    "LearnedConstant",
    "Maxout",
    "MinibatchDeviation",
    "Mixing",
    "ModulatedConv2D",
    "PixelNoise",
    "ReflectionPadding2D",
    "ResidualTanh",
    "SlopedTanh",
    "SpectralConv2D",
    "SpectralDense",
    "SpectralNormalization",
    "StyleMean",
    "split_at_styles",
]
