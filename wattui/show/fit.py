"""Fits and correlations as Rich tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from recorders.counts import singular
from wattui.analysis.breakpoint import EVIDENCE
from wattui.analysis.correlation import Matrix
from wattui.analysis.fit import Fit, FitRequest, FitSeries, remarks_of
from wattui.analysis.left_out import HeldOut
from wattui.analysis.networks import NetworkErrors
from wattui.analysis.regression import LEAST_SQUARES, WEIGHTS, Line
from wattui.clean import name_of
from wattui.show.quantities import counted, minus, number, prefix_for, with_uncertainty
from wattui.show.stacking import plain_table

UNITS = {
    "pixels": "pixel",
    "macs": "MAC",
    "batch": "unit",
    "tokens": "token",
    "size": "unit",
    "concurrency": "request at once",
}
# Beyond this many points, only those with the largest residuals are listed.
MOST_POINTS, WORST_POINTS = 60, 20
TIME = "wall time, not energy: on one thread of an otherwise idle processor it equals CPU time"


def scale(values: Sequence[float | None], unit: str) -> tuple[float, str]:
    """Factor and name of the unit, J or s, with a prefix suited to the largest value."""
    factor, prefix = prefix_for(values)
    return factor, f"{prefix}{unit}"


def figure_name(asked: FitRequest) -> str:
    """The name of the fitted figure."""
    if asked.figure == "seconds":
        return f"seconds per {singular(asked.per)}"
    return f"{asked.figure} energy per {singular(asked.per)}"


def quantity(x: float, against: str) -> str:
    """A number of MACs with a prefix, any other number unchanged."""
    if against != "macs":
        return f"{x:g}" if x < 1e15 else f"{x:.4g}"
    factor, prefix = prefix_for([x])
    return f"{number(x / factor)} {prefix}"


def percent(share: float | None, signed: bool = False) -> str:
    """A share as a percentage; – if unknown."""
    if share is None:
        return "–"
    value = 100 * share
    text = f"{value:+.1f}" if signed else f"{value:.1f}"
    return minus(text if abs(value) < 1000 else f"{value:{'+' if signed else ''}.0f}")


def mean_error(found: HeldOut | NetworkErrors | None) -> str:
    """Mean ± standard deviation of relative errors, in per cent."""
    if found is None:
        return "–"
    return percent(found.mean) + (f" ± {percent(found.sd)}" if found.sd is not None else "")


def line_text(line: Line, asked: FitRequest) -> str:
    """Intercept and slope with their standard errors."""
    slope_factor, slope_unit = scale([line.slope, line.slope_error], asked.unit)
    slope = with_uncertainty(abs(line.slope), line.slope_error, slope_factor)
    each = f"{slope} {slope_unit}/{UNITS[asked.against]}"
    if line.through_origin:
        return f"{'−' if line.slope < 0 else ''}{each}"
    factor, unit = scale([line.intercept, line.intercept_error], asked.unit)
    intercept = with_uncertainty(line.intercept, line.intercept_error, factor)
    return f"{intercept} {unit} {'−' if line.slope < 0 else '+'} {each}"


def fit_parts(
    asked: FitRequest, origin: str, series: Sequence[FitSeries], published: dict[str, Any]
) -> Iterator[Table | Text]:
    """The lines, published errors, two lines where they fit better, and residuals."""
    runs = len({point.run for point in series[0].points})
    points = counted(len(series[0].points), "point")
    where = "" if asked.figure == "seconds" else f"{asked.domain}, "
    form = ", through the origin" if asked.through_origin else ""
    yield Text.assemble(
        (f"{figure_name(asked)} against {asked.against}{form}", "bold"),
        f"  {where}{origin}; {points} of {counted(runs, 'run')}",
    )
    if asked.figure == "seconds":
        yield Text(TIME, "dim")
    if any(map(_fits, series)):
        yield _lines_table(asked, series)
        yield _errors_table(series)
    yield from _beside(series[0], published)
    for each in series:
        for fit in _fits(each):
            if line := _two_lines(asked, each, fit):
                yield line
    for remark, names in remarks_of(series).items():
        yield Text.assemble(("– ", "dim"), (names, "bold"), f"  {remark}")
    yield _points_table(asked, series)


def _lines_table(asked: FitRequest, series: Sequence[FitSeries]) -> Table:
    what = "time" if asked.unit == "s" else "energy"
    title = f"{what} per {singular(asked.per)} ± standard error"
    table = new_table("", "", title, "R²", right=3)
    for each in series:
        for fit in _fits(each):
            r2 = "–" if fit.line.r2 is None else minus(f"{fit.line.r2:.4f}")
            line = line_text(fit.line, asked)
            add(table, each.name, fit.line.weights, line, r2)
    return table


def _errors_table(series: Sequence[FitSeries]) -> Table:
    """Mean ± sd of leave-one-out relative errors, in per cent."""
    kinds = ["point"]
    if any(fit.left_out_group for fit in _fits(series[0])):
        kinds.append(series[0].group_kind)
    titles = [f"one {kind} out,\n{weights} %" for kind in kinds for weights in WEIGHTS]
    table = new_table("", *titles)
    for each in filter(_fits, series):
        fits = [each.fit(weights) for weights in WEIGHTS]
        found = [fit.left_out_point if fit else None for fit in fits]
        if len(kinds) > 1:
            found += [fit.left_out_group if fit else None for fit in fits]
        add(table, each.name, *map(mean_error, found))
    return table


def _beside(series: FitSeries, published: dict[str, Any]) -> Iterator[Text]:
    """Published leave-one-out errors."""
    if not published or not any(fit.left_out_group for fit in _fits(series)):
        return
    if any(point.layer is not None for point in series.points):
        return  # it is shown beside the sums of layers
    errors = "; ".join(
        f"{row['mean_pct']:.2f} ± {row['sd_pct']} % from {row['from']}"
        for row in published["relative_test_errors"]
    )
    yield Text(f"published, {published['source']}: mean relative test errors {errors}", "dim")


def _two_lines(asked: FitRequest, series: FitSeries, fit: Fit) -> Text | None:
    two = fit.two_lines
    if two is None or not two.taken:
        return None
    factor, unit = scale([two.jump], asked.unit)
    return Text(
        f"{series.name}, {fit.line.weights}: a single line does not fit; the slope changes at "
        f"{quantity(two.at, asked.against)} {asked.against} (between "
        f"{quantity(two.last_x, asked.against)} and {quantity(two.first_x, asked.against)}), "
        f"with a step of {number(two.jump / factor)} {unit}\n  before: "
        f"{line_text(two.left, asked)}\n  after:  {line_text(two.right, asked)}\n  AICc "
        f"{minus(f'{two.aicc_one:.1f}')} with one line, {minus(f'{two.aicc_two:.1f}')} with two "
        f"(two are used if lower "
        f"by more than {EVIDENCE:g})"
    )


def _points_table(asked: FitRequest, series: Sequence[FitSeries]) -> Table:
    """Points with their relative residuals from the line of all points and from their own."""
    places = _places(series[0])
    several = len(series) > 1
    runs = len({point.run for point in series[0].points}) > 1
    head = "all,\n" if several else ""
    titles = [f"{head}{weights} %" for weights in LEAST_SQUARES]
    titles += [f"own,\n{weights} %" for weights in LEAST_SQUARES] if several else []
    left = len(series[0].points) - len(places)
    head = f"label ({left} more have smaller residuals)" if left else "label"
    table = new_table(head, asked.against, "measured", *titles)
    own = {
        (point.run, point.label): (each, place)
        for each in series[1:]
        for place, point in enumerate(each.points)
    }
    for place in places:
        point = series[0].points[place]
        label = point.label or "running"
        factor, unit = scale([point.y], asked.unit)
        cells = [
            f"{point.run} {label}" if runs else label,
            quantity(point.x, asked.against),
            f"{number(point.y / factor)} {unit}",
            *_residuals(series[0], place),
        ]
        add(table, *cells, *(_residuals(*own[point.run, point.label]) if several else []))
    return table


def _places(series: FitSeries) -> list[int]:
    """The points to list: all, or if there are many, those furthest from the first line."""
    every = list(range(len(series.points)))
    fit = next(iter(_fits(series)), None)
    if len(every) <= MOST_POINTS or fit is None:
        return every
    residuals = [abs(residual or 0.0) for residual in fit.residuals]
    return sorted(sorted(every, key=residuals.__getitem__)[-WORST_POINTS:])


def _residuals(series: FitSeries, place: int) -> list[str]:
    fits = [series.fit(weights) for weights in LEAST_SQUARES]
    return [percent(fit.residuals[place], signed=True) if fit else "–" for fit in fits]


def correlation_parts(found: Matrix) -> Iterator[Table]:
    """Pearson's matrix, and Spearman's."""
    for name, values in (("Pearson", found.pearson), ("Spearman", found.spearman)):
        # Numbers as column headings: names would not fit side by side.
        table = new_table(name, *(str(place) for place in range(1, len(values) + 1)))
        for place, (row_name, row) in enumerate(zip(found.names, values, strict=True), 1):
            cells = ("–" if r is None else minus(f"{r:.2f}") for r in row)
            add(table, f"{place} {row_name}", *cells)
        yield table


def _fits(series: FitSeries) -> list[Fit]:
    return [fit for weights in WEIGHTS if (fit := series.fit(weights))]


def new_table(*titles: str, right: int = 1) -> Table:
    """A table whose columns from `right` on are numbers."""
    table = plain_table()
    for place, title in enumerate(titles):
        justify: Literal["left", "right"] = "right" if place >= right else "left"
        table.add_column(
            Text(title),
            justify=justify,
            overflow="fold",
            no_wrap=place == 0,
            min_width=max(map(len, title.split("\n"))) if place >= right else None,
        )
    return table


def add(table: Table, *cells: str) -> None:
    """A row of literal texts: a label is not markup."""
    table.add_row(*(Text(name_of(cell)) for cell in cells))
