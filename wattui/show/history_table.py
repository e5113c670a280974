"""Figures over commits as tables, and their steps in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from wattui.analysis.compare import Comparison
from wattui.analysis.history import History, Point
from wattui.clean import name_of, one_line
from wattui.show.compare import COLOURS, meaning, p_text, trend, value_text
from wattui.show.quantities import minus, prefix_for
from wattui.show.stacking import Fitting, plain_table


def history_table(found: History) -> Iterator[RenderableType]:
    """A row for each commit, the oldest first; a step is marked where it is clear."""
    factor, prefix = prefix_for([point.known.known.value for point in found.points])
    table = plain_table("commit", "recorded", "runs", f"{prefix}{found.unit}", "", left=(0, 1, 4))
    heading = Text(name_of(found.label) or found.figure, "bold")
    heading.append(f"  {found.figure}, channel {found.domain}", "not bold dim")
    if found.origin not in ("measured", ""):
        heading.append(f" ({found.origin})", "not bold yellow")
    table.title, table.title_justify = heading, "left"
    table.caption, table.caption_justify = meaning(found.figure, found.per), "left"
    for point in found.points:
        table.add_row(
            one_line(point.commit),
            date_text(point.start_utc_ns),
            str(point.runs),
            value_text(point.known.known, factor),
            _change(point.step) if point.step else "",
        )
    yield Fitting(table)


def step_line(found: History, point: Point, step: Comparison) -> Text:
    """What changed where, by how much and how surely."""
    what = f"{name_of(found.label)}: {found.figure}" if found.label else found.figure
    return Text.assemble((f"{one_line(point.commit)}  {what} ", "bold"), _change(step))


def date_text(start_utc_ns: int | None) -> str:
    """When a commit was first recorded; – if unknown."""
    if start_utc_ns is None:
        return "–"
    return f"{datetime.fromtimestamp(start_utc_ns / 1e9, UTC):%Y-%m-%d %H:%M}"


def _change(step: Comparison) -> Text:
    """The change from the level before, with its interval and p."""
    return Text(change_text(step), COLOURS[trend(step)])


def change_text(step: Comparison) -> str:
    """`+5.2 % (+4.1 … +6.3 %), p = 0.0001`: against the level before."""
    p = p_text(step.p)
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    interval = step.ratio_interval
    ends = " … ".join(map(_percent, interval)) if interval else ""
    return ", ".join(filter(None, (share_text(step) + (f" ({ends} %)" if ends else ""), p)))


def share_text(step: Comparison) -> str:
    """`+5.2 %` of the level before; empty where that is not above zero."""
    return "" if step.ratio is None else f"{_percent(step.ratio)} %"


def _percent(ratio: float) -> str:
    return minus(f"{100 * (ratio - 1):+.3g}".replace("inf", "∞"))
