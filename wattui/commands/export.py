"""`wattui export`: a run's results for papers and programs, or its rows in the other format."""

from __future__ import annotations

import argparse
from pathlib import Path

from recorders.runfile import PARQUET, journal_path
from wattui.capture.progress import waiting
from wattui.commands.inputs import fleets, of_several_nodes
from wattui.commands.parser import Parser
from wattui.errors import UsageError
from wattui.outputs import OutputError, drafted, refusal
from wattui.report.export import FORMATS, export
from wattui.runs.naming import load_named, naming
from wattui.runs.run_file import is_parquet
from wattui.show.printing import say


def parser() -> argparse.ArgumentParser:
    """The parser of the subcommand."""
    found = Parser(
        prog="wattui export",
        description="Write a run's results or its rows; the extension sets the format: "
        f"{', '.join(FORMATS)} (results), {PARQUET} (rows). `wattui export run.parquet run.csv` "
        "writes the rows as the CSV that they were, to the last byte.",
    )
    found.add_argument("csv", metavar="RUN", help="a run.csv or run.parquet that wattui wrote")
    found.add_argument(
        "out", metavar="FILE", help="file to write; an existing one is never replaced"
    )
    return found


def main(options: argparse.Namespace) -> int:
    """Write the file; returns the exit status. Raises UsageError."""
    path, out = Path(options.csv), Path(options.out)
    if fleets(options.csv):
        raise of_several_nodes(options.csv)
    if out.suffix not in (*FORMATS, PARQUET):
        raise UsageError(f"{out}: fix: use the extension {', '.join((*FORMATS, PARQUET))}")
    is_run = is_parquet(out) or (is_parquet(path) and out.name == journal_path(path).name)
    with waiting(f"reading {path}"):
        say(*(_write_rows(path, out) if is_run else _export(path, out)))
    return 0


def _export(path: Path, out: Path) -> list[str]:
    """Write the results; returns remarks. Raises UsageError."""
    run = load_named(path)
    export(run, out)
    return run.remarks


def _write_rows(path: Path, out: Path) -> list[str]:
    """Write all rows in the other format, or nothing; returns remarks. Raises UsageError."""
    from wattui.runs.convert import write_csv, write_parquet

    if reason := refusal(out, [path]):
        raise OutputError(reason)
    with drafted(out) as draft, naming(path):
        return write_parquet(path, draft) if is_parquet(out) else write_csv(path, draft)
