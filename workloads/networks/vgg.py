"""VGG-11 and VGG-16: configurations A and D (Simonyan & Zisserman 2014, arXiv 1409.1556)."""

from __future__ import annotations

from workloads.networks.entries import (
    DROPOUT,
    FLATTEN,
    RELU,
    Entry,
    conv_relu,
    linear,
    max_pool,
    network_of,
)
from workloads.spec import Network

# Channels of the five stages, each of which ends in a pooling; table 1 of the paper.
CHANNELS = (64, 128, 256, 512, 512)
SIDE = 7  # pixels left of 224 after the last pooling
HIDDEN = 4096


def vgg11() -> Network:
    """A classifier of 1000 classes for images of 3×224×224, 132,863,336 parameters."""
    return _vgg("VGG-11", (1, 1, 2, 2, 2))


def vgg16() -> Network:
    """A classifier of 1000 classes for images of 3×224×224, 138,357,544 parameters."""
    return _vgg("VGG-16", (2, 2, 3, 3, 3))


def _vgg(name: str, convolutions: tuple[int, ...]) -> Network:
    entries: list[Entry] = []
    channels = 3
    for outputs, count in zip(CHANNELS, convolutions, strict=True):
        for _ in range(count):
            entries += conv_relu(channels, outputs, 3)
            channels = outputs
        entries.append(max_pool(2, 2))
    entries += [FLATTEN, linear(channels * SIDE * SIDE, HIDDEN), RELU, DROPOUT]
    entries += [linear(HIDDEN, HIDDEN), RELU, DROPOUT, linear(HIDDEN, 1000)]
    return network_of(name, (3, 224, 224), entries)
