"""The parts of a ±, and what would halve it. Pure.

Docs: docs/uncertainty.md. The parts are those that `arithmetic` and `combining` put together. Those
that are added come from counters which are refreshed together; all else is independent, and joins
in quadrature.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Literal, NamedTuple

from recorders.channels import node_of
from recorders.source import Origin
from recorders.summary.arithmetic import Arithmetic, EdgeError, together_j, update_periods_s
from recorders.summary.bases import BASES, ENERGY, TOTAL, Basis
from recorders.summary.combining import (
    by_count,
    repeats,
    sampled,
    samples_among,
    samples_of,
    with_interval,
)
from recorders.summary.contents import quoted_channel
from recorders.summary.figures import ROUNDING, Group, Value
from recorders.summary.overlaps import label_of
from recorders.summary.per import usual_per
from recorders.summary.reduction import Reduction
from recorders.summary.scatter import Scatter
from recorders.summary.spans import Span
from recorders.summary.stats import (
    Uncertainty,
    degrees_of,
    effective_number,
    grouped,
    interval95,
    quadrature,
    stdev,
    t95,
)

Joins = Literal["added", "in quadrature"]
RUNNING, RESOLUTION, BASELINE, REPEATS = "running", "resolution", "baseline", "repeats"
TOO_SHORT = "the baseline is too short, or has too few readings, to see its scatter"
PART_TIME = "a power sensor that looks only part of the time can be off by more than ±"
ALL_THE_SAME = "the repeats differ by rounding only"

# What is tried to halve a ±, from the least on; more than that is no advice.
LONGER = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
BASELINES_S = (10, 20, 30, 60, 120, 300, 600)
MORE_REPEATS = (*range(1, 11), 15, 20, 30, 50, 100)
MORE_READINGS = (4, 9, 16)
# A baseline of this length has a ± of known size.
KNOWN_BASELINE_S = 10
# A phase of fewer updates of its counter is short.
FEW_UPDATES = 5
LOOP = 'in the program, wattui.repeat(target="1%") runs a loop until its energy is known so well'
ALIGN = "wattui.phase(…, align=True) waits for the counters around code as short as this"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the ± of a figure, in its unit (None: unknown, `why` says the reason).

    `phase` is the one in which it arises, `of` the channel or what else it comes from.
    """

    name: str
    phase: str
    of: str
    plus_minus: float | None
    joins: Joins = "in quadrature"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cure:
    """Something to do differently, and the ± that is expected then (None: it would be known)."""

    text: str
    plus_minus: float | None


@dataclass(frozen=True, slots=True)
class Budget:
    """A figure of one channel in joules, with the parts of its ± and what would halve it.

    `label` is empty for everything that ran. `not_covered` says what is in no part, `hint` how a
    program can mark its code so that more is known.
    """

    label: str
    channel: str
    origin: Origin
    figure: str
    per: str
    value: float
    plus_minus: float | None
    parts: tuple[Part, ...]
    cures: tuple[Cure, ...]
    not_covered: str
    hint: str = ""

    @property
    def largest(self) -> Part | None:
        """The part that is most of ±; None if ± is unknown."""
        if self.plus_minus is None:
            return None
        sums = _sums(self.parts)
        return max(self.parts, key=lambda p: (p.plus_minus or 0.0) * (sums[_group_of(p)] or 0.0))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


def together(parts: Sequence[Part]) -> float | None:
    """The ± that parts amount to; None if one is unknown that the repeats need not show."""
    of_edges = [part for part in parts if part.name not in (BASELINE, REPEATS)]
    if any(part.plus_minus is None for part in of_edges) and _are_repeated(parts):
        parts = [part for part in parts if part not in of_edges]
    return quadrature(_sums(parts).values())


