"""ResNet-18 and ResNet-50 (He et al. 2015, arXiv 1512.03385).

ResNet-50 has its strides in the 3×3 convolutions, like torchvision's.
"""

from __future__ import annotations

from workloads.networks.entries import (
    AVERAGE,
    FLATTEN,
    RELU,
    Entry,
    conv_norm,
    linear,
    max_pool,
    network_of,
    parallel,
)
from workloads.spec import Network

# Inner channels and the first block's stride of the four stages.
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
EXPANSION = 4


def resnet18() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 11,689,512 parameters."""
    return _resnet("ResNet-18", (2, 2, 2, 2), 1)


def resnet50() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 25,557,032 parameters."""
    return _resnet("ResNet-50", (3, 4, 6, 3), EXPANSION)


def _resnet(name: str, blocks: tuple[int, ...], expansion: int) -> Network:
    entries = [*conv_norm(3, 64, 7, 2), RELU, max_pool(3, 2, 1)]
    channels = 64
    for (inner, stride), count in zip(STAGES, blocks, strict=True):
        outer = expansion * inner
        for block in range(count):
            entries += _block(channels, inner, outer, stride if block == 0 else 1)
            channels = outer
    entries += [AVERAGE, FLATTEN, linear(channels, 1000)]
    return network_of(name, (3, 224, 224), entries)


def _block(channels: int, inner: int, outer: int, stride: int) -> list[Entry]:
    main = (
        [*conv_norm(channels, inner, 3, stride), RELU, *conv_norm(inner, outer, 3)]
        if inner == outer
        else [
            *conv_norm(channels, inner, 1),
            RELU,
            *conv_norm(inner, inner, 3, stride),
            RELU,
            *conv_norm(inner, outer, 1),
        ]
    )
    shortcut = conv_norm(channels, outer, 1, stride) if stride > 1 or channels != outer else []
    return [parallel("add", main, shortcut), RELU]
