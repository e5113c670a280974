"""Shares of layers and of types of layers as Rich tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from wattui.analysis.shares import Share, Shares
from wattui.show.fit import add, new_table, percent, scale
from wattui.show.quantities import number

# Up to this many layers are listed one by one.
MOST_LAYERS = 30


def shares_parts(found: Sequence[Shares], unit: str) -> Iterator[Table]:
    """Shares by layer and by type of layer, size by size.

    For several sizes with many layers, only the shares of types are shown, side by side.
    """
    large = [each for each in found if len(each.layers) > MOST_LAYERS]
    if large and len(found) > 1:
        yield _types_table(found, unit)
        return
    for each in found:
        for what, rows in (("layer", each.layers), ("type", each.types)):
            if what == "type" and len(rows) == len(each.layers):
                continue
            yield _shares_table(what, each.size, rows, unit)


def _shares_table(what: str, size: str, rows: Sequence[Share], unit: str) -> Table:
    factor, name = scale([row.value for row in rows], unit)
    table = new_table(f"{what} {size}".strip(), name, "share %")
    for row in rows:
        add(table, row.name, number(row.value / factor), percent(row.share))
    return table


def _types_table(found: Sequence[Shares], unit: str) -> Table:
    types = list(dict.fromkeys(row.name for each in found for row in each.types))
    table = new_table(f"share of {'time' if unit == 's' else 'energy'} %", *types)
    for each in found:
        of_type = {row.name: row.share for row in each.types}
        add(table, each.size, *(percent(of_type.get(name)) for name in types))
    return table
