"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv 1602.07360; 1.1 is its authors' lighter release)."""

from __future__ import annotations

from workloads.networks.entries import (
    AVERAGE,
    DROPOUT,
    FLATTEN,
    Entry,
    conv_relu,
    max_pool,
    network_of,
    parallel,
)
from workloads.spec import Network

# Squeezed channels, and those of either half that expands them, of the fires after each pooling.
FIRES = (
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)


def squeezenet() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 1,235,496 parameters."""
    entries = conv_relu(3, 64, 3, 2, padding=0)
    channels = 64
    for fires in FIRES:
        entries.append(max_pool(3, 2, ceil=True))
        for squeezed, half in fires:
            entries += _fire(channels, squeezed, half)
            channels = 2 * half
    entries += [DROPOUT, *conv_relu(channels, 1000, 1), AVERAGE, FLATTEN]
    return network_of("SqueezeNet 1.1", (3, 224, 224), entries)


def _fire(inputs: int, squeezed: int, half: int) -> list[Entry]:
    expand = parallel("concat", conv_relu(squeezed, half, 1), conv_relu(squeezed, half, 3))
    return [*conv_relu(inputs, squeezed, 1), expand]
