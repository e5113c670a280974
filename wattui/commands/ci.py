"""`wattui ci`: records a benchmark, compares it with a baseline, and comments in Markdown."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from recorders.summary.figures import INVENTED
from wattui.analysis.compare import ALPHA, Comparison, compare
from wattui.analysis.doubts import doubts, doubts_of_samples
from wattui.analysis.effort import (
    COUNTERS,
    JUDGING,
    Efforts,
    compare_efforts,
    efforts,
    of_side,
    together,
)
from wattui.analysis.limits import check
from wattui.analysis.pairs import judged, leading, pairs_of
from wattui.analysis.sides import Side, share_labels
from wattui.capture import headless
from wattui.capture.progress import NO_PAIRS
from wattui.capture.run_names import suggested
from wattui.capture.target import MOST_REPEATS
from wattui.commands.compare import level, share
from wattui.commands.inputs import expand
from wattui.commands.main_options import add_recording
from wattui.commands.parser import Parser
from wattui.commands.sides import group_of
from wattui.config import config_path, load
from wattui.errors import REGRESSED, UsageError
from wattui.report.comment import Comment, comment_text
from wattui.runs.naming import load_all_named, load_named, naming, per_of
from wattui.runs.recorded import Run, reduce_run
from wattui.show.printing import say
from wattui.show.summary import ending

# Where GitHub Actions shows Markdown.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
BASELINE, CHANGE = "baseline", "change"
LIMIT = 0.05


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui ci`."""
    made = Parser(
        prog="wattui ci",
        usage="wattui ci [--baseline RUN ... | --against COMMAND] [options] -- COMMAND "
        "[ARGUMENT ...]",
        description="Record a benchmark, compare it with a baseline, and print a comment in "
        f"Markdown (on stdout, and to ${STEP_SUMMARY} if that is set). Without a power sensor, "
        "instructions or processor time are judged instead of energy.",
        epilog=f"exit codes: 0; {REGRESSED} clearly worse by more than --max-regression; that of "
        "the command if it fails; 2 invalid usage",
        allow_abbrev=False,
    )
    what = made.add_argument_group("comparison")
    what.add_argument(
        "--baseline",
        nargs="+",
        default=[],
        metavar="RUN",
        help="recordings to compare with: files, folders or 'runs/main/*.csv'; if there are none "
        "yet, nothing is judged, and the comment says so",
    )
    what.add_argument(
        "--against",
        metavar="COMMAND",
        help="record this command in turn with the other one, so that drift cancels: one quoted "
        "command line, such as the same benchmark in a checkout of the main branch",
    )
    what.add_argument(
        "--max-regression",
        type=share,
        default=LIMIT,
        metavar="PCT",
        help=f"how much worse is too much (default: {100 * LIMIT:g}%%)",
    )
    what.add_argument(
        "--alpha",
        type=level,
        default=ALPHA,
        metavar="P",
        help=f"how often chance may be taken for a difference (default: {ALPHA:g})",
    )
    add_recording(made)
    made.add_argument("command", nargs="*", help=argparse.SUPPRESS)
    made.set_defaults(theme=None, ascii=None)
    return made


def main(options: argparse.Namespace) -> int:
    """Record, compare and comment; returns the exit status. Raises UsageError."""
    _plan(options)
    baseline, remarks = _baseline(options.baseline)
    with _output_to_stderr():
        status = headless.main(options, [] if options.ab else options.command)
    if status:
        _publish(Comment(f"not judged, as recording ended with status {status}", notes=remarks))
        return status
    comment, is_worse = _judge(load_named(Path(options.csv)), baseline, remarks, options)
    _publish(comment)
    return REGRESSED if is_worse else 0


@contextmanager
def _output_to_stderr() -> Iterator[None]:
    """Let what the benchmark prints go to stderr: only the comment is on stdout."""
    try:
        kept = os.dup(1)
    except OSError:  # it is closed
        yield
        return
    try:
        with suppress(OSError):  # stderr is closed
            os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _plan(options: argparse.Namespace) -> None:
    """Complete the options of the recording. Raises UsageError."""
    if not options.command:
        raise UsageError("no benchmark to record: put it after --, as in `-- python bench.py`")
    if options.ab or options.ab_labels:
        raise UsageError("--ab is of the main command: fix: --against 'python base/bench.py'")
    if options.against is not None:
        if options.baseline:
            raise UsageError("--baseline and --against both name a baseline: fix: give one of them")
        if options.label:
            raise UsageError("--against labels both commands itself: fix: leave out --label")
        headless.words_of("--against", options.against)
        options.ab = [options.against, shlex.join(options.command)]
        options.ab_labels = [BASELINE, CHANGE]
    options.csv = options.csv or str(suggested("ci"))
    options.repeats = options.repeats or (MOST_REPEATS if options.target else headless.AB_REPEATS)
    if options.counters is None and not load(config_path()).counters:
        options.counters = COUNTERS


