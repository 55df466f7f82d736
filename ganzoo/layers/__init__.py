"""Layers that Keras lacks, and nothing else."""

from ganzoo.layers.batch_normalization import BatchNormalization
from ganzoo.layers.convolution import Conv2D, Conv2DTranspose
from ganzoo.layers.dropout import Dropout
from ganzoo.layers.maxout import Maxout

__all__ = ["BatchNormalization", "Conv2D", "Conv2DTranspose", "Dropout", "Maxout"]
