"""MobileNet v1 and v2 (Howard et al. 2017, arXiv 1704.04861; Sandler et al. 2018, 1801.04381).

Their depthwise convolutions are named `depthwise1` …
"""

from __future__ import annotations

from itertools import count

from workloads.networks.entries import (
    AVERAGE,
    DROPOUT,
    FLATTEN,
    RELU,
    Entry,
    conv_norm,
    linear,
    module,
    network_of,
    parallel,
)
from workloads.spec import Network

# Output channels and stride of each pair of a depthwise and a 1×1 convolution; table 1 of v1.
PAIRS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
# Expansion, output channels, repeats, and first stride of each bottleneck; table 2 of v2.
BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
RELU6 = module("ReLU6")


def mobilenet() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 4,231,976 parameters."""
    numbers = count(1)
    entries = [*conv_norm(3, 32, 3, 2), RELU]
    channels = 32
    for outputs, stride in PAIRS:
        entries += [*_depthwise(channels, stride, next(numbers)), RELU]
        entries += [*conv_norm(channels, outputs, 1), RELU]
        channels = outputs
    entries += [AVERAGE, FLATTEN, linear(channels, 1000)]
    return network_of("MobileNet", (3, 224, 224), entries)


def mobilenet_v2() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 3,504,872 parameters."""
    numbers = count(1)
    entries = [*conv_norm(3, 32, 3, 2), RELU6]
    channels = 32
    for expansion, outputs, repeats, first_stride in BOTTLENECKS:
        for place in range(repeats):
            stride = first_stride if place == 0 else 1
            block = _bottleneck(channels, expansion, outputs, stride, next(numbers))
            same = stride == 1 and channels == outputs
            entries += [parallel("add", [], block)] if same else block
            channels = outputs
    entries += [*conv_norm(channels, 1280, 1), RELU6, AVERAGE, FLATTEN, DROPOUT]
    return network_of("MobileNet v2", (3, 224, 224), [*entries, linear(1280, 1000)])


def _bottleneck(inputs: int, expansion: int, outputs: int, stride: int, number: int) -> list[Entry]:
    inner = expansion * inputs
    expand = [*conv_norm(inputs, inner, 1), RELU6] if expansion > 1 else []
    return [*expand, *_depthwise(inner, stride, number), RELU6, *conv_norm(inner, outputs, 1)]


def _depthwise(channels: int, stride: int, number: int) -> list[Entry]:
    return conv_norm(channels, channels, 3, stride, groups=channels, name=f"depthwise{number}")
