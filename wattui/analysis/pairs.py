"""Pairs: two commands recorded in turn, A B B A A B …, so that drift cancels. Pure.

Each pair is one repeat, and which of the two comes first alternates. The mean of the differences of
an even number of pairs is free of a linear drift: it raises the second of each pair, which is B as
often as A (the AB/BA crossover: Hills and Armitage, Br. J. Clin. Pharmacol. 8, 7, 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from recorders.summary.figures import Summary
from wattui.analysis.compare import ALPHA, Comparison, compare
from wattui.analysis.results import SUMS as SUMMED
from wattui.analysis.results import ResultRow, group_rows
from wattui.analysis.samples import describe
from wattui.analysis.sides import LEADING, NAMES, ComparisonKey, Sampled, Side

LEAST_PAIRS = 2
# Of the two, labels of phases that they mark themselves are below this.
BELOW = "/"

# The values of a figure by repeat.
ByRepeat = dict[int, float]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The two sides of a recording in turns, each sample of one beside that of the other.

    `remarks` name the repeats that only one side has.
    """

    a: Side
    b: Side
    remarks: list[str]


def pairs_of(summary: Summary) -> Pairs | None:
    """The sides of a recording of two commands in turn; None for any other, or under two pairs."""
    names = in_turn(summary)
    if names is None:
        return None
    ran = [_repeats(summary, name) for name in names]
    whole = ran[0] & ran[1]
    if len(whole) < LEAST_PAIRS:
        return None
    rows = [row for row in group_rows(summary) if row.figure in NAMES]
    by_repeat: dict[ComparisonKey, ByRepeat] = {}
    for row in rows:
        if row.level == "repeat" and row.repeat in whole:
            by_repeat.setdefault(_key(row), {})[row.repeat] = row.known.value
    found: tuple[dict[ComparisonKey, tuple[str, Sampled]], ...] = ({}, {})
    for row in rows:
        side = next((n for n, name in enumerate(names) if _is_of(row.label, name)), None)
        if row.level != "label" or side is None:
            continue
        own, rest = by_repeat.get(_key(row), {}), row.label[len(names[side]) :]
        other = by_repeat.get(_key(row)._replace(label=names[1 - side] + rest), {})
        if len(both := sorted(own.keys() & other.keys())) >= LEAST_PAIRS:
            key = _key(row)._replace(label=rest.removeprefix(BELOW))
            found[side][key] = row.origin, _sampled(row, [own[n] for n in both])
    made = zip(names, found, strict=True)
    sides = [Side(n, summary.headline, each, summary.per) for n, each in made]
    return Pairs(sides[0], sides[1], list(_alone(names, ran)))


def paired(
    pairs: Pairs,
    domains: Sequence[tuple[str, str]] | None = None,
    mixed: bool = False,
    alpha: float = ALPHA,
) -> list[Comparison]:
    """The figures of both sides, compared pair by pair; see `compare`."""
    return compare(pairs.a, pairs.b, domains, mixed, alpha, paired=True)


def judged(pairs: Pairs, alpha: float = ALPHA) -> list[Comparison]:
    """The leading figure of the headline channel: energy per inference, or per run if nothing was
    counted."""
    headline = pairs.a.headline
    domains = None if headline is None else [(headline, headline)]
    return leading(paired(pairs, domains, alpha=alpha))


def leading(rows: Sequence[Comparison]) -> list[Comparison]:
    """The rows of the figure that a verdict is about: labels, or everything if there are none."""
    figure = next((f for f in LEADING if any(row.figure == f for row in rows)), "")
    found = [row for row in rows if row.figure == figure]
    return [row for row in found if row.label] or found


def in_turn(summary: Summary) -> tuple[str, str] | None:
    """The labels of two commands of which the first one is first in all odd repeats, and second in
    all even ones; None for any other recording."""
    orders: dict[int, dict[str, None]] = {}
    for phase in sorted(summary.phases, key=lambda each: each.start_s):
        if phase.phase == "running" and "running" not in phase.inside and phase.repeat is not None:
            orders.setdefault(phase.repeat, {})[phase.label.partition(BELOW)[0]] = None
    both = {repeat: tuple(order) for repeat, order in orders.items() if len(order) > 1}
    firsts = {order if repeat % 2 else order[::-1] for repeat, order in both.items()}
    alternate = len({repeat % 2 for repeat in both}) == len(firsts) + 1 == 2
    names = next(iter(firsts), ())
    strangers = {name for order in orders.values() for name in order} - {*names}
    return (names[0], names[1]) if alternate and len(names) == 2 and not strangers else None


def _repeats(summary: Summary, name: str) -> set[int]:
    """The repeats in which a command ran without failing."""
    return {
        phase.repeat
        for phase in summary.phases
        if phase.phase == "running"
        and phase.repeat is not None
        and not phase.left_out
        and _is_of(phase.label, name)
    }


def _is_of(label: str, name: str) -> bool:
    return label == name or label.startswith(name + BELOW)


def _key(row: ResultRow) -> ComparisonKey:
    return ComparisonKey(row.label, row.domain, NAMES[row.figure])


def _sampled(row: ResultRow, samples: Sequence[float]) -> Sampled:
    """The mean of the samples that have a partner; the instrument's uncertainty is the label's."""
    described = describe(samples)
    whole = len(row.samples) or 1
    known = row.known.over(whole) if row.figure in SUMMED else row.known
    mean = replace(known, value=described.mean).over_samples(described.half_width or 0.0)
    return Sampled(mean, described, tuple(samples))


def _alone(names: tuple[str, str], ran: Sequence[set[int]]) -> Iterator[str]:
    """Remarks on repeats of which only one side can be used."""
    for side, name in enumerate(names):
        if lone := sorted(ran[side] - ran[1 - side]):
            where = f"repeat{'s' if len(lone) > 1 else ''} {', '.join(map(str, lone))}"
            yield f"only {name} succeeded in {where}, which the paired figures leave out"
