"""`wattui summary`: summaries recomputed from run files: one in full, or many as a table."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from recorders.json_text import json_text
from recorders.summary.summary import summarise
from wattui.capture.progress import waiting
from wattui.commands.inputs import expand
from wattui.commands.parser import Parser
from wattui.errors import INCOMPLETE, UsageError
from wattui.runs.naming import naming
from wattui.runs.recorded import Recomputed, about_run, changed
from wattui.show.printing import console, say
from wattui.show.width import add_width


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui summary`."""
    made = Parser(prog="wattui summary", description="Recompute the summaries of run files.")
    made.add_argument(
        "csv",
        nargs="+",
        metavar="FILE",
        help="a run.csv that wattui wrote; several, a folder or 'runs/**/*.csv' give a table",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    made.add_argument("--mixed", action="store_true", help="combine several labels into one figure")
    add_width(made)
    return made


def main(options: argparse.Namespace) -> int:
    """Print the requested summaries; returns the exit status."""
    return show(options.csv, options.json, options.mixed, options.width)


def show(
    patterns: Sequence[str], as_json: bool, mixed: bool = False, width: int | None = None
) -> int:
    """Print summaries, as JSON or as tables; returns the exit status.

    One file is printed in full. Of several, any that cannot be read is named on stderr, the others
    are printed, and the status is 1. `mixed` combines several labels. Raises UsageError if the only
    file cannot be read.
    """
    if len(patterns) == 1:
        paths = expand(patterns)
        if len(paths) == 1:
            with waiting(f"reading {paths[0]}"):
                row = _read(paths[0])
            alone = not as_json or os.path.isfile(patterns[0])
            _print([row], as_json, alone, mixed, width)
            return 0
        rows, failures = _read_all(paths)
    else:
        found: dict[Path, None] = {}
        failures = 0
        for pattern in patterns:
            try:
                found |= dict.fromkeys(expand([pattern]))
            except UsageError as error:
                failures += 1
                say(str(error))
        rows, unread = _read_all(list(found))
        failures += unread
    _print(rows, as_json, False, mixed, width)
    return INCOMPLETE if failures else 0


def _read_all(paths: Sequence[Path]) -> tuple[list[Recomputed], int]:
    """The rows of the files that can be read, and the number that cannot."""
    rows, complaints = [], []
    with waiting(f"reading {len(paths):,} runs"):
        for path in paths:
            try:
                rows.append(_read(path))
            except UsageError as error:
                complaints.append(str(error))
    say(*complaints)
    return rows, len(complaints)


def _read(path: Path) -> Recomputed:
    """File, beginning, command and summary of a run. Raises UsageError."""
    from wattui.runs.reduce import reduce_csv

    with naming(path):
        begun, about = _first_utc(path), about_run(path)
        remarks = changed(path, about)
        reduction = reduce_csv(path, remarks)
    return Recomputed(str(path), begun, about.command or None, summarise(reduction), remarks)


def _first_utc(path: Path) -> str | None:
    """The time of the first row, ISO 8601."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = (file.readline(1 << 20) for _ in range(2))
        with contextlib.suppress(csv.Error):  # a label of over 128 KiB
            return next(csv.DictReader(lines), {}).get("time_utc") or None
    return None


def _print(
    rows: Sequence[Recomputed], as_json: bool, alone: bool, mixed: bool, width: int | None
) -> None:
    for row in rows:
        say(*row.remarks)
    if as_json:
        dicts = [row.to_dict() for row in rows]
        sys.stdout.write(json_text(dicts[0]["summary"] if alone else dicts))
        sys.stdout.write("\n")
    elif rows:
        if len(rows) == 1:
            from wattui.show.summary import print_summary

            print_summary(console(width=width), rows[0].summary, Path(rows[0].file), mixed)
        else:
            from wattui.show.runs import runs_table
            from wattui.show.width import MOST_COLUMNS

            if width is None and not sys.stdout.isatty() and "COLUMNS" not in os.environ:
                width = MOST_COLUMNS
            console(width=width).print(runs_table(rows, mixed))
