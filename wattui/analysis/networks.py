"""Whole networks predicted as the sums of their layers, by the lines of all other networks. Pure.

As SyNERGY did (Rodrigues, Riley & Luján 2018, arXiv 1803.11151): its published errors are means
and standard deviations over networks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wattui.analysis.left_out import line_without, mean_and_sd
from wattui.analysis.regression import Weights, relative_error


@dataclass(frozen=True, slots=True)
class MeasuredLayer:
    """The cost of one layer per inference."""

    network: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class NetworkError:
    """A network beside its prediction from the others.

    `x`, `measured` and `predicted` are sums over its layers; `error` is (predicted − measured) /
    measured; `layer_error` the mean of its layers' absolute relative errors.
    """

    network: str
    layers: int
    x: float
    measured: float
    predicted: float
    error: float | None
    layer_error: float | None


@dataclass(frozen=True, slots=True)
class NetworkErrors:
    """Every network predicted from the others; `mean` and `sd` are of absolute relative errors."""

    weights: Weights
    rows: tuple[NetworkError, ...]
    mean: float
    sd: float | None


def network_errors(
    layers: Sequence[MeasuredLayer],
    weights: Weights,
    through_origin: bool,
    without: Collection[str] = (),
) -> NetworkErrors | None:
    """Predict each network from the others, leaving out those in `without` entirely.

    None if there are fewer than two networks, or no line.
    """
    kept = [layer for layer in layers if layer.network not in without]
    names = [layer.network for layer in kept]
    xs, ys = [layer.x for layer in kept], [layer.y for layer in kept]
    rows = []
    for network in dict.fromkeys(names):
        line = line_without(network, xs, ys, weights, names, through_origin)
        if line is None:
            continue
        own = [layer for layer in kept if layer.network == network]
        measured = math.fsum(layer.y for layer in own)
        predicted = math.fsum(line.at(layer.x) for layer in own)
        each = [relative_error(line.at(layer.x), layer.y) for layer in own]
        known = [abs(error) for error in each if error is not None]
        rows.append(
            NetworkError(
                network,
                len(own),
                math.fsum(layer.x for layer in own),
                measured,
                predicted,
                relative_error(predicted, measured),
                mean_and_sd(known)[0] if known else None,
            )
        )
    errors = [abs(row.error) for row in rows if row.error is not None]
    if not errors:
        return None
    return NetworkErrors(weights, tuple(rows), *mean_and_sd(errors))


def mean_layers(
    layers: Mapping[tuple[str, str], Sequence[tuple[float, float]]],
) -> list[MeasuredLayer]:
    """Layers by network and label, those of several recordings averaged."""
    return [
        MeasuredLayer(network, points[0][0], math.fsum(y for _, y in points) / len(points))
        for (network, _), points in layers.items()
    ]
