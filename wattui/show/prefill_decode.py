"""Prefill and decode apart as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from wattui.analysis.fitting import ApartResult
from wattui.analysis.prefill_decode import Apart, Cost
from wattui.show.fit import new_table
from wattui.show.quantities import energy_unit, with_uncertainty


def apart_parts(result: ApartResult) -> Iterator[Table | Text]:
    """A row for each concurrency and method, and what makes it uncertain."""
    found = result.found
    yield Text.assemble(
        (f"{result.figure} energy per token, prefill and decode apart", "bold"),
        f"  {result.domain}, {result.origin}",
    )
    if not found:
        return
    factors = [
        energy_unit([of(each).value for each in found]) for of in (_prefill, _decode)
    ]  # one unit a column
    titles = (f"prefill {factors[0][1]}/token", f"decode {factors[1][1]}/token", "base W")
    table = new_table("load", "method", "windows", *titles, "variance\ninflation", right=2)
    for each in found:
        inflation = each.prefill.inflation
        table.add_row(
            each.concurrency or "all",
            each.method,
            str(each.windows),
            _shown(each.prefill, factors[0][0]),
            _shown(each.decode, factors[1][0]),
            _shown(each.base, 1.0) if each.base else "",
            "" if inflation is None else f"{inflation:.3g}" + " !" * each.is_collinear,
        )
    yield table
    yield Text("± is the half-width of the 95 % interval", "dim")
    for each in found:
        where = f"{each.concurrency or 'all'}, {each.method}"
        for remark in each.remarks:
            mark = ("! ", "") if each.is_collinear else ("– ", "dim")
            yield Text.assemble(mark, f"{where}: {remark}")


def _prefill(found: Apart) -> Cost:
    return found.prefill


def _decode(found: Apart) -> Cost:
    return found.decode


def _shown(cost: Cost, factor: float) -> str:
    value = with_uncertainty(cost.value, cost.interval95, factor)
    return value if cost.interval95 is not None else f"{value} ± ?"
