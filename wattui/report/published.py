"""Published devices beside one's own, in the figures that both may have. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorders.counts import INFERENCES
from recorders.summary.bases import BASES
from wattui.analysis.published.results import published_results
from wattui.analysis.results import ResultRow
from wattui.analysis.results_file import ResultSet
from wattui.report.document import Block, Heading, PageTable, Words
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.show.quantities import number, prefix_for, with_uncertainty
from wattui.show.result_sets import figures_of
from wattui.show.summary import origin_word

JOULES = {basis.key: basis.name for basis in BASES}
COLUMNS = ("power_w", "inferences_per_s", *JOULES)


def published_blocks(runs: Sequence[ReportRun], wish: ReportOptions) -> Iterator[Block]:
    """A row for each device and label that is in both, one's own first."""
    if wish.published is None:
        return
    source, theirs = published_results(wish.published)
    labels = {row.label for each in theirs for row in each.rows}
    own = [_own(run, wish) for run in runs]
    found = [
        *((each, "") for each in own),
        *((each, "published") for each in theirs),
    ]
    shared = labels & {row.label for each in own for row in each.rows}
    yield Heading(2, "Beside published figures")
    if not shared:
        known = ", ".join(sorted(filter(None, labels))) or "none"
        yield Words(f"No label in common with {source}: its labels are {known}.")
        return
    lines = [
        (each.name, origin, label, figures)
        for label in sorted(shared, key=lambda text: (len(text), text))
        for each, origin in found
        if (figures := _figures(each, label))
    ]
    joules = [row.known.value for *_, known in lines for k, row in known.items() if k in JOULES]
    factor, prefix = prefix_for(joules)
    columns = [column for column in COLUMNS if any(column in known for *_, known in lines)]
    titles = {"power_w": "W", "inferences_per_s": "inferences/s"}
    head = [titles.get(name) or f"{JOULES[name]} {prefix}J" for name in columns]
    rows = tuple(
        (
            name + _origin(origin, known),
            label or "–",
            *(_cell(known.get(column), factor if column in JOULES else 1.0) for column in columns),
        )
        for name, origin, label, known in lines
    )
    yield PageTable(f"Beside the figures of {source}", ("device", "label", *head), rows)
    yield Words("Published figures are as printed, without ±.")


def _own(run: ReportRun, wish: ReportOptions) -> ResultSet:
    """A run's figures of its headline channel."""
    found, domain = figures_of(run.run, run.name), run.domain(wish)
    # What others published is per inference.
    columns = COLUMNS if found.per == INFERENCES else COLUMNS[:1]
    rows = [row for row in found.rows if row.domain in ("", domain) and row.figure in columns]
    return ResultSet(found.name, domain, rows)


def _figures(found: ResultSet, label: str) -> dict[str, ResultRow]:
    return {
        row.figure: row
        for row in found.rows
        if row.label == label and row.level in ("run", "label") and row.figure in COLUMNS
    }


def _origin(origin: str, known: dict[str, ResultRow]) -> str:
    if origin:
        return f" ({origin})"
    own = next((row.origin for name, row in known.items() if name in JOULES), "measured")
    return origin_word(own)  # type: ignore[arg-type]


def _cell(row: ResultRow | None, factor: float) -> str:
    if row is None:
        return "–"
    if row.known.plus_minus is None:
        return number(row.known.value / factor)
    return with_uncertainty(row.known.value, row.known.plus_minus, factor)
