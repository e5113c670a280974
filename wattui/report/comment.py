"""The comment of `wattui ci` on a change, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recorders.summary.figures import INVENTED
from wattui.analysis.compare import Comparison
from wattui.report.clean import cleaned
from wattui.report.document import Block, Heading, Notes, PageTable, Words
from wattui.report.markdown import markdown_page
from wattui.runs.recorded import Run
from wattui.show.compare import p_text, ratio_text, value_text, verdict_text
from wattui.show.quantities import prefix_for
from wattui.show.summary import headline, machine_line, origin_word

TITLE = "Energy check"
NO_SENSOR = (
    "This machine has no power sensor: its joules are an estimate from processor time, good to a "
    "factor of two at best, and are not judged"
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A verdict in words, the figures compared, which of them decides, and what to know of them."""

    verdict: str
    rows: Sequence[Comparison] = ()
    judged: str = ""
    findings: Sequence[str] = ()
    notes: Sequence[str] = ()
    run: Run | None = None


def comment_text(comment: Comment) -> str:
    """The comment as Markdown."""
    return markdown_page([*map(cleaned, _blocks(comment))], "")[0]


def _blocks(comment: Comment) -> Iterator[Block]:
    yield Heading(3, f"{TITLE}: {comment.verdict}")
    if comment.findings:
        yield Notes.of_texts("Found", comment.findings)
    if comment.rows:
        yield _table(comment.rows, comment.judged)
    elif comment.run is not None:
        yield Words(headline(comment.run.summary).plain.replace("\n", ": "))
    if notes := [*dict.fromkeys([*_origins(comment), *comment.notes])]:
        yield Notes.of_texts("Notes", notes)
    if comment.run is not None:
        command = comment.run.about.command
        yield Words(" · ".join(filter(None, (command, machine_line(comment.run.about).plain))))


def _origins(comment: Comment) -> Iterator[str]:
    """That joules are no measurement, if they are not."""
    quoted = comment.run.summary.quoted if comment.run else None
    if quoted is not None and quoted.origin in INVENTED:
        yield NO_SENSOR


def _table(rows: Sequence[Comparison], judged: str) -> PageTable:
    head = ("figure", "baseline", "change", "ratio (95 % interval)", "p", "verdict")
    caption = f"Judged by {judged}" if judged else "Figures"
    return PageTable(caption, head, tuple(map(_row, rows)))


def _row(row: Comparison) -> tuple[str, ...]:
    factor, prefix = prefix_for([row.a.known.value, row.b.known.value])
    estimated = next((origin_word(o) for o in row.origins if o in INVENTED), "")
    unit = f", {prefix}{row.unit}" if prefix or row.unit else ""
    name = ": ".join(filter(None, (row.label, row.figure)))
    return (
        f"{name}{unit}{estimated}",
        value_text(row.a.known, factor),
        value_text(row.b.known, factor),
        ratio_text(row.ratio, row.ratio_interval).plain,
        p_text(row.p_of_all),
        verdict_text(row),
    )
