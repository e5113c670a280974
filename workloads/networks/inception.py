"""Inception v3 (Szegedy et al. 2015, arXiv 1512.00567), without the auxiliary classifier."""

from __future__ import annotations

from typing import Any

from workloads.networks.entries import (
    AVERAGE,
    DROPOUT,
    FLATTEN,
    RELU,
    Entry,
    conv_norm,
    linear,
    max_pool,
    module,
    network_of,
    parallel,
)
from workloads.spec import Network

EPS = 1e-3
# Channels after the pooling of the blocks at 35×35, and inner channels of those at 17×17.
POOLED_35, INNER_17 = (32, 64, 64), (128, 160, 160, 192)
WIDE, HIGH = [1, 7], [7, 1]


def inception_v3() -> Network:
    """A classifier of 1000 classes for images of 3 channels, 23,834,568 parameters."""
    entries = [*_conv(3, 32, 3, 2, padding=0), *_conv(32, 32, 3, padding=0), *_conv(32, 64, 3)]
    entries += [max_pool(3, 2), *_conv(64, 80, 1), *_conv(80, 192, 3, padding=0), max_pool(3, 2)]
    channels = 192
    for pooled in POOLED_35:
        entries.append(_at_35(channels, pooled))
        channels = 64 + 64 + 96 + pooled
    entries.append(_to_17(channels))
    channels += 384 + 96
    entries += [_at_17(channels, inner) for inner in INNER_17]
    entries.append(_to_8(channels))
    for inputs in (channels + 320 + 192, 2048):
        entries.append(_at_8(inputs))
    entries += [AVERAGE, DROPOUT, FLATTEN, linear(2048, 1000)]
    return network_of("Inception v3", (3, 299, 299), entries)


def _conv(inputs: int, outputs: int, kernel: Any, stride: int = 1, **options: Any) -> list[Entry]:
    return [*conv_norm(inputs, outputs, kernel, stride, EPS, **options), RELU]


def _pooled(inputs: int, outputs: int) -> list[Entry]:
    return [module("AvgPool2d", kernel_size=3, stride=1, padding=1), *_conv(inputs, outputs, 1)]


def _at_35(inputs: int, pooled: int) -> Entry:
    return parallel(
        "concat",
        _conv(inputs, 64, 1),
        [*_conv(inputs, 48, 1), *_conv(48, 64, 5)],
        [*_conv(inputs, 64, 1), *_conv(64, 96, 3), *_conv(96, 96, 3)],
        _pooled(inputs, pooled),
    )


def _to_17(inputs: int) -> Entry:
    return parallel(
        "concat",
        _conv(inputs, 384, 3, 2, padding=0),
        [*_conv(inputs, 64, 1), *_conv(64, 96, 3), *_conv(96, 96, 3, 2, padding=0)],
        [max_pool(3, 2)],
    )


def _at_17(inputs: int, inner: int) -> Entry:
    return parallel(
        "concat",
        _conv(inputs, 192, 1),
        [*_conv(inputs, inner, 1), *_conv(inner, inner, WIDE), *_conv(inner, 192, HIGH)],
        [
            *_conv(inputs, inner, 1),
            *_conv(inner, inner, HIGH),
            *_conv(inner, inner, WIDE),
            *_conv(inner, inner, HIGH),
            *_conv(inner, 192, WIDE),
        ],
        _pooled(inputs, 192),
    )


def _to_8(inputs: int) -> Entry:
    return parallel(
        "concat",
        [*_conv(inputs, 192, 1), *_conv(192, 320, 3, 2, padding=0)],
        [
            *_conv(inputs, 192, 1),
            *_conv(192, 192, WIDE),
            *_conv(192, 192, HIGH),
            *_conv(192, 192, 3, 2, padding=0),
        ],
        [max_pool(3, 2)],
    )


def _at_8(inputs: int) -> Entry:
    split = parallel("concat", _conv(384, 384, [1, 3]), _conv(384, 384, [3, 1]))
    return parallel(
        "concat",
        _conv(inputs, 320, 1),
        [*_conv(inputs, 384, 1), split],
        [*_conv(inputs, 448, 1), *_conv(448, 384, 3), split],
        _pooled(inputs, 192),
    )
