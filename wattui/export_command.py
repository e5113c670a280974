"""`wattui export`: a run's results for papers and programs, or its rows as Parquet."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from wattui.analysis.recorded import load_run
from wattui.errors import UsageError
from wattui.export import FORMATS, ExportError, export
from wattui.progress import waiting

PARQUET = ".parquet"


def parser() -> argparse.ArgumentParser:
    """The parser of the subcommand."""
    from wattui.cli import Parser

    found = Parser(
        prog="wattui export",
        description="Write a run's results, or its rows, in the form that the name's end says: "
        f"{', '.join(FORMATS)} (results), {PARQUET} (rows).",
    )
    found.add_argument("csv", metavar="RUN", help="a run.csv that wattui wrote")
    found.add_argument("out", metavar="FILE", help="what to write; never an existing file")
    return found


def main(options: argparse.Namespace) -> int:
    """Write the file; returns the exit status. Raises UsageError."""
    from wattui.analysis.runs import NotARunFileError

    path, out = Path(options.csv), Path(options.out)
    if out.suffix not in (*FORMATS, PARQUET):
        raise UsageError(f"{out}: end the name in {', '.join((*FORMATS, PARQUET))}")
    try:
        with waiting(f"reading {path}"):
            if out.suffix == PARQUET:
                _write_parquet(path, out)
            else:
                export(load_run(path), out)
    except ExportError as error:
        raise UsageError(str(error)) from None
    except NotARunFileError as error:
        raise UsageError(f"{path} is not a run file: {error}") from None
    except OSError as error:
        raise UsageError(f"{error.filename or path}: {error.strerror}: check the name") from None
    return 0


def _write_parquet(path: Path, out: Path) -> None:
    """The rows as Parquet, whole or not at all. Raises ExportError, NotARunFileError, OSError."""
    from wattui.analysis.runs import write_parquet

    if os.path.lexists(out):
        raise ExportError(f"{out} exists: give another name")
    if not out.absolute().parent.is_dir():
        raise ExportError(f"there is no folder {out.parent}")
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        write_parquet(path, draft)
        draft.rename(out)
    finally:
        draft.unlink(missing_ok=True)
