"""Prefill and decode apart as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    titles = [f"prefill {factors[0][1]}/token", f"decode {factors[1][1]}/token"]
    has_base = any(each.base for each in found)
    titles += ["base W"] * has_base + ["variance\ninflation"]
    table = new_table("load", "method", "windows", *titles, right=2)
    for each in found:
        base = [_base(each)] * has_base
        inflation = each.prefill.inflation
        table.add_row(
            each.concurrency or "all",
            each.method,
            str(each.windows),
            *_costs(each, [factor for factor, _ in factors]),
            *base,
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


def _costs(found: Apart, factors: Sequence[float]) -> tuple[str, str]:
    """Both costs; – where a base that follows from the tokens was fitted beside them."""
    if found.base and found.is_collinear:
        return "–", "–"
    return _shown(found.prefill, factors[0]), _shown(found.decode, factors[1])


def _base(found: Apart) -> str:
    if found.base is None:
        return ""
    return "–" if found.is_collinear else _shown(found.base, 1.0)


def _shown(cost: Cost, factor: float) -> str:
    value = with_uncertainty(cost.value, cost.interval95, factor)
    return value if cost.interval95 is not None else f"{value} ± ?"