def budgets(
    reduction: Reduction,
    labels: Sequence[str] = ("",),
    channel: str | None = None,
    per: str | None = None,
) -> list[Budget]:
    """The budgets of labels ("": everything that ran): of a channel's energy per inference, or its
    energy if nothing was counted, and of that above each known baseline.

    The channel is that of the headline unless it is given; `per` is the count in the place of
    inferences, by default the usual one.
    """
    arithmetic = Arithmetic(reduction)
    if per is None:
        ran = arithmetic.running
        per = usual_per(arithmetic.group(ran, "", None) if ran else None)
    channel = channel or quoted_channel(reduction)
    of_label, periods_s = grouped(arithmetic.running, label_of), update_periods_s(reduction)
    found: list[Budget] = []
    for label in labels:
        running = of_label.get(label, []) if label else arithmetic.running
        if channel is not None and running:
            found += [
                replace(budget, hint=_hint(budget.largest, running, periods_s))
                for budget in _budgets(arithmetic, label, running, channel, per)
            ]
    return found


def _hint(largest: Part | None, running: Sequence[Span], periods_s: Mapping[str, float]) -> str:
    """How a program can mark its code, where most of ± is the resolution while it runs."""
    is_resolution = largest and (largest.name, largest.phase) == (RESOLUTION, RUNNING)
    if not (largest and is_resolution and any(span.is_block for span in running)):
        return ""
    mean_s = math.fsum(span.seconds for span in running) / len(running)
    is_short = mean_s < FEW_UPDATES * periods_s.get(largest.of, 0.0)
    is_aligned = all(span.aligned for span in running)
    return f"{LOOP}; {ALIGN}" if is_short and not is_aligned else LOOP


def _budgets(
    arithmetic: Arithmetic, label: str, running: Sequence[Span], channel: str, per: str
) -> Iterator[Budget]:
    samples: Sequence[Group]
    if label:
        samples = samples_of(arithmetic, label, running)
    else:
        samples = samples_among(repeats(arithmetic, running), running)
    key = label_of if label else None
    samples = [by_count(group, per) for group in samples]
    own = by_count(arithmetic.group(running, label, None, key), per)
    group = with_interval(own, samples)
    domain = group.domains[channel]
    known = [basis for basis in BASES if basis.of(domain)]
    for basis in known if TOTAL in known else [ENERGY]:
        if value := basis.of(domain):
            terms = _terms(arithmetic, running, group, channel, basis, samples)
            parts = tuple(terms.parts(value))
            integrated = any(part.name == "integration" for part in parts)
            yield Budget(
                label,
                channel,
                domain.origin,
                basis.name,
                basis.words(per),
                value.value,
                value.plus_minus,
                parts,
                tuple(terms.cures(value.plus_minus)),
                PART_TIME if integrated else "",
            )


class _Plan(NamedTuple):
    """Another recording: how many times as long its phases and its baseline are, and how many times
    as many repeats and readings by hand it has."""

    longer: float = 1.0
    baseline: float = 1.0
    repeats: float = 1.0
    readings: float = 1.0


