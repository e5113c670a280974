"""Share of the energy by layer and by type of layer, of recordings of single layers. Pure.

Either each layer ran alone (labels such as `conv1 64x64`), or the first layers together ran beside
those before them (the recording's notes `difference LABEL minus LABEL`): then a layer's energy is a
difference, and may come out below zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattui.analysis.label_numbers import carried, numbers_of

_TO = "to "
_LAYER = re.compile(r"[A-Za-z/][^\s]*")
_TYPE = re.compile(r"_?[0-9]*(?:#[0-9]+)?$")


@dataclass(frozen=True, slots=True)
class Cell:
    """Energy per inference of one layer at one size."""

    layer: str
    size: str
    energy_j: float


@dataclass(frozen=True, slots=True)
class Share:
    """What a layer, or all layers of a type, cost; `share` is None where the sum is not above 0."""

    name: str
    energy_j: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Shares:
    """The layers of one size; `negative` names those that cost less than nothing."""

    size: str
    layers: tuple[Share, ...]
    types: tuple[Share, ...]
    negative: tuple[str, ...]


def layer_cells(summary: Mapping[str, Any], domain: str, figure_key: str) -> list[Cell]:
    """Layers of a recording with a known energy; none where its labels name no layers."""
    totals = {
        group["label"]: value
        for group in summary["labels"]
        if (value := _value(group["domains"], domain, figure_key)) is not None
    }
    if summary["differences"]:
        return list(_by_difference(summary["differences"], totals, domain, figure_key))
    wholes = {each["whole"] for each in summary["sums"]}
    return [
        Cell(layer, numbers_of(label), energy_j)
        for label, energy_j in totals.items()
        if label not in wholes and (layer := _layer(label))
    ]


def shares(cells: Sequence[Cell]) -> list[Shares]:
    """Shares at every size with two layers or more; a layer that is there twice is averaged."""
    found = []
    for size in dict.fromkeys(cell.size for cell in cells):
        of_layer: dict[str, list[float]] = {}
        for cell in cells:
            if cell.size == size:
                of_layer.setdefault(cell.layer, []).append(cell.energy_j)
        energies = {layer: math.fsum(js) / len(js) for layer, js in of_layer.items()}
        if len(energies) > 1:
            found.append(_shares(size, energies))
    return found


def layer_type(layer: str) -> str:
    """The name of a layer without its number: conv of conv1, relu6 of relu6_2."""
    return _TYPE.sub("", layer) or layer


def negative_cells(found: Iterable[Shares]) -> str | None:
    """Words about layers that cost less than nothing; None where there are none."""
    every = list(found)
    names = [f"{name} {each.size}".strip() for each in every for name in each.negative]
    if not names:
        return None
    count = sum(len(each.layers) for each in every)
    return (
        f"{len(names)} of {count} cells are below zero: {', '.join(names)}: "
        "the totals are not known well enough to tell these layers apart"
    )


def _by_difference(
    differences: Sequence[Mapping[str, Any]],
    totals: Mapping[str, float],
    domain: str,
    figure_key: str,
) -> Iterator[Cell]:
    more = {each["label"] for each in differences}
    for each in differences:
        if each["minus"] not in more and each["minus"] in totals:
            yield _to_cell(each["minus"], totals[each["minus"]])
        energy_j = _value(each["domains"], domain, figure_key)
        if energy_j is not None:
            yield _to_cell(each["label"], energy_j)


def _to_cell(label: str, energy_j: float) -> Cell:
    layer = carried(label.removeprefix(_TO), "macs").family
    return Cell(layer, numbers_of(label), energy_j)


def _layer(label: str) -> str | None:
    family = carried(label, "macs").family
    return family if _LAYER.fullmatch(family) else None


def _value(domains: Mapping[str, Any], domain: str, figure_key: str) -> float | None:
    value = domains[domain][figure_key] if domain in domains else None
    return value["value"] if value and math.isfinite(value["value"]) else None


def _shares(size: str, energies: Mapping[str, float]) -> Shares:
    types: dict[str, list[float]] = {}
    for layer, energy_j in energies.items():
        types.setdefault(layer_type(layer), []).append(energy_j)
    whole_j = math.fsum(energies.values())
    return Shares(
        size,
        _each(energies, whole_j),
        _each({name: math.fsum(js) for name, js in types.items()}, whole_j),
        tuple(layer for layer, energy_j in energies.items() if energy_j < 0),
    )


def _each(energies: Mapping[str, float], whole_j: float) -> tuple[Share, ...]:
    return tuple(
        Share(name, energy_j, energy_j / whole_j if whole_j > 0 else None)
        for name, energy_j in energies.items()
    )
