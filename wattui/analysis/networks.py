"""Whole networks predicted as the sums of their layers, by the lines of all other networks. Pure.

As SyNERGY did (Rodrigues, Riley & Luján 2018, arXiv 1803.11151): its published errors are means
and standard deviations over networks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from recorders.summary.stats import t95
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
    measured; `layer_error` the mean of its layers' absolute relative errors. `plus_minus` is the
    half-width of the prediction's 95 % interval, from how far off the other networks are (None:
    fewer than two).
    """

    network: str
    layers: int
    x: float
    measured: float
    predicted: float
    error: float | None
    layer_error: float | None
    plus_minus: float | None = None


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
    beside = [
        network_interval(
            row.predicted,
            [
                other.measured / other.predicted
                for other in rows
                if other is not row and other.predicted > 0
            ],
        )
        for row in rows
    ]
    found = tuple(replace(row, plus_minus=half) for row, half in zip(rows, beside, strict=True))
    return NetworkErrors(weights, found, *mean_and_sd(errors))


def network_interval(predicted: float, ratios: Sequence[float]) -> float | None:
    """Half-width of the 95 % interval of a network's prediction, from the ratios of measured to
    predicted of other networks, each of which was left out.

    Layers of a network are off together, so that the scatter of layers about a line says little
    about a network. None for fewer than two ratios.
    """
    if len(ratios) < 2:
        return None
    rms = math.sqrt(math.fsum((ratio - 1) ** 2 for ratio in ratios) / len(ratios))
    return t95(len(ratios)) * rms * abs(predicted)


def mean_layers(
    layers: Mapping[tuple[str, str], Sequence[tuple[float, float]]],
) -> list[MeasuredLayer]:
    """Layers by network and label, those of several recordings averaged."""
    return [
        MeasuredLayer(network, points[0][0], math.fsum(y for _, y in points) / len(points))
        for (network, _), points in layers.items()
    ]
