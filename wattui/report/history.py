"""A figure over commits as a report: the steps, a picture, and a table for each label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattui.analysis.history import History, steps
from wattui.analysis.results_file import Note
from wattui.report.document import Block, Heading, Notes, PageTable, Picture, Words
from wattui.report.draw.history import MOST_PANELS, draw_history
from wattui.report.pictures import drawn, suffix
from wattui.show.compare import value_text
from wattui.show.history_table import change_text, date_text
from wattui.show.quantities import prefix_for


def history_blocks(found: Sequence[History], title: str, remarks: Sequence[str]) -> Iterator[Block]:
    """The whole report; of many labels, the first are drawn."""
    yield Heading(1, title)
    clear = tuple(
        Note(point.commit, history.label or history.figure, change_text(step), "")
        for history, point, step in steps(found)
    )
    if clear:
        yield Notes("Clear steps, each against the level before it", clear)
    else:
        yield Words("No clear step.")
    if remarks:
        yield Notes.of_texts("Before you quote these figures", remarks)
    yield _picture(found)
    yield from map(_table, found)


def _picture(found: Sequence[History]) -> Picture:
    shown = found[:MOST_PANELS]
    figures = " and ".join(dict.fromkeys(f"{each.figure}, channel {each.domain}" for each in shown))
    caption = (
        f"Per commit, in the order in which they were first recorded: {figures}. Whiskers are ±. "
        "A dashed line is a step that is clear among all comparisons made."
    )
    if len(shown) < len(found):
        caption += f" {len(found) - len(shown)} more labels are in the tables."
    instead = "; ".join(
        f"{each.label or each.figure}: {len(each.points)} commits, "
        f"{sum(point.step is not None for point in each.points)} clear steps"
        for each in shown
    )
    title = f"Over commits{suffix({each.origin for each in shown})}"
    svg = drawn(lambda width_mm: draw_history(width_mm, shown))
    return Picture("history", svg, title, caption, f"{instead}.")


def _table(found: History) -> PageTable:
    factor, prefix = prefix_for([point.known.known.value for point in found.points])
    rows = tuple(
        (
            point.commit,
            date_text(point.start_utc_ns),
            str(point.runs),
            value_text(point.known.known, factor),
            change_text(point.step) if point.step else "",
        )
        for point in found.points
    )
    label = f"{found.label}: " if found.label else ""
    head = ("commit", "recorded", "runs", f"{prefix}{found.unit}", "clear step")
    return PageTable(f"{label}{found.figure}, channel {found.domain}", head, rows)
