"""GoogLeNet, Inception v1 (Szegedy et al. 2014, arXiv 1409.4842), for inference only.

Without its two local response normalisations, and without auxiliary classifiers.
"""

from __future__ import annotations

from workloads.networks.entries import (
    AVERAGE,
    DROPOUT,
    FLATTEN,
    Entry,
    conv_relu,
    linear,
    max_pool,
    network_of,
    parallel,
)
from workloads.spec import Network

# Table 1 of the paper: channels of the 1×1, of the 3×3 and what reduces its input, of the 5×5 and
# what reduces its input, and of what follows the pooling; block by block, between poolings.
INCEPTIONS = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


def googlenet() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 6,998,552 parameters."""
    entries = [*conv_relu(3, 64, 7, 2), max_pool(3, 2, ceil=True)]
    entries += [*conv_relu(64, 64, 1), *conv_relu(64, 192, 3)]
    channels = 192
    for blocks in INCEPTIONS:
        entries.append(max_pool(3, 2, ceil=True))
        for block in blocks:
            entries.append(_inception(channels, *block))
            channels = block[0] + block[2] + block[4] + block[5]
    entries += [AVERAGE, FLATTEN, DROPOUT, linear(channels, 1000)]
    return network_of("GoogLeNet", (3, 224, 224), entries)


def _inception(
    inputs: int, ones: int, reduce3: int, threes: int, reduce5: int, fives: int, pooled: int
) -> Entry:
    return parallel(
        "concat",
        conv_relu(inputs, ones, 1),
        [*conv_relu(inputs, reduce3, 1), *conv_relu(reduce3, threes, 3)],
        [*conv_relu(inputs, reduce5, 1), *conv_relu(reduce5, fives, 5)],
        [max_pool(3, 1, 1), *conv_relu(inputs, pooled, 1)],
    )
