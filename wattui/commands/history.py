"""`wattui history`: figures over the commits that were recorded, and where they clearly changed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wattui.analysis.compare import ALPHA
from wattui.analysis.doubts import first_of
from wattui.analysis.history import History, HistoryRun, has, histories, steps
from wattui.analysis.sides import FIGURES
from wattui.capture.progress import waiting
from wattui.commands.compare import level
from wattui.commands.inputs import expand, names_of
from wattui.commands.parser import Parser, add_per
from wattui.errors import UsageError
from wattui.report.clean import cleaned
from wattui.report.document import Picture
from wattui.report.draw.style import WIDE_MM
from wattui.report.files import Output, check, page_at, write
from wattui.report.svg import alone
from wattui.runs.naming import load_all_named, per_of
from wattui.runs.recorded import Run
from wattui.show.printing import console, print_json, say
from wattui.show.result_sets import figures_of
from wattui.show.summary import ending
from wattui.show.width import add_width

VERSION = 1
SUFFIXES = (".html", ".md", ".svg")
# More tables are for programs.
MOST_LABELS = 20
EPILOG = """\
examples:
  wattui history 'runs/**'
  wattui history runs --label b1 --figure dynamic
  wattui history runs -o history.html
  wattui history runs --json | jq '.histories[].points[-1]'
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the subcommand."""
    made = Parser(
        prog="wattui history",
        description="Show a figure over the commits of a project, as recordings of a folder have "
        "them in run.json: with ±, and with the steps that are clear. Runs of one commit are "
        "samples of it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "runs", nargs="+", metavar="RUN.csv", help="run files, also as 'runs/**' or a folder"
    )
    made.add_argument(
        "--figure",
        choices=tuple(FIGURES),
        help="figure to follow (default: total, or energy if nothing was counted)",
    )
    made.add_argument("--domain", metavar="NAME", help="domain, such as total, package0, gpu0")
    add_per(made)
    made.add_argument("--label", metavar="TEXT", help="follow this label only")
    made.add_argument(
        "--alpha",
        type=level,
        default=ALPHA,
        metavar="P",
        help="how often chance may be taken for a step, over all commits and labels together "
        f"(default: {ALPHA:g})",
    )
    made.add_argument("--json", action="store_true", help="print the histories as JSON")
    made.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help="also write a page (.html, .md), or the figure (.svg)",
    )
    add_width(made)
    return made


def main(options: argparse.Namespace) -> int:
    """Print the histories; returns the exit status. Raises UsageError."""
    csvs, out = expand(options.runs), Path(options.out) if options.out else None
    if out is not None:
        check(out, csvs, SUFFIXES, "-o")
    with waiting(f"reading {len(csvs)} run{'s' * (len(csvs) > 1)}"):
        loaded = load_all_named(csvs)
        runs = [run for run in loaded if not ending(run.summary)]
        names = names_of([run.csv for run in runs])
        per = per_of(runs, options.per)
        samples = [_history_run(*each, per) for each in zip(runs, names, strict=True)]
        found = histories(
            samples,
            options.figure,
            options.domain,
            options.label,
            options.alpha,
            per,
        )
    if not found:
        raise UsageError(_nothing(options))
    remarks = [*_left_out(loaded), *_remarks(runs), *_apart(names, samples, found)]
    if out is not None:
        _write(found, out, remarks)
    if options.json:
        print_json(_to_dict(found, options.alpha))
    else:
        _print(found, options.width)
    say(*remarks)
    return 0


def _write(found: Sequence[History], out: Path, remarks: Sequence[str]) -> None:
    from wattui.report.history import history_blocks

    blocks = list(map(cleaned, history_blocks(found, "History", remarks)))
    if out.suffix == ".svg":
        picture = next(block for block in blocks if isinstance(block, Picture))
        write([Output(out, alone(picture.svg(WIDE_MM), picture.title), {})])
    else:
        write([page_at(out, blocks)])


def _history_run(run: Run, name: str, per: str) -> HistoryRun:
    about, results = run.about, figures_of(run, name, per)
    commit = about.commit.short if about.commit else name
    return HistoryRun(commit, about.start_utc_ns, results.headline, results.rows)


def _print(found: Sequence[History], width: int | None) -> None:
    from wattui.show.history_table import history_table, step_line

    out = console(width=width)
    for history in found[:MOST_LABELS]:
        for part in history_table(history):
            out.print(part)
        out.print()
    if len(found) > MOST_LABELS:
        out.print(f"and {len(found) - MOST_LABELS:,} more labels: --label, or --json for all")
    clear = list(steps(found))
    for step in clear:
        out.print(step_line(*step))
    if not clear:
        out.print("no clear step")


def _left_out(runs: Sequence[Run]) -> Iterator[str]:
    """Runs whose figures are not those of the benchmark."""
    for run in runs:
        if how := ending(run.summary):
            yield f"left out: {run.csv} is of a {how}"


def _apart(
    names: Sequence[str], runs: Sequence[HistoryRun], found: Sequence[History]
) -> Iterator[str]:
    """Runs that are in no history."""
    others = [
        name
        for name, run in zip(names, runs, strict=True)
        if not any(has(run, each.label, each.figure, each.domain) for each in found)
    ]
    if others:
        first = found[0]
        labels = " under these labels" if first.label else ""
        what = f"{first.figure} of channel {first.domain}{labels}"
        yield f"left out, as there is no {what}: {first_of(others)}"


def _remarks(runs: Sequence[Run]) -> list[str]:
    """Why the points may not be of one thing."""
    said = [text for run in runs for text in run.remarks]
    unknown = sum(run.about.commit is None for run in runs)
    if unknown:
        said.append(
            f"{unknown} of {len(runs)} runs have no commit, and are called by their file: record "
            "inside a git repository"
        )
    if any(run.about.commit and run.about.commit.changed for run in runs):
        said.append("+: files differed from the commit")
    for key, what in (("name", "machines"), ("processor", "processors"), ("governor", "governors")):
        known = dict.fromkeys(run.about.host[key] for run in runs if key in run.about.host)
        if len(known) > 1:
            said.append(f"different {what}: {', '.join(known)}")
    return list(dict.fromkeys(said))


def _nothing(options: argparse.Namespace) -> str:
    asked = [
        f"--{name} {value}"
        for name in ("figure", "domain", "label")
        if (value := getattr(options, name)) is not None
    ]
    if asked:
        return f"{' '.join(asked)}: no run has that: see `wattui summary`"
    return "nothing was marked as running in these runs"


def _to_dict(found: Sequence[History], alpha: float) -> dict[str, Any]:
    return {
        "version": VERSION,
        "kind": "history",
        "alpha": alpha,
        "histories": [
            {
                "label": history.label,
                "domain": history.domain,
                "figure": history.figure,
                "unit": history.unit,
                "origin": history.origin,
                "points": [
                    {
                        "commit": point.commit,
                        "start_utc_ns": point.start_utc_ns,
                        "runs": point.runs,
                        "value": point.known.known.value,
                        "plus_minus": point.known.known.plus_minus,
                        "step_ratio": point.step.ratio if point.step else None,
                        "step_p": point.step.p if point.step else None,
                    }
                    for point in history.points
                ],
            }
            for history in found
        ],
    }
