"""Networks predicted as the sums of their layers, beside published errors, as Rich tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from wattui.analysis.fit import FitRequest
from wattui.analysis.networks import NetworkErrors
from wattui.show.fit import add, figure_name, mean_error, new_table, percent, quantity, scale
from wattui.show.quantities import number, with_uncertainty

if TYPE_CHECKING:
    from wattui.analysis.fitting import Networks


def network_parts(
    asked: FitRequest, origin: str, networks: Networks, published: dict[str, Any]
) -> Iterator[Table | Text]:
    """Each network predicted by the lines of all others, with mean errors and published ones."""
    form = "through the origin" if asked.through_origin else "with an intercept"
    yield Text.assemble(
        ("each network as the sum of its layers, from the other networks", "bold"),
        f"  {figure_name(asked)} against {asked.against}, lines {form}",
    )
    yield _rows_table(asked, networks)
    yield _means_table(asked, origin, networks, published)


def _rows_table(asked: FitRequest, networks: Networks) -> Table:
    errors = networks.every
    titles = [f"{each.weights}\n{what}" for each in errors for what in ("predicted", "error %")]
    table = new_table("network", "layers", asked.against, "measured", *titles, "as a whole")
    for place, row in enumerate(errors[0].rows):
        rows = [each.rows[place] for each in errors]
        whole = networks.wholes.get(row.network)
        factor, unit = scale([row.measured], asked.unit)
        cells = [str(row.layers), quantity(row.x, asked.against)]
        cells.append(f"{number(row.measured / factor)} {unit}")
        for each in rows:
            predicted = with_uncertainty(each.predicted, each.plus_minus, factor)
            cells += [predicted, percent(each.error, signed=True)]
        cells.append("–" if whole is None else number(whole / factor))
        add(table, row.network, *cells)
    return table


def _means_table(
    asked: FitRequest, origin: str, networks: Networks, published: dict[str, Any]
) -> Table:
    """Mean ± sd over networks of absolute relative errors."""
    sets = [(_counted("all", networks.every), networks.every)]
    if networks.others:
        named = f"without {', '.join(networks.depthwise)}"
        sets.append((_counted(named, networks.others), networks.others))
    titles = [f"{each.weights} %" for each in networks.every]
    what = "time, not energy" if asked.unit == "s" else f"{origin} energy"
    table = new_table(f"mean error ± sd over networks, {what}", *titles)
    for name, found in sets:
        by_weights = {each.weights: each for each in found}
        cells = (by_weights.get(each.weights) for each in networks.every)
        add(table, name, *map(mean_error, cells))
    if published:
        for row in published["relative_test_errors"]:
            text = f"{row['mean_pct']:.2f} ± {row['sd_pct']}"
            add(table, f"{published['source']}, measured energy from {row['from']}", text)
    return table


def _counted(name: str, found: Sequence[NetworkErrors]) -> str:
    return f"{name}: {len(found[0].rows)} networks"
