"""The types of a summary: its figures, groups and flags. Pure.

Energies are in joules, powers in watts, times in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from operator import attrgetter
from typing import Any

from recorders.counts import INFERENCES
from recorders.garbage import uncollected
from recorders.json_parts import (
    WrongPartError,
    an_object,
    dict_of,
    flag,
    list_of,
    number,
    one_of,
    optional,
    rate,
    record,
    size,
    text,
    whole,
)
from recorders.source import Origin

# To be raised with any change of the arithmetic, so that older summaries are recomputed. Since 2,
# ± and its parts cover 95 %.
VERSION = 2
# The answers per inference; their meanings are in `bases`.
PER_INFERENCE = (
    "total_j_per_inference",
    "dynamic_j_per_inference",
    "marginal_j_per_inference",
)
# Times have six decimals: the shortest duration, less rounding.
LEAST_S = 1e-7
# A spread below this share of a value is rounding.
ROUNDING = 1e-9
ORIGINS: tuple[Origin, ...] = ("measured", "estimated", "simulated", "manual")
# The origins of figures that no instrument read.
INVENTED: tuple[Origin, ...] = ("estimated", "simulated")


@dataclass(frozen=True, slots=True)
class Flag:
    """A named warning, the channels or phases it concerns, and its text."""

    name: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """A figure and its uncertainty (None: unknown).

    `plus_minus` covers 95 %. It is the instrument's uncertainty, in quadrature: `resolution`, from
    the counter updates at the edges, and `baseline_noise`, from the power of the baseline (0 for
    what has none). Over repeats, the half-width of their mean's interval is added, in which neither
    needs to show.
    """

    value: float
    plus_minus: float | None = None
    resolution: float | None = None
    baseline_noise: float | None = None

    def times(self, factor: float) -> Value:
        """The figure in other units."""
        return self._with(self.value * factor, lambda error: error * abs(factor))

    def over(self, n: int) -> Value:
        """The figure divided by n."""
        return self._with(self.value / n, lambda error: error / n)

    def reciprocal(self, factor: float) -> Value:
        """factor / figure, with uncertainty to first order; the figure must not be 0."""
        inverse = self.times(factor / self.value / self.value)
        return replace(inverse, value=factor / self.value)

    def over_samples(self, half_width: float) -> Value:
        """The figure with the scatter of its samples; it is unknown if that of its baseline is, or
        if there is none but rounding."""
        error = math.hypot(half_width, self.resolution or 0.0, self.baseline_noise or 0.0)
        is_known = self.baseline_noise is not None and error > ROUNDING * abs(self.value)
        return replace(self, plus_minus=error if is_known else None)

    def _with(self, value: float, change: Callable[[float], float]) -> Value:
        ends, resolution, noise = self.plus_minus, self.resolution, self.baseline_noise
        return Value(
            value,
            None if ends is None else change(ends),
            None if resolution is None else change(resolution),
            None if noise is None else change(noise),
        )


@dataclass(frozen=True, slots=True)
class Domain:
    """Powers and energies of one channel; joules per inference if inferences were counted."""

    origin: Origin
    idle_w: float | None
    armed_w: float | None
    running_w: float | None
    running_j: Value | None
    total_j_per_inference: Value | None
    dynamic_j_per_inference: Value | None
    marginal_j_per_inference: Value | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter's count, per inference if inferences were counted (None: unknown).

    `of` says what was counted: the machine, the command's processes, or these in user mode; empty
    if the recording does not say.
    """

    count: float | None
    per_inference: float | None
    of: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Joules per inference of one channel."""

    total_j_per_inference: Value | None
    dynamic_j_per_inference: Value | None
    marginal_j_per_inference: Value | None


@dataclass(frozen=True, slots=True)
class PerOne:
    """The same per unit of another count."""

    total_j: Value | None = None
    dynamic_j: Value | None = None
    marginal_j: Value | None = None

    @property
    def values(self) -> tuple[Value | None, Value | None, Value | None]:
        """The three in the order of the answers per inference."""
        return self.total_j, self.dynamic_j, self.marginal_j


@dataclass(frozen=True, slots=True)
class PerCount:
    """What else than inferences was counted: how many, how many per second, and joules per one by
    channel (None: unknown)."""

    count: int | None
    per_s: float | None
    domains: dict[str, PerOne]


@dataclass(frozen=True, slots=True)
class Group:
    """Running phases taken together: all of them, those of one label, or those of one repeat.

    `seconds` is the time in which any of them ran. `shared`: others ran at the same time, and the
    energies are this group's share of the machine's, split by time. `counters` has the counts of
    hardware counters by name, without ±: how far a counter is off is not known. `counts` has what
    else than inferences programs and servers counted.
    """

    label: str
    repeat: int | None
    seconds: float
    inferences: int | None
    inferences_per_s: float | None
    domains: dict[str, Domain]
    shared: bool = False
    counters: dict[str, Counted] = field(default_factory=dict)
    counts: dict[str, PerCount] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """The extra cost of one label per inference over another; may be negative. `counts` has that
    per unit of other counts, by name and channel."""

    label: str
    minus: str
    domains: dict[str, Answers]
    counts: dict[str, dict[str, PerOne]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sum:
    """The summed cost per inference of the parts of a whole, each run alone; `counts` as of a
    difference."""

    whole: str
    parts: int
    domains: dict[str, Answers]
    counts: dict[str, dict[str, PerOne]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of a meter's energy that CPU + DRAM + GPU (the channel total) are, idle and while
    running; None if unknown."""

    meter: str
    idle: float | None
    running: Value | None