class _Step(NamedTuple):
    """A change of one entry of a plan: how much effort it is, and in words."""

    effort: float
    text: str
    what: str
    times: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """What a baseline's power is multiplied by, seconds per inference; and the seconds that its
    energy is known for."""

    per_w: float
    baseline_s: float


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the ± of a figure is computed from; the errors at edges are already in its unit."""

    running: Sequence[EdgeError]
    phase: str
    edges: Sequence[EdgeError]
    scale: _Scale
    scatter: Scatter | None
    has_noise: bool
    at_s: float
    ran_s: float
    is_after: bool
    samples: Sequence[float]

    def parts(self, value: Value) -> Iterator[Part]:
        """The parts, as they are."""
        for phase, errors in ((RUNNING, self.running), (self.phase, self.edges)):
            nodes = Counter(node_of(each.channel) for each in errors)
            for each in errors:
                of = each.channel
                joins: Joins = "added" if nodes[node_of(of)] > 1 else "in quadrature"
                if each.kind == "integration" and each.plus_minus_j is not None:
                    of += f", up to {each.behind_s:.2g} s behind"
                yield Part(each.kind, phase, of, each.plus_minus_j, joins, each.why)
        yield from self._noise()
        if self.samples:
            is_rounding = value.plus_minus is None and value.baseline_noise is not None
            half = None if is_rounding else interval95(self.samples)
            why = ALL_THE_SAME if is_rounding else ""
            yield Part(REPEATS, RUNNING, f"{len(self.samples)} repeats", half, why=why)

    def _noise(self) -> Iterator[Part]:
        found = self.scatter
        if not self.has_noise:
            return
        if found is None:
            yield Part(BASELINE, self.phase, "scatter", None, why=TOO_SHORT)
            return
        within_w, between_w = found.within_w, found.between_w
        halves = {"scatter": within_w, "windows": between_w}
        if found.windows != 2 and within_w is not None and between_w is not None:
            # The larger of the two is the part; the other is within it.
            halves = {"scatter" if within_w >= between_w else "windows": found.noise_w}
        halves["drift"] = found.drift_w(self.at_s) or None
        for of, half_w in halves.items():
            if half_w is not None:
                yield Part(BASELINE, self.phase, of, half_w * self.scale.per_w)

    def predicted(self, plan: _Plan) -> float:
        """The ± of another recording. The scatter of its repeats, its powers and their noise are
        the same, and repeats that are longer scatter as much."""
        ran = self._edges(self.running, plan.longer, plan)
        edges = self._edges(self.edges, plan.baseline, plan)
        half = 0.0
        if self.samples:
            n, worth = len(self.samples), effective_number(self.samples)
            more, worth_more = n * plan.repeats, worth * plan.repeats
            half = t95(degrees_of(round(more), worth_more)) * stdev(self.samples)
            half /= math.sqrt(worth_more)
        noise = self._noise_w(plan) * self.scale.per_w
        return math.hypot(ran / math.sqrt(plan.repeats), edges, noise, half)

    def _edges(self, errors: Sequence[EdgeError], longer: float, plan: _Plan) -> float:
        if any(error.plus_minus_j is None for error in (*self.running, *self.edges)):
            return 0.0
        by_hand = math.sqrt(plan.readings)
        scaled = (
            error._replace(
                plus_minus_j=(error.plus_minus_j or 0.0)
                / (by_hand if error.kind == "readings" else longer)
            )
            for error in errors
        )
        return together_j(scaled) or 0.0

    def _noise_w(self, plan: _Plan) -> float:
        found = self.scatter
        if found is None:
            return 0.0
        within, times = found.within, plan.baseline
        if within is not None:
            # If each block depends on the one before, hardly one in a window may be independent.
            worth = found.windows + (within.degrees if within.degrees > 1 else 0)
            degrees = max(1.0, worth * times - found.windows)
            within = Uncertainty(within.standard / math.sqrt(times), degrees)
        away_s = abs(self.at_s - found.middle_s)
        if self.is_after:
            away_s += (plan.longer - 1) * self.ran_s / 2
        return replace(found, within=within).plus_minus_w(found.middle_s + away_s)

    def cures(self, plus_minus: float | None) -> Iterator[Cure]:
        """Each change that alone would halve ±; if none would, the smallest of several together."""
        if plus_minus is None:
            if self.has_noise and self.scatter is None and self._is_short:
                yield Cure(f"{self.phase} {KNOWN_BASELINE_S} s", None)
            return
        levers = list(filter(None, self._levers()))
        for several in range(1, len(levers) + 1):
            tried = (self._least(each, plus_minus / 2) for each in combinations(levers, several))
            if found := list(filter(None, tried)):
                kept = found if several == 1 else [min(found)]
                yield from (Cure(text, error) for _, text, error in kept)
                return

    @property
    def _is_short(self) -> bool:
        return self.scale.baseline_s < KNOWN_BASELINE_S

    def _least(
        self, levers: Sequence[Sequence[_Step]], wanted: float
    ) -> tuple[float, str, float] | None:
        """The least effort of these changes together that is enough, in words, and its ±."""
        enough = []
        for steps in product(*levers):
            plan = _Plan()._replace(**{step.what: step.times for step in steps})
            if (error := self.predicted(plan)) <= wanted * (1 + ROUNDING):
                effort = math.prod(step.effort for step in steps)
                enough.append((effort, " and ".join(step.text for step in steps), error))
        return min(enough, default=None)

    def _levers(self) -> Iterator[list[_Step]]:
        """The changes that apply, each in steps."""
        if any(error.kind != "readings" for error in self.running):
            yield [_Step(k, f"run {k}× longer", "longer", k) for k in LONGER]
        if self.phase and self.scatter is not None:
            yield list(self._baselines(self.scatter))
        if n := len(self.samples):
            yield [
                _Step(1 + m / n, f"{m} more repeat{'s' * (m > 1)}", "repeats", 1 + m / n)
                for m in MORE_REPEATS
            ]
        if any(error.kind == "readings" for error in (*self.running, *self.edges)):
            yield [_Step(k, f"{k}× as many readings", "readings", k) for k in MORE_READINGS]

    def _baselines(self, found: Scatter) -> Iterator[_Step]:
        """Longer baselines; none if it drifts, as a longer one would drift further."""
        baseline_s, in_all = self.scale.baseline_s, " in all" if found.windows > 1 else ""
        for s in () if found.drift_w(self.at_s) else BASELINES_S:
            if (times := s / baseline_s) > 1:
                yield _Step(times, f"{self.phase} {s} s{in_all}", "baseline", times)


def _terms(
    arithmetic: Arithmetic,
    running: Sequence[Span],
    group: Group,
    channel: str,
    basis: Basis,
    samples: Sequence[Group],
) -> _Terms:
    """What the ± of one figure is computed from."""
    ran = arithmetic.overlaps.stretches(running, label_of if group.label else None)
    n = 1 if basis is ENERGY else group.inferences or 1
    errors = _scaled(arithmetic.edge_errors(channel, ran), 1 / n)
    values = sampled(samples, channel, basis.key) if samples else []
    if not basis.baseline:
        scale = _Scale(0.0, 0.0)
        return _Terms(errors, "", (), scale, None, False, 0.0, ran.seconds, False, values)
    base = arithmetic.baseline(basis.baseline, running)
    known = arithmetic.known(base, channel)[0]
    seconds = ran.own_seconds
    edges = _scaled(arithmetic.edge_errors(channel, known), seconds / known.seconds / n)
    by_hand = any(error.kind == "readings" for error in edges)
    found = None if by_hand else arithmetic.scatter(channel, base)
    is_after = all(span.end_s <= ran.middle_s for span in known.windows)
    scale = _Scale(seconds / n, known.seconds)
    return _Terms(
        errors,
        basis.baseline,
        edges,
        scale,
        found,
        not by_hand,
        ran.middle_s,
        ran.seconds,
        is_after,
        values,
    )


def _scaled(errors: Sequence[EdgeError], factor: float) -> list[EdgeError]:
    return [
        error
        if error.plus_minus_j is None
        else error._replace(plus_minus_j=error.plus_minus_j * factor)
        for error in errors
    ]


def _group_of(part: Part) -> tuple[str, ...]:
    """The parts that are added have the same group."""
    return (
        (part.phase, node_of(part.of))
        if part.joins == "added"
        else (part.name, part.phase, part.of)
    )


def _sums(parts: Sequence[Part]) -> dict[tuple[str, ...], float | None]:
    found: dict[tuple[str, ...], float | None] = {}
    for key, members in grouped(parts, _group_of).items():
        known = [part.plus_minus for part in members if part.plus_minus is not None]
        found[key] = math.fsum(known) if len(known) == len(members) else None
    return found


def _are_repeated(parts: Sequence[Part]) -> bool:
    return any(part.name == REPEATS for part in parts)


def _plain(found: Any) -> Any:
    if isinstance(found, tuple):
        return [{name: getattr(each, name) for name in each.__slots__} for each in found]
    return found
