"""The overview at the start of a report of several runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattui.analysis.cells import to_quote
from wattui.analysis.results_file import Note
from wattui.report.comparison import comparison_blocks
from wattui.report.document import Block, Heading, Notes, PageTable
from wattui.report.joules import rows_of
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.report.numbers_table import group_table
from wattui.report.pictures import joules_picture
from wattui.report.published import published_blocks
from wattui.report.sections import fit_blocks, fits_for, run_blocks


def report_blocks(runs: Sequence[ReportRun], wish: ReportOptions, title: str) -> Iterator[Block]:
    """The whole report."""
    yield Heading(1, title)
    if len(runs) > 1:
        yield from _overview(runs, wish)
    yield from published_blocks(runs, wish)
    for run in runs:
        if len(runs) > 1 or run.name != title:
            yield Heading(2, run.name)
        yield from run_blocks(run, wish)


def _overview(runs: Sequence[ReportRun], wish: ReportOptions) -> Iterator[Block]:
    yield Heading(2, "Overview")
    domains = list(dict.fromkeys(name for run in runs if (name := run.domain(wish))))
    for domain in domains:
        among = [run for run in runs if run.domain(wish) == domain]
        quoted = [
            (run, run.name + words, group)
            for run in among
            for words, group in to_quote(run.summary, domain)
            if group is not None
        ]
        named = [(name, group) for _, name, group in quoted]
        of_each, per = [run for run, _, _ in quoted], among[0].summary.per
        yield _with_flags(
            group_table(f"Runs, channel {domain}", "run", named, domain, per), of_each
        )
        found = rows_of(named, domain, wish.figure, per)
        if picture := joules_picture(found, "run"):
            yield picture
    without = [run for run in runs if run.domain(wish) is None]
    if without:
        notes = tuple(Note(run.name, "", _why_without(run, wish), "") for run in without)
        yield Notes("Runs without a headline figure", notes)
    yield from comparison_blocks(runs, wish)
    yield from fit_blocks(fits_for(runs, wish), wish.against is not None)


def _with_flags(table: PageTable, runs: Sequence[ReportRun]) -> PageTable:
    words = [", ".join(dict.fromkeys(f.name for f in run.summary.flags)) for run in runs]
    rows = tuple((*row, word or "–") for row, word in zip(table.rows, words, strict=True))
    return PageTable(table.caption, (*table.head, "flags"), rows)


def _why_without(run: ReportRun, wish: ReportOptions) -> str:
    if run.summary.running is None:
        return "nothing was marked as running"
    return f"{wish.domain or 'energy'} was not recorded while running"
