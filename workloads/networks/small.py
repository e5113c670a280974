"""Two purely convolutional classifiers of 32×32 images: All-CNN-C and NiN.

All-CNN-C: Springenberg et al. 2014, arXiv 1412.6806, tables 1 and 2. NiN: Lin et al. 2013,
arXiv 1312.4400, as its authors released it for CIFAR-10.
"""

from __future__ import annotations

from workloads.networks.entries import (
    AVERAGE,
    DROPOUT,
    FLATTEN,
    Entry,
    conv_relu,
    max_pool,
    module,
    network_of,
)
from workloads.spec import Network

CLASSES = 10


def all_cnn_c() -> Network:
    """A classifier of 10 classes for images of 3 channels, 1,369,738 parameters."""
    entries = [
        DROPOUT,
        *conv_relu(3, 96, 3),
        *conv_relu(96, 96, 3),
        *conv_relu(96, 96, 3, 2),
        DROPOUT,
        *conv_relu(96, 192, 3),
        *conv_relu(192, 192, 3),
        *conv_relu(192, 192, 3, 2),
        DROPOUT,
        *conv_relu(192, 192, 3, padding=0),
        *conv_relu(192, 192, 1),
        *conv_relu(192, CLASSES, 1),
        AVERAGE,
        FLATTEN,
    ]
    return network_of("All-CNN-C", (3, 32, 32), entries)


def nin() -> Network:
    """A classifier of 10 classes for images of 3 channels, 966,986 parameters."""
    average = module("AvgPool2d", kernel_size=3, stride=2, ceil_mode=True)
    entries = [
        *_block(3, 5, 192, 160, 96),
        max_pool(3, 2, ceil=True),
        DROPOUT,
        *_block(96, 5, 192, 192, 192),
        average,
        DROPOUT,
        *_block(192, 3, 192, 192, CLASSES),
        AVERAGE,
        FLATTEN,
    ]
    return network_of("NiN", (3, 32, 32), entries)


def _block(inputs: int, kernel: int, first: int, second: int, third: int) -> list[Entry]:
    """A convolution followed by a two-layer network applied to each pixel."""
    return [
        *conv_relu(inputs, first, kernel),
        *conv_relu(first, second, 1),
        *conv_relu(second, third, 1),
    ]
