"""`wattui summary`: the summaries of run files: one in full, or many as a table."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from recorders.garbage import uncollected
from recorders.json_text import json_text
from recorders.plausible import MOST_COUNT
from recorders.summary.budget import Budget
from recorders.summary.per import NotCountedError, by
from wattui.analysis.cells import quoted_labels
from wattui.capture.progress import waiting
from wattui.commands.inputs import expand, fleets
from wattui.commands.parser import Parser, add_per, add_require_uncertainty
from wattui.errors import INCOMPLETE, UNMET, UsageError
from wattui.runs.lines import first_rows
from wattui.runs.many import loader
from wattui.runs.naming import by_named, naming
from wattui.runs.notes import state
from wattui.runs.recorded import Run, SummaryRow, load_run, read_budgets
from wattui.show.printing import console, say
from wattui.show.width import add_width


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui summary`."""
    made = Parser(prog="wattui summary", description="Print the summaries of run files.")
    made.add_argument(
        "csv",
        nargs="+",
        metavar="FILE",
        help="a run.csv that wattui wrote; several, a folder or 'runs/**/*.csv' give a "
        "table; 'DIR/run=*/' are jobs of many nodes",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    made.add_argument("--mixed", action="store_true", help="combine several labels into one figure")
    made.add_argument(
        "--explain",
        action="store_true",
        help="show what the ± of the headline is made of, and what would halve it",
    )
    made.add_argument("--label", metavar="TEXT", help="explain this label's figure")
    made.add_argument(
        "--inferences",
        type=_count,
        metavar="N",
        help="state that a run which counted none did N inferences (each of its repeats, if there "
        "are several); kept in run.notes beside it; 0 takes it back",
    )
    add_per(made)
    add_require_uncertainty(made)
    add_width(made)
    return made


def _count(text: str) -> int:
    """A number of inferences, 0 or more. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_COUNT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of inferences, such as 10000")
    return int(text)


@uncollected()
def main(options: argparse.Namespace) -> int:
    """Print the requested summaries; returns the exit status."""
    how = options.json, options.mixed, options.width, options.explain, options.label
    asked = Asked(*how, options.inferences, options.per)
    is_one = len(options.csv) == 1 and not os.path.isdir(options.csv[0])
    if asked.inferences is not None and not is_one and not any(map(fleets, options.csv)):
        raise UsageError("--inferences is about one run: fix: name one file")
    if asked.label is not None and not asked.explain:
        raise UsageError("--label chooses what --explain is about: fix: add --explain")
    return show(options.csv, asked, options.require_uncertainty)


@dataclass(frozen=True, slots=True)
class Asked:
    """How summaries are printed."""

    as_json: bool = False
    mixed: bool = False
    width: int | None = None
    explain: bool = False
    label: str | None = None
    inferences: int | None = None
    per: str | None = None


def show(patterns: Sequence[str], asked: Asked, widest: float | None = None) -> int:
    """Print summaries, as JSON or as tables; returns the exit status.

    One file is printed in full. Of several, any that cannot be read is named on stderr, the others
    are printed, and the status is 1. Raises UsageError if the only file cannot be read. `widest`
    is the share that the ± of each headline may be; if one is wider, the status is 3.
    """
    if folders := [folder for pattern in patterns for folder in fleets(pattern)]:
        _refuse_for_fleet(folders[0], asked, widest)
        return _show_fleets(patterns, asked)
    if len(patterns) == 1:
        paths = expand(patterns)
        if len(paths) == 1:
            with waiting(f"reading {paths[0]}"):
                row = _read(paths[0], asked)
            _print([row], asked, not asked.as_json or os.path.isfile(patterns[0]))
            return UNMET if _too_wide([row], asked, widest) else 0
        rows, failures = _read_all(paths, asked)
    else:
        found: dict[Path, None] = {}
        failures = 0
        for pattern in patterns:
            try:
                found |= dict.fromkeys(expand([pattern]))
            except UsageError as error:
                failures += 1
                say(str(error))
        rows, unread = _read_all(list(found), asked)
        failures += unread
    _print(rows, asked, False)
    wide = _too_wide(rows, asked, widest)
    return INCOMPLETE if failures else UNMET if wide else 0


def _refuse_for_fleet(folder: Path, asked: Asked, widest: float | None) -> None:
    """Refuse what needs the rows between edges, or is kept beside a file. Raises UsageError."""
    given = {
        "--explain": asked.explain,
        "--inferences": asked.inferences is not None,
        "--require-uncertainty": widest is not None,
    }
    for option in (name for name, is_given in given.items() if is_given):
        raise UsageError(
            f"{option} is about one file, and {folder} is of several nodes: fix: wattui merge "
            f"{quote(str(folder))} -o run.csv, then wattui summary run.csv {option}"
        )


def _show_fleets(patterns: Sequence[str], asked: Asked) -> int:
    """Print summaries among which are those of several nodes each, made of their edges alone."""
    from wattui.commands.merge import read_edges
    from wattui.show.nodes import print_nodes

    rows: list[SummaryRow] = []
    others: list[Path] = []
    failures = 0
    titles: dict[str, str] = {}
    for pattern in patterns:
        folders = fleets(pattern)
        for folder in folders:
            with waiting(f"reading {folder}"):
                row, titles, is_partial = read_edges(folder)
            rows.append(row)
            failures += is_partial
        try:
            others += expand([pattern])
        except UsageError as error:
            if not folders:
                say(str(error))
                failures += 1
    found, unread = _read_all(others, asked) if others else ([], 0)
    if len(rows) == 1 and not found and not asked.as_json:
        say(*rows[0].remarks)
        try:
            summary = by(rows[0].summary, asked.per)
        except NotCountedError as error:
            raise UsageError(f"--per {asked.per}: {rows[0].file}: {error}") from None
        print_nodes(console(width=asked.width), rows[0].file, summary, titles, asked.mixed)
    else:
        _print([*rows, *found], asked, False)
    return INCOMPLETE if failures or unread else 0


def _too_wide(rows: Sequence[SummaryRow], asked: Asked, widest: float | None) -> bool:
    """Report the headlines whose ± is too wide; returns whether there are any."""
    if widest is None:
        return False
    from wattui.show.budget import too_wide

    lines = [
        f"{row.file}: {line}"
        for row in rows
        for summary in [by(row.summary, asked.per)]
        for labels in [quoted_labels(summary, mixed=asked.mixed)]
        for line in too_wide(read_budgets(Path(row.file), labels, per=summary.per), widest)
    ]
    say(*lines)
    return bool(lines)


def _read_all(paths: Sequence[Path], asked: Asked) -> tuple[list[SummaryRow], int]:
    """The rows of the files that can be read, and the number that cannot."""
    rows, complaints = [], []
    with waiting(f"reading {len(paths):,} runs"):
        load = load_run if asked.inferences is not None else loader(paths)
        for path in paths:
            try:
                rows.append(_read(path, asked, load))
            except UsageError as error:
                complaints.append(str(error))
    say(*complaints)
    return rows, len(complaints)


def _read(path: Path, asked: Asked, load: Callable[[Path], Run] = load_run) -> SummaryRow:
    """File, beginning, command and summary of a run. Raises UsageError."""
    with naming(path):
        if asked.inferences is not None:
            from wattui.runs.blocks import header

            header(path)
            state(path, asked.inferences or None)
        begun, run = _first_utc(path), load(path)
        stated = by_named(run, asked.per)
        explained = _explained(stated, asked) if asked.explain else None
    return SummaryRow(
        str(path), begun, run.about.command or None, run.summary, run.remarks, explained
    )


def _explained(run: Run, asked: Asked) -> list[Budget]:
    """What the ± of the headline, or of a label, is made of.

    Raises UsageError, NotARunFileError or OSError.
    """
    if asked.label is None:
        labels = quoted_labels(run.summary, mixed=asked.mixed)
        return read_budgets(run.csv, labels, per=run.summary.per)
    known = [group.label for group in run.summary.labels]
    if asked.label not in known:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise UsageError(f"--label {asked.label}: {run.csv} has no such label: {there}")
    return read_budgets(run.csv, [asked.label], per=run.summary.per)


def _first_utc(path: Path) -> str | None:
    """The time of the first row, ISO 8601."""
    with contextlib.suppress(csv.Error):  # a label of over 128 KiB
        return next(csv.DictReader(first_rows(path, 1)), {}).get("time_utc") or None
    return None


def _print(rows: Sequence[SummaryRow], asked: Asked, alone: bool) -> None:
    for row in rows:
        say(*row.remarks)
    if asked.as_json:
        dicts = [row.to_dict() for row in rows]
        sys.stdout.write(json_text(rows[0].alone() if alone else dicts))
        sys.stdout.write("\n")
    elif rows:
        if len(rows) == 1:
            from wattui.show.summary import print_summary

            row = rows[0]
            out = console(width=asked.width)
            summary = by(row.summary, asked.per)
            print_summary(out, summary, Path(row.file), asked.mixed, row.budgets or ())
        else:
            if asked.explain:
                say("--explain is about one run: add --json, or name one file")
            from wattui.show.runs import runs_table
            from wattui.show.width import MOST_COLUMNS

            width = asked.width
            if width is None and not sys.stdout.isatty() and "COLUMNS" not in os.environ:
                width = MOST_COLUMNS
            stated = [replace(row, summary=by(row.summary, asked.per)) for row in rows]
            console(width=width).print(runs_table(stated, asked.mixed))