def _baseline(patterns: Sequence[str]) -> tuple[list[Run], list[str]]:
    """The recordings to compare with; a remark on each pattern that matches none, and on each
    recording of a command that failed or was stopped, which is left out."""
    found: list[Path] = []
    remarks = []
    for pattern in patterns:
        try:
            found += expand([pattern])
        except UsageError as error:
            remarks.append(f"no baseline there: {error}")
    runs = []
    for run in load_all_named(list(dict.fromkeys(found))):
        if how := ending(run.summary):
            remarks.append(f"left out of the baseline: {run.csv} is of a {how}")
        else:
            runs.append(run)
    return runs, remarks


def _efforts(run: Run) -> Efforts:
    with naming(run.csv):
        return efforts(reduce_run(run.csv))


def _judge(
    run: Run, baseline: Sequence[Run], remarks: Sequence[str], options: argparse.Namespace
) -> tuple[Comment, bool]:
    """The comment on a recording, and whether it is clearly worse."""
    notes = [*remarks, *run.remarks]
    if not (baseline or options.ab):
        return Comment("recorded, with no baseline to judge by", notes=notes, run=run), False
    sides, energies, others, doubted = (
        _in_turn(run, options) if options.ab else _with_files(run, baseline, options)
    )
    deciding = _deciding(energies, others)
    findings = list(check(*sides, deciding, options.max_regression))
    is_worse = any(finding.kind == "regression" for finding in findings)
    comment = Comment(
        _verdict(deciding, is_worse, options.max_regression),
        [*energies, *others],
        deciding[0].figure if deciding else "",
        [finding.text for finding in findings],
        [*notes, *doubted],
        run,
    )
    return comment, is_worse


def _verdict(deciding: Sequence[Comparison], is_worse: bool, limit: float) -> str:
    """The verdict in words."""
    if not deciding:
        return "not judged, as baseline and change have no figure in common"
    if all(row.unrepeated for row in deciding):
        return "not judged, as there is only one run on a side"
    return f"{'' if is_worse else 'not '}clearly worse by more than {100 * limit:g} %"


# Both sides, their energies and other figures compared, and what speaks against that.
Compared = tuple[tuple[Side, Side], list[Comparison], list[Comparison], list[str]]


def _in_turn(run: Run, options: argparse.Namespace) -> Compared:
    """The two commands of one recording."""
    found = _efforts(run)
    ours, theirs = of_side(found, BASELINE), of_side(found, CHANGE)
    others = compare_efforts(ours, theirs, options.alpha, paired=True)
    pairs = pairs_of(run.in_place(per_of([run], options.per)).summary)
    if pairs is None:
        return (Side(BASELINE, None, {}), Side(CHANGE, None, {})), [], others, [NO_PAIRS]
    return (pairs.a, pairs.b), judged(pairs, options.alpha), others, pairs.remarks


def _with_files(run: Run, baseline: Sequence[Run], options: argparse.Namespace) -> Compared:
    """The recording, and earlier ones."""
    per = per_of([run, *baseline], options.per)
    sides = group_of(BASELINE, baseline, per).side, group_of(CHANGE, [run], per).side
    quoted = sides[0].headline, sides[1].headline
    domains = [(quoted[0], quoted[1])] if quoted[0] and quoted[1] else []
    rows = leading(compare(*sides, domains, alpha=options.alpha))
    # An estimate is not compared with a measurement, nor one mixture of labels with another.
    rows = [row for row in rows if len({*row.origins}) == 1 and share_labels(*sides)]
    earlier = together([_efforts(each) for each in baseline])
    others = compare_efforts(earlier, _efforts(run), options.alpha)
    notes = [text for each in baseline for text in doubts(each, run, (BASELINE, CHANGE))]
    return sides, rows, others, [*notes, *doubts_of_samples(rows, (BASELINE, CHANGE))]


def _deciding(rows: Sequence[Comparison], other: Sequence[Comparison]) -> list[Comparison]:
    """The rows that decide: measured energy, and without a sensor the steadiest of the others."""
    if rows and not any({*row.origins} & {*INVENTED} for row in rows):
        return [*rows]
    figure = next((f for f in JUDGING if any(row.figure == f for row in other)), "")
    return [row for row in other if row.figure == figure]


def _publish(comment: Comment) -> None:
    """Print the comment, and append it to the summary of the step in GitHub Actions."""
    text = comment_text(comment)
    sys.stdout.write(text)
    if path := os.environ.get(STEP_SUMMARY):
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            say(f"${STEP_SUMMARY}: {path} cannot be written ({error.strerror}): see stdout")