@dataclass(frozen=True, slots=True)
class WallEstimate:
    """The power at the wall as a fit of this machine estimates it from the channel total: idle
    watts, and joules of all running phases; None if unknown."""

    meter: str
    idle_w: float | None
    running_j: Value | None
    total_j_per_inference: Value | None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A figure over repeats: mean, median, and half-width of the mean's 95 % interval (None:
    unknown)."""

    mean: float
    median: float
    interval95: float | None


@dataclass(frozen=True, slots=True)
class CommandShare:
    """How much of a device the command used while running; None is unknown.

    `time_pct` is the mean share of its time, `memory_mib` the most GPU memory. The command's energy
    does not follow from these.
    """

    device: str
    time_pct: float | None
    memory_mib: float | None


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """One phase, with its energy by channel (None: unknown).

    `inside` names the phases that enclose it. `left_out`: it is excluded from the overall figures,
    because its command failed. `overlaps`: other phases were running in some of its time.
    """

    phase: str
    label: str
    repeat: int | None
    inside: list[str]
    start_s: float
    end_s: float
    inferences: int | None
    finished: bool
    left_out: bool
    overlaps: bool
    energy_j: dict[str, float | None]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of a recording; `headline` is the headline channel (total if there is one).

    `contents` says what the headline's sum covers if that is not everything; else it is empty.
    `per` is what stands in the place of inferences (`recorders.summary.per`).
    """

    version: int
    headline: str | None
    contents: str
    running: Group | None
    labels: list[Group]
    repeats: list[Group]
    over_repeats: dict[str, Repeated]
    differences: list[Difference]
    sums: list[Sum]
    coverage: list[Coverage]
    wall_estimates: list[WallEstimate]
    phases: list[PhaseFigures]
    shares: list[CommandShare]
    flags: list[Flag]
    per: str = INFERENCES

    @property
    def quoted(self) -> Domain | None:
        """The headline channel over all running phases; None if nothing ran or was read."""
        return self.running.domains.get(self.headline or "") if self.running else None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as in run.json and `wattui summary --json`."""
        with uncollected():
            # The contents of a phase are already plain, so nothing needs to be copied.
            phases = [dict(_fields(phase)) for phase in self.phases]
            for phase in phases:
                if not phase["counts"]:
                    del phase["counts"]
            others = (name for name in self.__slots__ if name != "phases")
            found = {name: _plain(getattr(self, name)) for name in others}
        everything = {name: found.get(name, phases) for name in self.__slots__}
        if self.per == INFERENCES:
            del everything["per"]
        return {k: part for k, part in everything.items() if part or k not in _LEFT_OUT}

    @classmethod
    def from_dict(cls, found: Any) -> Summary:
        """A summary from its JSON form. Raises WrongPartError if it is incomplete, contradicts
        itself, or has another version.
        """
        # Earlier versions had neither meters outside the machine nor the command's shares.
        summary = _SUMMARY({"coverage": [], "wall_estimates": [], "shares": []} | an_object(found))
        if wrong := next(_contradictions(summary), None):
            raise WrongPartError(wrong)
        return summary


def is_unmoved(energy_j: float | None, by_hand: bool) -> bool:
    """Whether a counter did not move: its energy is unknown, less than one update, and not 0 J."""
    return energy_j == 0 and not by_hand


def _plain(part: Any) -> Any:
    """Dataclasses as dictionaries; unlike `asdict`, plain values are not copied."""
    if part.__class__ in _PLAIN:
        return part
    if isinstance(part, list):
        return [_plain(each) for each in part]
    items = part.items() if isinstance(part, dict) else _fields(part)
    return {
        key: each if each.__class__ in _PLAIN else _plain(each)
        for key, each in items
        if each or key not in _LEFT_OUT
    }


def _fields(part: Any) -> Iterator[tuple[str, Any]]:
    names = part.__slots__
    return zip(names, _values_of(names)(part), strict=True)


@cache
def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*names)


# Parts that most recordings lack.
_LEFT_OUT = frozenset({"counters", "counts", "coverage", "wall_estimates", "shares"})
_PLAIN = frozenset({str, int, float, bool, type(None)})


def _version(found: Any) -> int:
    if (version := whole(found)) != VERSION:
        raise WrongPartError(f"not {VERSION}")
    return version


def _tally(found: Any) -> float:
    """A count; that of a large machine is more than any figure in joules."""
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < math.inf:
        raise WrongPartError("not a count")
    return float(found)


def _group(found: Any) -> Group:
    """A group, unless its time and count contradict its figures; most have no counters and no
    other counts."""
    group = _GROUP({"counters": {}, "counts": {}} | an_object(found))
    n, seconds = group.inferences, group.seconds
    if n is None:
        answers = (
            getattr(domain, name) for domain in group.domains.values() for name in PER_INFERENCE
        )
        is_possible = group.inferences_per_s is None and all(answer is None for answer in answers)
    else:
        is_possible = n > 0 and (seconds == 0 or seconds >= LEAST_S)
    if not is_possible:
        raise WrongPartError("its figures do not match its time and count")
    return group


def _phase(found: Any) -> PhaseFigures:
    """A phase; these two were left out where they are false by earlier versions."""
    return _PHASE({"left_out": False, "overlaps": False, "counts": {}} | an_object(found))


def _difference(found: Any) -> Difference:
    return _DIFFERENCE({"counts": {}} | an_object(found))


def _sum(found: Any) -> Sum:
    return _SUM({"counts": {}} | an_object(found))


_ERROR, _COUNT, _POWER = optional(size), optional(whole), optional(number)
_TALLY = optional(_tally)
_VALUE = optional(
    record(Value, value=number, plus_minus=_ERROR, resolution=_ERROR, baseline_noise=_ERROR)
)
_PER_INFERENCE = dict.fromkeys(PER_INFERENCE, _VALUE)
_DOMAIN = record(
    Domain,
    origin=one_of(*ORIGINS),
    idle_w=_POWER,
    armed_w=_POWER,
    running_w=_POWER,
    running_j=_VALUE,
    **_PER_INFERENCE,
)
_PER_ONE = dict_of(record(PerOne, total_j=_VALUE, dynamic_j=_VALUE, marginal_j=_VALUE))
_ANSWERS = dict_of(record(Answers, **_PER_INFERENCE))
_GROUP = record(
    Group,
    label=text,
    repeat=_COUNT,
    seconds=size,
    inferences=_COUNT,
    inferences_per_s=optional(rate),
    domains=dict_of(_DOMAIN),
    shared=flag,
    counters=dict_of(record(Counted, count=_TALLY, per_inference=_TALLY, of=text)),
    counts=dict_of(record(PerCount, count=_COUNT, per_s=optional(rate), domains=_PER_ONE)),
)
_DIFFERENCE = record(Difference, label=text, minus=text, domains=_ANSWERS, counts=dict_of(_PER_ONE))
_SUM = record(Sum, whole=text, parts=whole, domains=_ANSWERS, counts=dict_of(_PER_ONE))
_PHASE = record(
    PhaseFigures,
    phase=text,
    label=text,
    repeat=_COUNT,
    inside=list_of(text),
    start_s=number,
    end_s=number,
    inferences=_COUNT,
    finished=flag,
    left_out=flag,
    overlaps=flag,
    energy_j=dict_of(_POWER),
    counts=dict_of(whole),
)
_SUMMARY = record(
    Summary,
    version=_version,
    headline=optional(text),
    contents=text,
    running=optional(_group),
    labels=list_of(_group),
    repeats=list_of(_group),
    over_repeats=dict_of(record(Repeated, mean=number, median=number, interval95=_ERROR)),
    differences=list_of(_difference),
    sums=list_of(_sum),
    coverage=list_of(record(Coverage, meter=text, idle=_ERROR, running=_VALUE)),
    wall_estimates=list_of(
        record(
            WallEstimate,
            meter=text,
            idle_w=_POWER,
            running_j=_VALUE,
            total_j_per_inference=_VALUE,
        )
    ),
    phases=list_of(_phase),
    shares=list_of(record(CommandShare, device=text, time_pct=_ERROR, memory_mib=_ERROR)),
    flags=list_of(record(Flag, name=text, where=text, text=text)),
)


def _contradictions(summary: Summary) -> Iterator[str]:
    """Contradictions within a summary, in words."""
    running = summary.running
    channels = [
        *(group.domains.keys() for group in (*summary.labels, *summary.repeats)),
        *(each.domains.keys() for each in summary.differences),
        *(each.domains.keys() for each in summary.sums),
    ]
    if running is None:
        if channels:
            yield "there are figures, but no running phase"
        return
    if summary.headline is not None and summary.headline not in running.domains:
        yield "headline: not among the domains"
    if any(each != running.domains.keys() for each in channels):
        yield "domains: not the same in all groups"
