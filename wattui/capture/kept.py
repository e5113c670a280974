"""Figures of a recording with lost rows: wherever they are shown, they are those of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from recorders.client import Finished
from recorders.summary.figures import Flag, Summary
from recorders.texts import OwnNote


def of_its_file(done: Finished) -> Finished:
    """The end of a recording, with a summary of the rows that are in the file where others
    could not be written; a flag says how many are not."""
    if not done.lost_rows or done.left_to is not None:
        return done
    summary = _summary_of(Path(done.run["file"]["csv"]))
    if summary is not None and any(flag.name == OwnNote.RUN_FILE for flag in summary.flags):
        return replace(done, summary=summary)
    of = "those of the file" if summary else "of rows that are not in it"
    reason = f" ({done.write_error})" if done.write_error else ""
    text = f"{done.lost_rows} rows are not in the file{reason}: the figures are {of}"
    flagged = summary or done.summary
    flags = [Flag(OwnNote.RUN_FILE.value, "", text), *flagged.flags]
    return replace(done, summary=replace(flagged, flags=flags))


def _summary_of(csv: Path) -> Summary | None:
    """The summary of what is in a file; None where it cannot be read."""
    from recorders.summary.summary import summarise
    from wattui.runs.reduce import reduce_csv
    from wattui.runs.run_file import NotARunFileError

    try:
        return summarise(reduce_csv(csv))
    except (NotARunFileError, OSError):
        return None
