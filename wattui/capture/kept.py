"""Figures of a recording with lost rows: wherever they are shown, they are those of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from recorders.client import Finished
from recorders.summary.figures import Flag, Summary


def of_its_file(done: Finished) -> Finished:
    """The end of a recording, with a summary of the rows that are in the file where others
    could not be written; a flag says how many are not."""
    if not done.lost_rows or done.left_to is not None:
        return done
    summary, of = _summary_of(Path(done.run["file"]["csv"])), "those of the file"
    if summary is None:
        summary, of = done.summary, "of rows that are not in it"
    reason = f" ({done.write_error})" if done.write_error else ""
    text = f"{done.lost_rows} rows are not in the file{reason}: the figures are {of}"
    flagged = replace(summary, flags=[Flag("run_file", "", text), *summary.flags])
    return replace(done, summary=flagged)


def _summary_of(csv: Path) -> Summary | None:
    """The summary of what is in a file; None where it cannot be read."""
    from recorders.summary.summary import summarise
    from wattui.runs.reduce import NotARunFileError, reduce_csv

    try:
        return summarise(reduce_csv(csv))
    except (NotARunFileError, OSError):
        return None
