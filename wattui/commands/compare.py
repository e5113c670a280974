"""`wattui compare`: runs, groups of runs, labels and published figures side by side."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from recorders.garbage import uncollected
from recorders.summary.bases import BASES
from wattui.analysis.compare import (
    ALPHA,
    Comparison,
    GeometricMean,
    by_holm,
    compare,
    geometric_means,
    side_by_side,
)
from wattui.analysis.doubts import doubts, doubts_of_samples, first_of, only_in_one, repeats_needed
from wattui.analysis.limits import JUDGED_BY, Finding, check
from wattui.analysis.pairs import Pairs, pairs_of
from wattui.analysis.published.results import RESULTS, published_results
from wattui.analysis.sides import (
    FIGURES,
    LEADING,
    PUBLISHED,
    SUMS,
    Sampled,
    Side,
    labels_of,
    of_label,
    share_labels,
)
from wattui.capture.progress import waiting
from wattui.commands.parser import Parser, add_per
from wattui.commands.sides import SideFiles, given_twice, sides_given
from wattui.errors import REGRESSED, UsageError
from wattui.show.printing import console, print_json, say
from wattui.show.width import add_width

VERSION = 1
EVERY = "all"
# Figures shown for all running phases if none was asked for and there are few enough to read.
FEW = 20
PER_INFERENCE = tuple(basis.name for basis in BASES)
USUAL = (*PER_INFERENCE, "power", "rate")
MOST_REMARKS = 12
LEAST_ALPHA = 1e-6
UNREPEATED = (
    "± of one run covers the uncertainty of instrument and baseline, not the variation between "
    "runs: record with --repeats 5 for a verdict"
)
UNJUDGED = (
    "--max-regression has no verdict from {kind}: record both sides with --repeats 5, or add "
    "--single-runs to judge {how}"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A side compared with the first one."""

    side: Side
    rows: list[Comparison]

    @property
    def paired(self) -> list[Comparison]:
        """The rows of its leading figure, if the two were recorded in turn."""
        rows = [row for row in self.rows if row.paired]
        figure = next((f for f in (*LEADING, *FIGURES) if any(r.figure == f for r in rows)), "")
        return [row for row in rows if row.figure == figure]


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui compare`."""
    made = Parser(
        prog="wattui compare",
        description="Compare runs: ratio, difference with its confidence interval, rank test. The "
        "others are compared with the first. Runs under one name are samples of the same "
        "thing; a single run is compared label by label.",
        epilog="exit codes: 0; 2 invalid usage, or --max-regression had only one run on a side "
        f"or no label in common; {REGRESSED} more than --max-regression",
    )
    made.add_argument(
        "runs",
        nargs="+",
        metavar="[NAME=]RUN",
        help="run.csv, a folder, 'runs/*.csv', or exported results.json",
    )
    made.add_argument(
        "--figure",
        choices=(*FIGURES, EVERY),
        help="figure to compare (default: total, or energy if nothing was counted)",
    )
    made.add_argument("--domain", metavar="NAME", help="domain, such as total, package0, gpu0")
    add_per(made)
    made.add_argument("--label", metavar="TEXT", help="compare this label only")
    made.add_argument(
        "--published", choices=tuple(RESULTS), help="compare with the figures of a publication"
    )
    made.add_argument(
        "--max-regression",
        type=share,
        metavar="PCT",
        help=f"exit with {REGRESSED} if a figure is clearly worse by more than this: 5%%",
    )
    made.add_argument(
        "--strict", action="store_true", help="also if it is not clear, or a label is missing"
    )
    made.add_argument(
        "--single-runs",
        action="store_true",
        help="judge one run too: against repeats by their scatter, against one run by the "
        "instrument's error alone: chance differences between runs count as real",
    )
    made.add_argument(
        "--alpha",
        type=level,
        default=ALPHA,
        metavar="P",
        help="how often chance may be taken for a difference, over all labels of a figure together "
        f"(default: {ALPHA:g})",
    )
    made.add_argument(
        "--mixed", action="store_true", help="also compare all labels of a run taken together"
    )
    made.add_argument(
        "--allow-mixed", action="store_true", help="compare measured and estimated figures"
    )
    made.add_argument("--json", action="store_true", help="print the comparison as JSON")
    add_width(made)
    return made


def share(text: str) -> float:
    """5% as 0.05; for argparse."""
    number, percent, rest = text.partition("%")
    try:
        value = float(number) / 100
    except ValueError:
        value = -1.0
    if not percent or rest or not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage (example: 5%)")
    return value


def level(text: str) -> float:
    """0.01 as a level of significance; for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not LEAST_ALPHA <= value <= 0.5:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a level of {LEAST_ALPHA:g} to 0.5 (example: 0.01)"
        )
    return value


@uncollected()
def main(options: argparse.Namespace) -> int:
    """Compare and print; returns the exit status. Raises UsageError."""
    with waiting("reading runs"):
        given, per = sides_given(options.runs, options.per)
        in_turn = _in_turn(given, per, options)
        first, *others = [in_turn.a, in_turn.b] if in_turn else _sides(given, options)
        usual = USUAL if len(others) <= FEW else ()
        pairs = [
            Pair(other, _rows(first, other, options, usual, in_turn is not None))
            for other in others
        ]
    if not any(pair.rows for pair in pairs):
        raise UsageError(_no_figure(first, others, options))
    remarks = list(dict.fromkeys([*given_twice(options.runs), *_remarks(given, first, pairs)]))
    remarks += in_turn.remarks if in_turn else []
    findings = [
        finding
        for pair in pairs
        if options.max_regression is not None
        for finding in check(
            first,
            pair.side,
            _judged(pair.rows, options),
            options.max_regression,
            options.single_runs,
        )
    ]
    if options.json:
        print_json(_to_dict(first, pairs, findings, remarks, options))
    else:
        _print(first, pairs, options)
        say(*remarks[:MOST_REMARKS])
        if len(remarks) > MOST_REMARKS:
            say(f"{len(remarks) - MOST_REMARKS} more: see --json")
    is_limited = options.max_regression is not None and not options.mixed
    if is_limited and not all(share_labels(first, other) for other in others):
        raise UsageError(_no_label(first, others))
    say(*(finding.text for finding in findings))
    unjudged = [kind for kind in JUDGED_BY for f in findings if f.kind == kind]
    if any(f.kind == "regression" or (options.strict and not unjudged) for f in findings):
        return REGRESSED
    if unjudged:
        raise UsageError(UNJUDGED.format(kind=unjudged[0], how=JUDGED_BY[unjudged[0]]))
    return 0


def _in_turn(given: Sequence[SideFiles], per: str, options: argparse.Namespace) -> Pairs | None:
    """The two commands of the only run, if it is a paired recording and nothing else is asked."""
    runs = [run for each in given for run in each.runs]
    if len(given) > 1 or len(runs) != 1 or options.published or options.label is not None:
        return None
    return pairs_of(runs[0].in_place(per).summary)


def _sides(given: Sequence[SideFiles], options: argparse.Namespace) -> list[Side]:
    """The samples to compare: labels if there is only one run."""
    sides = [each.side for each in given]
    if options.label is not None:
        sides = [_labelled(each, options.label) for each in sides]
    if options.published:
        sides += [each.side for each in published_results(options.published)[1]]
    if len(sides) == 1:
        (only,) = sides
        sides = labels_of(only)
        if len(sides) < 2:
            raise UsageError(
                f"{only.name} is one run without labels: fix: name another run to compare it with"
            )
    return sides


def _labelled(found: Side, label: str) -> Side:
    if label not in found.labels:
        known = ", ".join(filter(None, found.labels)) or "none"
        raise UsageError(f"--label {label}: {found.name} has no such label: it has {known}")
    return replace(of_label(found, label), name=found.name)


def _rows(
    a: Side, b: Side, options: argparse.Namespace, usual: Sequence[str], paired: bool
) -> list[Comparison]:
    domains = _domain(a, options.domain), _domain(b, options.domain)
    how = options.mixed, options.alpha, paired
    rows = side_by_side(a, b, [domains] if all(domains) else [], *how)
    is_published = PUBLISHED in b.domains.values()
    if options.figure != EVERY and (options.figure or not is_published):
        wanted = {row.label: _wanted(row, rows, options, usual) for row in rows}
        figures = {row.figure for row in rows if row.figure in wanted[row.label]}
        of_figures = by_holm([row for row in rows if row.figure in figures])
        rows = [row for row in of_figures if row.figure in wanted[row.label]]
    else:
        rows = by_holm(rows)
    for row in rows:
        mixed = row.figure != "rate" and len({*row.origins} - {PUBLISHED}) > 1
        if mixed and not options.allow_mixed:
            raise UsageError(
                f"{a.name} is {row.origins[0]}, {b.name} is {row.origins[1]}: these are "
                "different kinds of figure: --allow-mixed compares them anyway"
            )
    return rows


def _domain(found: Side, asked: str | None) -> str:
    """The domain to compare: the one asked for, or the headline domain."""
    if asked and asked in found.domains:
        return asked
    if asked and PUBLISHED not in found.domains.values():
        known = ", ".join(found.domains) or "none"
        raise UsageError(f"--domain {asked}: {found.name} has no such domain: it has {known}")
    return found.headline or next(iter(found.domains), "")


def _wanted(
    row: Comparison, rows: Sequence[Comparison], options: argparse.Namespace, usual: Sequence[str]
) -> tuple[str, ...]:
    """The figures to show for a row."""
    if options.figure:
        return (options.figure,)
    own = {other.figure for other in rows if other.label == row.label}
    if own <= set(SUMS) and any(other.figure in PER_INFERENCE for other in rows):
        return ()  # all labels together; they are compared one by one as well
    leading = next((name for name in ("total", "dynamic", "energy") if name in own), "rate")
    return (leading,) if row.label else (leading, *usual)


def _judged(rows: Sequence[Comparison], options: argparse.Namespace) -> list[Comparison]:
    """The rows that a limit applies to: labels if there are any, and one figure of each."""
    figures = (options.figure,) if options.figure else ("total", "energy", "dynamic")
    for figure in figures:
        judged = [row for row in rows if figure in (row.figure, EVERY)]
        if judged:
            return [row for row in judged if row.label] or judged
    return []


def _no_figure(first: Side, others: Sequence[Side], options: argparse.Namespace) -> str:
    rows = [row for other in others for row in compare(first, other, mixed=True)]
    known = list(dict.fromkeys(row.figure for row in rows))
    if options.figure in known:
        return _no_label(first, others)
    what = f"{options.figure} " if options.figure not in (None, EVERY) else ""
    fix = f"--figure {known[0]}, which both have" if known else "record a running phase in both"
    return f"no {what}figure in common: fix: {fix}"


def _no_label(first: Side, others: Sequence[Side]) -> str:
    labels = [
        f"{each.name} has {first_of([label for label in each.labels if label]) or 'none'}"
        for each in (first, *others)
    ]
    fix = "--mixed takes the labels of each side together"
    return f"no label in common: {'; '.join(labels)}: fix: {fix}"


def _remarks(given: Sequence[SideFiles], first: Side, pairs: Sequence[Pair]) -> Iterator[str]:
    """Remarks: data missing on one side, and reasons to doubt the comparison."""
    runs = [(each.side.name, run) for each in given for run in each.runs]
    for _, run in runs:
        yield from run.remarks
    for name, run in runs[1:]:
        yield from doubts(runs[0][1], run, (runs[0][0], name))
    for pair in pairs:
        if PUBLISHED in pair.side.domains.values():
            continue
        yield from only_in_one(first, pair.side)
        if pair.rows and all(row.unrepeated for row in pair.rows):
            yield UNREPEATED
        shown = [row for row in pair.rows if row.label] or pair.rows
        yield from doubts_of_samples(shown, (first.name, pair.side.name), bool(runs))
        yield from repeats_needed(shown)


def _to_dict(
    first: Side,
    pairs: Sequence[Pair],
    findings: Sequence[Finding],
    remarks: Sequence[str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    return {
        "version": VERSION,
        "kind": "comparison",
        "a": first.name,
        "per": first.per,
        "comparisons": [
            {"b": pair.side.name, **_row_dict(row)} for pair in pairs for row in pair.rows
        ],
        "geometric_means": [
            {"b": pair.side.name, **_mean_dict(mean)}
            for pair in pairs
            for mean in geometric_means(pair.rows)
        ],
        "alpha": options.alpha,
        "max_regression": options.max_regression,
        "findings": [asdict(finding) for finding in findings],
        "remarks": list(remarks),
    }


def _row_dict(row: Comparison) -> dict[str, Any]:
    test = row.rank_test
    low, high = row.ratio_interval or (None, None)
    return {
        "label": row.label,
        "domain": row.domain,
        "figure": row.figure,
        "unit": row.unit,
        "origins": list(row.origins),
        "value_a": _sampled_dict(row.a),
        "value_b": _sampled_dict(row.b),
        "difference": row.difference.value,
        "difference_plus_minus": row.difference.plus_minus,
        "ratio": row.ratio,
        "ratio_low95": _finite(low),
        "ratio_high95": _finite(high),
        "p": row.p,
        "p_of_all_labels": row.p_of_all,
        "verdict": row.verdict,
        "pairs": len(row.a.samples) if row.paired else None,
        "mann_whitney_u": test.u if test else None,
        "mann_whitney_p": test.p if test else None,
    }


def _mean_dict(mean: GeometricMean) -> dict[str, Any]:
    low, high = mean.interval or (None, None)
    return {
        "figure": mean.figure,
        "domain": mean.domain,
        "labels": mean.labels,
        "ratio": mean.ratio,
        "ratio_low95": low,
        "ratio_high95": high,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _sampled_dict(sampled: Sampled) -> dict[str, Any]:
    return {
        "value": sampled.known.value,
        "plus_minus": sampled.known.plus_minus,
        "samples": list(sampled.samples),
    }


def _print(first: Side, pairs: Sequence[Pair], options: argparse.Namespace) -> None:
    from wattui.show.compare import comparison_tables, paired_lines

    out = console(width=options.width)
    for part in comparison_tables(first.name, [(p.side.name, p.rows) for p in pairs]):
        out.print(part)
    for pair in pairs:
        for line in paired_lines(first.name, pair.side.name, pair.paired):
            out.print(line)
    if options.published:
        source = published_results(options.published)[0]
        out.print(f"published: {source}", style="dim")
