"""`wattui report`: runs as a page, as Markdown with pictures, or as figures for a paper."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from recorders.summary.bases import BASES
from recorders.summary.budget import Budget
from wattui.analysis.cells import quoted_labels
from wattui.analysis.label_numbers import AGAINST
from wattui.analysis.macs import command_macs
from wattui.analysis.published.results import RESULTS
from wattui.capture.progress import waiting
from wattui.commands.inputs import expand, names_of
from wattui.commands.parser import Parser, add_per
from wattui.config import Rate, config_path, load, rate_of
from wattui.errors import UsageError, unreadable
from wattui.report.bibliography import bibtex
from wattui.report.clean import cleaned
from wattui.report.document import Block, Heading, Picture
from wattui.report.draw.style import WIDE_MM
from wattui.report.files import Output, check, page_at, write
from wattui.report.latex import latex_page
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.report.markdown import figure_files
from wattui.report.overview import report_blocks
from wattui.report.svg import stacked
from wattui.runs.latencies import Distribution, NoLatenciesError, read_latencies
from wattui.runs.naming import load_all_named, naming, per_of
from wattui.runs.recorded import Run, read_traces_and_budgets
from wattui.runs.traces import Traces, read_traces

SUFFIXES = (".html", ".md", ".svg")
EPILOG = """\
examples:
  wattui report run.csv -o report.html
  wattui report 'runs/**/*.csv' -o report.html --title "KWS on two machines"
  wattui report kws.csv -o kws.md --figure dynamic --latencies kws-latencies.csv
  wattui report sweep.csv -o figures.svg --against pixels
  wattui report a.csv b.csv --figures figures --latex tables.tex --bibtex energy.bib
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the subcommand."""
    made = Parser(
        prog="wattui report",
        description="Write a report of runs; the extension sets the format: a self-contained page "
        "(.html), Markdown with pictures (.md), all figures on one sheet (.svg). For a paper: one "
        "SVG a figure, tables for LaTeX, and references.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "runs", nargs="+", metavar="RUN.csv", help="run files, also as 'runs/**/*.csv' or a folder"
    )
    made.add_argument(
        "-o", "--out", metavar="FILE", help="report to write; existing files are never replaced"
    )
    made.add_argument(
        "--figures", metavar="DIR", help="folder for each figure as SVG, one column (89 mm) wide"
    )
    made.add_argument(
        "--latex", metavar="FILE.tex", help="the tables for LaTeX (booktabs), and the methods"
    )
    made.add_argument("--bibtex", metavar="FILE.bib", help="what a paper with them should cite")
    made.add_argument(
        "--figure",
        choices=[basis.name for basis in BASES],
        help="show only this energy (default: all three, total as the headline)",
    )
    made.add_argument("--domain", metavar="NAME", help="domain, such as total, package0, gpu0")
    add_per(made)
    made.add_argument(
        "--against",
        choices=AGAINST,
        help="quantity to fit lines against (default: the one most labels carry)",
    )
    made.add_argument(
        "--latencies",
        action="append",
        default=[],
        metavar="FILE",
        help="call times written by `wattui workloads … --latencies`, one file per run, in the "
        "same order (default: the file that the recorded command names)",
    )
    made.add_argument(
        "--published", choices=tuple(RESULTS), help="show the devices of a publication beside one's"
    )
    made.add_argument(
        "--price", metavar="AMOUNT", help="price of a kWh: '0.30 EUR' (default: the settings')"
    )
    made.add_argument(
        "--co2",
        metavar="GRAMS",
        help="CO₂ of a kWh, and where that is from: '350 grid mean of 2025' (default: the "
        "settings')",
    )
    made.add_argument("--title", metavar="TEXT", help="title of the report")
    return made


def main(options: argparse.Namespace) -> int:
    """Write the report; returns the exit status. Raises UsageError."""
    csvs, outputs = expand(options.runs), _outputs(options)
    for option, (path, suffixes) in outputs.items():
        check(path, csvs, suffixes, option)
    latencies = _latencies(options.latencies, csvs)
    wish = _wish(options)
    with waiting(f"reading {len(csvs)} run{'s' * (len(csvs) > 1)}"):
        names = names_of(csvs)
        found = load_all_named(csvs)
        per = per_of(found, options.per)
        named = zip((run.in_place(per) for run in found), names, latencies, strict=True)
        runs = [_loaded(*each, wish) for each in named]
    _check_domain(runs, wish)
    with waiting("drawing"):
        blocks = list(map(cleaned, report_blocks(runs, wish, options.title or _title(names))))
        made = [_output(blocks, each, path, runs, wish) for each, (path, _) in outputs.items()]
    write(made)
    return 0


def _outputs(options: argparse.Namespace) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """The files asked for by option, and the extensions that they may have. Raises UsageError."""
    suffixes: dict[str, tuple[str, ...]] = {
        "-o": SUFFIXES,
        "--figures": (),
        "--latex": (".tex",),
        "--bibtex": (".bib",),
    }
    given = (options.out, options.figures, options.latex, options.bibtex)
    found = {
        option: (Path(text), allowed)
        for (option, allowed), text in zip(suffixes.items(), given, strict=True)
        if text
    }
    if not found:
        raise UsageError(
            "nothing to write: fix: add -o report.html, --figures, --latex or --bibtex"
        )
    return found


def _wish(options: argparse.Namespace) -> ReportOptions:
    """What the report is to show. Raises UsageError for a rate without a number."""
    settings = load(config_path())
    return ReportOptions(
        options.figure,
        options.domain,
        options.against,
        _rate("--price", options.price, settings.price_per_kwh),
        _rate("--co2", options.co2, settings.co2_g_per_kwh),
        options.published,
    )


def _rate(option: str, given: str | None, setting: str) -> Rate | None:
    try:
        return rate_of(setting if given is None else given)
    except ValueError as error:
        raise UsageError(f"{option} {given!r}: {error}") from None


def _output(
    blocks: Sequence[Block], option: str, out: Path, runs: Sequence[ReportRun], wish: ReportOptions
) -> Output:
    """An output that an option asks for. Raises UsageError if there is nothing to draw."""
    if option == "--bibtex":
        return Output(out, bibtex(runs, len(runs) > 1, wish.published), {})
    if option == "--latex":
        return Output(out, latex_page(blocks), {})
    if option == "--figures":
        return Output(out, "", figure_files(blocks))
    if out.suffix != ".svg":
        return page_at(out, blocks)
    headings, svgs, said, title = [], [], "", ""
    for block in blocks:
        if isinstance(block, Heading) and block.level <= 2:
            title, said = (block.text, said) if block.level == 1 else (title, block.text)
        elif isinstance(block, Picture):
            headings.append(said)
            svgs.append(block.svg(WIDE_MM))
    if not svgs:
        raise UsageError("nothing to draw: `wattui report … -o report.html` says why")
    return Output(out, stacked(svgs, headings, title), {})


def _title(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} runs"


def _latencies(given: Sequence[str], csvs: Sequence[Path]) -> list[Path | None]:
    """A file for each run; None if none was given."""
    if not given:
        return [None] * len(csvs)
    if len(given) != len(csvs):
        raise UsageError(
            f"{len(given)} --latencies for {len(csvs)} runs: fix: give one per run, in the same "
            "order"
        )
    return [Path(text) for text in given]


def _loaded(run: Run, name: str, latencies: Path | None, wish: ReportOptions) -> ReportRun:
    with naming(run.csv):
        traces, explained = _read(run, wish)
    network, macs = command_macs(run.about.argv, run.summary.per)
    found, why_not = _times(run, latencies)
    return ReportRun(name, run, traces, network, macs, found, why_not, explained)


def _read(run: Run, wish: ReportOptions) -> tuple[Traces, tuple[Budget, ...]]:
    """The curves of a run, and what the ± of its headline is made of."""
    known = run.summary.running.domains if run.summary.running else {}
    channel = wish.domain or run.summary.headline
    if channel not in known:
        return read_traces(run.csv), ()
    labels = quoted_labels(run.summary, channel, basis=wish.basis)
    traces, found = read_traces_and_budgets(run.csv, labels, channel, run.summary.per)
    first = [found[0].figure] if found else []
    asked = [wish.figure] if wish.figure else first
    return traces, tuple(budget for budget in found if budget.figure in asked)


def _times(run: Run, given: Path | None) -> tuple[tuple[Distribution, ...], str]:
    """Call times from the file given, or from the one the command wrote beside the run."""
    path = given or _recorded_latencies(run)
    if path is None:
        return (), ""
    try:
        return tuple(read_latencies(path)), ""
    except OSError as error:
        fault, reason = unreadable(f"--latencies {path}", error), str(error.strerror)
    except NoLatenciesError as error:
        fault, reason = UsageError(f"--latencies {path}: {error}: check the name"), str(error)
    if given is not None:
        raise fault
    return (), f"{path.name} was not used: {reason}"


def _recorded_latencies(run: Run) -> Path | None:
    argv = run.about.argv
    for place, word in enumerate(argv):
        option, equals, text = word.partition("=")
        if option == "--latencies":
            name = text if equals else [*argv, ""][place + 1]
            beside = run.csv.parent / Path(name).name
            return beside if name and beside.is_file() else None
    return None


def _check_domain(runs: Sequence[ReportRun], wish: ReportOptions) -> None:
    known = dict.fromkeys(name for run in runs for name in run.domains)
    if wish.domain and wish.domain not in known:
        there = f"there are {', '.join(known)}" if known else "nothing was running"
        raise UsageError(f"--domain {wish.domain} was not recorded: {there}")
