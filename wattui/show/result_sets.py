"""A recording's results as a table that can be exported, published and compared."""

from __future__ import annotations

from recorders.summary.per import by, in_place
from wattui.analysis.macs import command_macs
from wattui.analysis.results import group_rows, rows
from wattui.analysis.results_file import ResultSet
from wattui.runs.recorded import Run
from wattui.show.remedies import notes_of
from wattui.show.summary import machine_line


def result_set(run: Run, name: str) -> ResultSet:
    """All of a recording's results; MACs are those of the workload it ran, if any."""
    return ResultSet(
        name,
        run.summary.headline,
        rows(run.summary, command_macs(run.about.argv, run.summary.per)[1]),
        run.about.argv,
        machine_line(run.about).plain,
        notes_of(run.summary.flags),
    )


def figures_of(run: Run, name: str, per: str | None = None) -> ResultSet:
    """A recording's results for comparison: running phases taken together, without MACs; with
    another count in the place of inferences, by default the usual one.
    """
    summary = in_place(run.summary, per) if per else by(run.summary)
    return ResultSet(name, summary.headline, group_rows(summary), per=summary.per)
