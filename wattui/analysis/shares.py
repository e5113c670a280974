"""Energy shares by layer and by type of layer, from recordings of single layers. Pure.

Either each layer ran alone (labels such as `conv1 64x64`), or the first n layers ran together for
each n (the recording's notes `difference LABEL minus LABEL`): then a layer's energy is a
difference, and may be negative.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorders.summary.figures import Difference, Group, Summary
from wattui.analysis.label_numbers import carried, numbers_of
from wattui.analysis.parts import parts_of, wholes_of

_TO = "to "
_LAYER = re.compile(r"[A-Za-z/][^\s]*")
_TYPE = re.compile(r"_?[0-9]*(?:#[0-9]+)?$")


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Energy or time per inference of one layer at one size."""

    layer: str
    size: str
    value: float


@dataclass(frozen=True, slots=True)
class Share:
    """The cost of a layer or a type of layer; `share` is None if the sum is not above 0."""

    name: str
    value: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Shares:
    """The layers at one size; `negative` names those with a negative cost."""

    size: str
    layers: tuple[Share, ...]
    types: tuple[Share, ...]
    negative: tuple[str, ...]


def layer_cells(summary: Summary, figure: Callable[[Group], float | None]) -> list[LayerCost]:
    """Layers of a recording with a known figure; none if its labels name no layers.

    The size of a layer of a network that ran as a whole beside it is the network's name.
    """
    totals = {
        group.label: value
        for group in summary.labels
        if (value := figure(group)) is not None and math.isfinite(value)
    }
    if summary.differences:
        return list(_by_difference(summary.differences, totals))
    if parts := parts_of(summary):
        return [
            LayerCost(part.layer, part.whole, totals[label])
            for label, part in parts.items()
            if label in totals
        ]
    wholes = wholes_of(summary)
    return [
        LayerCost(layer, numbers_of(label), value)
        for label, value in totals.items()
        if label not in wholes and (layer := _layer(label))
    ]


def shares(cells: Sequence[LayerCost]) -> list[Shares]:
    """Shares at every size with two layers or more; a layer that occurs twice is averaged."""
    found = []
    for size in dict.fromkeys(cell.size for cell in cells):
        of_layer: dict[str, list[float]] = {}
        for cell in cells:
            if cell.size == size:
                of_layer.setdefault(cell.layer, []).append(cell.value)
        means = {layer: math.fsum(values) / len(values) for layer, values in of_layer.items()}
        if len(means) > 1:
            found.append(_shares(size, means))
    return found


def shares_dict(found: Shares, unit: str) -> dict[str, Any]:
    """Shares as JSON, with units in the keys."""
    key = "seconds" if unit == "s" else "energy_j"

    def rows(of: Iterable[Share]) -> list[dict[str, Any]]:
        return [{"name": each.name, key: each.value, "share": each.share} for each in of]

    return {
        "size": found.size,
        "layers": rows(found.layers),
        "types": rows(found.types),
        "negative": list(found.negative),
    }


def layer_type(layer: str) -> str:
    """The name of a layer without its number: conv of conv1, relu6 of relu6_2."""
    return _TYPE.sub("", layer) or layer


def negative_cells(found: Iterable[Shares]) -> str | None:
    """A remark on layers with a negative cost; None if there are none."""
    every = list(found)
    names = [f"{name} {each.size}".strip() for each in every for name in each.negative]
    if not names:
        return None
    count = sum(len(each.layers) for each in every)
    return (
        f"{len(names)} of {count} cells are below zero: {', '.join(names)}: the totals are too "
        "uncertain to separate these layers"
    )


def _by_difference(
    differences: Sequence[Difference], totals: Mapping[str, float]
) -> Iterator[LayerCost]:
    more = {each.label for each in differences}
    for each in differences:
        label, minus = each.label, each.minus
        if minus not in more and minus in totals:
            yield _to_cell(minus, totals[minus])
        if label in totals and minus in totals:
            yield _to_cell(label, totals[label] - totals[minus])


def _to_cell(label: str, value: float) -> LayerCost:
    layer = carried(label.removeprefix(_TO), "macs").family
    return LayerCost(layer, numbers_of(label), value)


def _layer(label: str) -> str | None:
    family = carried(label, "macs").family
    return family if _LAYER.fullmatch(family) else None


def _shares(size: str, values: Mapping[str, float]) -> Shares:
    types: dict[str, list[float]] = {}
    for layer, value in values.items():
        types.setdefault(layer_type(layer), []).append(value)
    whole = math.fsum(values.values())
    return Shares(
        size,
        _each(values, whole),
        _each({name: math.fsum(of_type) for name, of_type in types.items()}, whole),
        tuple(layer for layer, value in values.items() if value < 0),
    )


def _each(values: Mapping[str, float], whole: float) -> tuple[Share, ...]:
    return tuple(
        Share(name, value, value / whole if whole > 0 else None) for name, value in values.items()
    )
