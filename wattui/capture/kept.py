"""The file in which a recording is kept: its figures are those of the file, also where rows are
lost, and it has the format that was asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shlex import quote

from recorders.client import Finished
from recorders.runfile import MOST_NAMES, PARQUET, journal_path
from recorders.summary.figures import Flag, Summary
from recorders.texts import OwnNote
from wattui.errors import WattuiError
from wattui.outputs import OutputError
from wattui.runs.run_file import is_parquet

FIX = ": fix: "


def of_its_file(done: Finished, asked: Path | None = None, force: bool = False) -> Finished:
    """The end of a recording, with a summary of the rows that are in the file where others
    could not be written; a flag says how many are not. A run.parquet is made from its CSV now; if
    it cannot be, the CSV stays and a remark says why.

    Raises KeyboardInterrupt with that remark if it is interrupted meanwhile.
    """
    found = _of_kept_rows(done)
    if asked is None or not is_parquet(asked) or done.left_to is not None:
        return found
    file = dict(done.run["file"])
    csv = Path(file["csv"])
    try:
        if csv != journal_path(asked.absolute()):
            raise OutputError("it is of a file that other programs changed")
        from wattui.runs.convert import convert

        convert(csv, asked, force)
        file["csv"] = str(asked.absolute())
    except WattuiError as error:
        file["remarks"] = [*file["remarks"], _unconverted(csv, asked, error)]
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_unconverted(csv, asked, "it was interrupted")) from None
    return replace(found, run={**done.run, "file": file})


def place_of(done: Finished, asked: Path) -> Path:
    """Where a recording is: as asked for, or in the CSV if it was not converted."""
    file = done.run.get("file", {})
    is_csv = is_parquet(asked) and not is_parquet(Path(file.get("csv", asked)))
    return journal_path(asked) if is_csv else asked


def _unconverted(csv: Path, asked: Path, why: object) -> str:
    reason = str(why).partition(FIX)[0]
    out = next(filter(_is_free, (asked, *_names_beside(csv))), asked)
    fix = f"{FIX}wattui export {quote(str(csv))} {quote(str(out))}"
    return f"the recording stays in {csv}, not converted ({reason}){fix}"


def _names_beside(csv: Path) -> Iterator[Path]:
    yield csv.with_suffix(PARQUET)
    yield from (csv.with_name(f"{csv.stem}-{n}{PARQUET}") for n in range(2, MOST_NAMES))


def _is_free(path: Path) -> bool:
    return path.absolute().parent.is_dir() and not os.path.lexists(path)


def _of_kept_rows(done: Finished) -> Finished:
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
