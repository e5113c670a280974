"""Joules per inference from the phases of a recording. Pure.

    total    = E_running / n
    dynamic  = (E_running - P_idle  * t_running) / n
    marginal = (E_running - P_armed * t_running) / n

± is, for one run, what the instrument and the baseline leave open: one counter update of energy
at the edges (P * T), and the standard error of the baseline power times the running time. For a
meter that is read by hand it is the standard error of its readings times the time. Over two or
more repeats it is the half-width of the 95 % interval of the mean (Student's t).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from recorders.contents import contents, headline, missing_from, missing_parts, sum_parts
from recorders.failures import Commands
from recorders.flags import (
    MOST_NAMED,
    SHORT_UPDATES,
    Flag,
    find_flags,
    incomplete,
    negative_differences,
)
from recorders.overlaps import Key, Overlaps, Stretches
from recorders.reduction import METER, Reduction
from recorders.source import Origin
from recorders.spans import Span, Windows, block_powers_w, per_phase, spans
from recorders.stats import interval95, stdev
from recorders.stillness import still_times

VERSION = 1
UPDATE_NOTE = "note:update_period_s "
INTEGRATED_NOTE = "note:integrated "
DIFFERENCE_NOTE, MINUS = "note:difference ", " minus "
PART_NOTE, OF = "note:part ", " of "
UNMOVED = "its counter did not move while {} ran: its energy is unknown, under one update"
# Assumed where a recording was too short to see a counter change often enough.
UNKNOWN_UPDATE_S = 0.1


@dataclass(frozen=True, slots=True)
class Value:
    """A figure and what is left open about it (None: unknown).

    What the instrument leaves open, in its parts: `resolution`, the counter updates at the edges,
    and `baseline_noise`, the standard error of the baseline's power. `plus_minus` is both in
    quadrature, or over repeats the interval of their mean.
    """

    value: float
    plus_minus: float | None
    resolution: float | None = None
    baseline_noise: float | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """Powers and energies of one channel; joules per inference where inferences were counted."""

    origin: Origin
    idle_w: float | None
    armed_w: float | None
    running_w: float | None
    running_j: Value | None
    total_j_per_inference: Value | None
    dynamic_j_per_inference: Value | None
    marginal_j_per_inference: Value | None


@dataclass(frozen=True, slots=True)
class Group:
    """Running phases taken together: all of them, those of one label, or those of one repeat.

    `seconds` is the time in which any of them ran. `shared`: others ran as well in some of it, and
    the energies are this group's share of the machine's, split by time.
    """

    label: str
    repeat: int | None
    seconds: float
    inferences: int | None
    inferences_per_s: float | None
    domains: dict[str, Domain]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What one label costs per inference beyond another; negative values stay as they are."""

    label: str
    minus: str
    domains: dict[str, dict[str, Value | None]]


@dataclass(frozen=True, slots=True)
class Sum:
    """What the parts of a whole cost per inference together, each of them run alone."""

    whole: str
    parts: int
    domains: dict[str, dict[str, Value | None]]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A figure over repeats: mean, median, and half-width of the mean's 95 % interval."""

    mean: float
    median: float
    interval95: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole recording; `headline` is the channel to quote (total, else the best there is).

    `contents` says what the headline's sum is of where it is not of everything; else it is empty.
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
    phases: list[dict[str, Any]]
    flags: list[Flag]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as in run.json and `wattui summary --json`."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        return {name: part if name == "phases" else _plain(part) for name, part in kept.items()}


def _plain(part: Any) -> Any:
    """Dataclasses as dictionaries; what is plain already is not copied, as `asdict` would."""
    if isinstance(part, (str, int, float)) or part is None:
        return part
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if isinstance(part, dict):
        return {key: _plain(each) for key, each in part.items()}
    return {name: _plain(getattr(part, name)) for name in part.__slots__}


def summarise(reduction: Reduction) -> Summary:
    """Summarise a recording; whatever cannot be computed is None, and a flag says why."""
    windows = Windows(reduction)
    everything = spans(reduction, windows)
    commands = Commands(reduction)
    kept = [span for span in everything if not commands.leave_out(span)]
    running = _outermost(kept, "running")
    arithmetic = _Arithmetic(reduction, everything, commands, windows)
    group = arithmetic.group(running, "", None) if running else None
    of_label, of_repeat = _grouped(running, label_of), _grouped(running, repeat_of)
    of_label.pop("", None)
    of_repeat.pop(None, None)
    by_repeat = [
        arithmetic.group(of_repeat[repeat], "", repeat, repeat_of)
        for repeat in sorted(of_repeat)
        if len(of_repeat) > 1
    ]
    samples = by_repeat if are_samples((span.repeat, span.label) for span in running) else []
    if group and samples:
        group = _with_interval(group, samples)
    by_label = [_labelled(arithmetic, label, own) for label, own in of_label.items()]
    differences = _differences(reduction, by_label)
    channels = reduction.energy_channels
    quoted = headline(channels)
    ran_until_s = max((span.end_s for span in running), default=-math.inf)
    unmoved = {part: UNMOVED.format("it") for part in arithmetic.unmoved(running) if part != quoted}
    missing = missing_from(quoted, unmoved | missing_parts(reduction, ran_until_s))
    return Summary(
        VERSION,
        quoted,
        contents(quoted, channels, missing),
        group,
        by_label,
        by_repeat,
        _over_repeats(samples, quoted),
        differences,
        _sums(reduction, by_label),
        [_phase_row(s, commands.leave_out(s), arithmetic.overlaps) for s in everything],
        [
            *commands.flags(),
            *incomplete(missing),
            *_concurrent(arithmetic.overlaps, by_label),
            *_unmoved(arithmetic, running, of_label, missing),
            *find_flags(reduction, kept, group, quoted, update_periods_s(reduction)),
            *negative_differences(differences, quoted),
        ],
    )


def are_samples(windows: Iterable[tuple[int | None, str]]) -> bool:
    """Whether the repeats of some running phases, each given by its repeat and label, are samples
    of one thing: each phase belongs to one of two repeats or more, and all ran the same labels."""
    labels: dict[int | None, set[str]] = {}
    for repeat, label in windows:
        labels.setdefault(repeat, set()).add(label)
    first = next(iter(labels.values()), set())
    return len(labels) > 1 and None not in labels and all(ran == first for ran in labels.values())


def update_periods_s(reduction: Reduction) -> dict[str, float]:
    """Counter update periods as noted in the recording, seconds, by channel."""
    found: dict[str, float] = {}
    for row in reduction.events:
        if row.event.startswith(UPDATE_NOTE):
            for part in row.event.removeprefix(UPDATE_NOTE).split():
                channel, _, text = part.partition("=")
                try:
                    found[channel] = float(text)
                except ValueError:
                    continue
    return found


def origin(channel: str) -> Origin:
    """Where a channel's numbers come from, told by its name."""
    kinds: dict[str, Origin] = {"est_": "estimated", "sim_": "simulated", METER: "manual"}
    return next((kind for head, kind in kinds.items() if channel.startswith(head)), "measured")


def label_of(span: Span) -> str:
    """What phases of one label have in common."""
    return span.label


def repeat_of(span: Span) -> int | None:
    """What phases of one repeat have in common."""
    return span.repeat


def _label_and_repeat_of(span: Span) -> tuple[str, int | None]:
    return span.label, span.repeat


def _grouped(running: Sequence[Span], key: Key) -> dict[Any, list[Span]]:
    found: dict[Any, list[Span]] = {}
    for span in running:
        found.setdefault(key(span), []).append(span)
    return found


@dataclass(slots=True)
class _Base:
    """A baseline, and what is known of it by channel."""

    ran: Stretches
    noises_w: dict[str, float | None] = field(default_factory=dict)
    known: dict[str, tuple[Stretches, float | None, float | None]] = field(default_factory=dict)


class _Arithmetic:
    def __init__(
        self,
        reduction: Reduction,
        everything: Sequence[Span],
        commands: Commands,
        windows: Windows,
    ) -> None:
        self._reduction = reduction
        self._everything = everything
        self._commands = commands
        self._ran = _outermost(everything, "running")
        self._running = [span for span in self._ran if not commands.leave_out(span)]
        self.overlaps = Overlaps(windows, self._ran)
        self._periods = update_periods_s(reduction)
        self._per_phase = per_phase(reduction)
        self._idle = _Base(Stretches(self._baseline("idle")))
        armed = self._baseline("armed")
        self._armed = _Base(Stretches(armed))
        self._armed_of = {
            label: _Base(Stretches(own)) for label, own in _grouped(armed, label_of).items()
        }
        self._channels, self._by_hand = reduction.energy_channels, reduction.by_hand
        self._parts = sum_parts(self._channels)
        counted = [row for row in reduction.events if row.inferences is not None]
        self._count_times_s = [row.time_s for row in counted]
        self._counts = [row.inferences or 0 for row in counted]
        self._starts_s = [span.start_s for span in everything]
        self._ran_starts_s = [span.start_s for span in self._ran]
        self._stills = still_times(reduction.events)

    def group(
        self, running: Sequence[Span], label: str, repeat: int | None, key: Key | None = None
    ) -> Group:
        """All of the phases that have the same key (None: all that ran)."""
        ran = self.overlaps.stretches(running, key)
        seconds = ran.seconds
        n = self._inferences(running, ran)
        if not n and (repeat is not None or len(running) == len(self._running)):
            parts = groupby(running, self._commands.place)
            n = sum(self._counted_beside(list(part)) for _, part in parts)
        labels = {span.label for span in running}
        armed = self._armed_of.get(labels.pop()) if len(labels) == 1 else self._armed_among(labels)
        base = armed or self._armed
        return Group(
            label,
            repeat,
            seconds,
            n or None,
            n / seconds if n and seconds > 0 else None,
            {channel: self._domain(channel, ran, n or None, base) for channel in self._channels},
            ran.shared,
        )

    def _baseline(self, phase: str) -> list[Span]:
        """A baseline's windows, without the time in which others ran; what runs inside of a
        baseline's own phase, or around it, is the marked program's business."""
        found: list[Span] = []
        for span in _outermost(self._everything, phase):
            own = "running" in span.inside
            found += [span] if own else self.overlaps.idle_parts(span)
        return found

    def _armed_among(self, labels: Iterable[str]) -> _Base | None:
        own = [self._armed_of[label] for label in labels if label in self._armed_of]
        return _Base(Stretches([s for base in own for s in base.ran.windows])) if own else None

    def _inferences(self, running: Sequence[Span], ran: Stretches) -> int:
        """What was counted in the phases; while several are open, only their sum is known."""
        if all(span.finished for span in running) or len(running) == 1:
            return sum(span.inferences or 0 for span in running)
        if ran.shared:
            return sum(span.inferences or 0 for span in running if span.finished)
        ends = ((w.begin.row.inferences, w.end.row.inferences) for w in ran.windows)
        return sum((last or 0) - (first or 0) for first, last in ends)

    def _counted_beside(self, running: Sequence[Span]) -> int:
        """What was counted for these phases outside of them: `--inferences` of a command that
        marks its own phases is known only when it has ended."""
        first_s = running[0].start_s
        last_s = max(span.end_s for span in running)
        place = bisect_right(self._ran_starts_s, last_s)
        next_s = self._ran_starts_s[place] if place < len(self._ran_starts_s) else math.inf
        end_s = self._commands.end_s(last_s)
        counted = self._count(end_s) if end_s < next_s else self._count(next_s, before=True)
        next_s = min(next_s, end_s)
        first, last = (bisect_left(self._starts_s, time_s) for time_s in (first_s, next_s))
        elsewhere = sum(
            span.inferences or 0
            for span in self._everything[first:last]
            if span.phase != "running" and not span.inside
        )
        return counted - self._count(first_s) - elsewhere

    def _count(self, time_s: float, before: bool = False) -> int:
        place = (bisect_left if before else bisect_right)(self._count_times_s, time_s)
        return self._counts[place - 1] if place else 0

    def _domain(self, channel: str, ran: Stretches, n: int | None, armed: _Base) -> Domain:
        idle_w, armed_w = self._base(self._idle, channel)[1], self._base(armed, channel)[1]
        energy_j, seconds = ran.energy_j(channel), ran.seconds
        if energy_j is None or seconds <= 0 or self._stood_still(channel, ran):
            return Domain(origin(channel), idle_w, armed_w, None, None, None, None, None)
        # How much of a shared energy is whose is a convention: no error is known of it.
        edges_j = None if ran.shared else self._edges_j(channel, ran)
        total = Value(energy_j, edges_j, edges_j)
        own_seconds = ran.own_seconds
        return Domain(
            origin(channel),
            idle_w,
            armed_w,
            energy_j / seconds,
            total,
            _per(n, total) if n else None,
            self._net(channel, total, own_seconds, n, self._idle),
            self._net(channel, total, own_seconds, n, armed),
        )

    def unmoved(self, running: Sequence[Span], key: Key | None = None) -> list[str]:
        """Parts of the total, or the channel to quote, whose counter did not move."""
        quoted = headline(self._channels)
        asked = self._parts or ([quoted] if quoted else [])
        ran = self.overlaps.stretches(running, key)
        return [channel for channel in asked if self._stood_still(channel, ran)]

    def _base(self, base: _Base, channel: str) -> tuple[Stretches, float | None, float | None]:
        """A baseline's windows of a channel, its power (None where it was too short for the
        counter to move), and what the edges leave open of its energy."""
        if channel not in base.known:
            known = base.ran.known(channel)
            short_s = SHORT_UPDATES * self._periods.get(channel, UNKNOWN_UPDATE_S)
            is_short = self._stood_still(channel, known) and known.seconds < short_s
            power_w = None if is_short else known.power_w(channel)
            edges_j = None if power_w is None else self._edges_j(channel, known)
            base.known[channel] = known, power_w, edges_j
        return base.known[channel]

    def _stood_still(self, channel: str, ran: Stretches) -> bool:
        """Whether a counter is the same at all edges: the energy is under one update, not 0."""
        return channel not in self._by_hand and ran.energy_j(channel) == 0

    def _lacks(self, channel: str, ran: Stretches) -> bool:
        """Whether a counter stood still or restarted in one of these windows."""
        stills = [still for still in self._stills if still.channel == channel]
        return any(
            still.overlaps(span.start_s, span.end_s) for span in ran.windows for still in stills
        ) or any(("reset", channel) in span.happened for span in ran.windows)

    def _net(
        self, channel: str, total: Value, seconds: float, n: int | None, base: _Base
    ) -> Value | None:
        """Energy per inference beyond that of a baseline."""
        known, base_w, base_edges_j = self._base(base, channel)
        if base_w is None or not n:
            return None
        noise_w = self._noise_w(channel, base)
        resolution_j = noise_j = plus_minus_j = None
        if total.plus_minus is not None and base_edges_j is not None:
            base_j = base_edges_j * seconds / known.seconds
            resolution_j = math.hypot(total.plus_minus, base_j)
        if noise_w is not None:
            noise_j = noise_w * seconds
        if resolution_j is not None and noise_j is not None:
            plus_minus_j = math.hypot(resolution_j, noise_j)
        net_j = total.value - base_w * seconds
        return _per(n, Value(net_j, plus_minus_j, resolution_j, noise_j))

    def _edges_j(self, channel: str, ran: Stretches) -> float | None:
        """One counter update of energy (P * T) per window and part, added in quadrature; for a
        meter that is read by hand the errors of its readings.

        None for an estimate: its error is that of its model, which is not known; and for energies
        of whole phases, which no counter's update period is known of.
        """
        if origin(channel) == "estimated" or channel in self._per_phase:
            return None
        if channel in self._by_hand:
            errors_j = [span.error_j.get(channel) for span in ran.windows]
            known = [error_j for error_j in errors_j if error_j is not None]
            return math.hypot(*known) if len(known) == len(errors_j) else None
        parts = self._parts if channel == "total" else [channel]
        if any(self._stood_still(part, ran) or self._lacks(part, ran) for part in parts):
            return None
        steps_j = [
            (ran.power_w(part) or 0.0) * self._periods.get(part, UNKNOWN_UPDATE_S) for part in parts
        ]
        return math.hypot(*steps_j) * math.sqrt(len(ran.windows))

    def _noise_w(self, channel: str, base: _Base) -> float | None:
        """Standard error of a baseline's mean power, from its seconds; None for under three.

        By hand it is 0: what its readings leave open is `_edges_j`.
        """
        if channel in self._by_hand:
            return 0.0
        if channel not in base.noises_w:
            spans = self._base(base, channel)[0].windows
            powers = [p for span in spans for p in block_powers_w(self._reduction, channel, span)]
            noise_w = stdev(powers) / math.sqrt(len(powers)) if len(powers) >= 3 else None
            base.noises_w[channel] = noise_w
        return base.noises_w[channel]


def _concurrent(overlaps: Overlaps, by_label: Sequence[Group]) -> Iterator[Flag]:
    """Phases that ran at the same time, and whose energies are shares."""
    if groups := overlaps.concurrent:
        n = max(map(len, groups))
        text = f"up to {n} running phases overlapped: their time and energy are counted once"
        shared = [group.label for group in by_label if group.shared]
        if shared:
            text += "; what overlapping labels used is shared between them by time"
        yield Flag("concurrent", ", ".join(shared[:MOST_NAMED]), text)


def _unmoved(
    arithmetic: _Arithmetic,
    running: Sequence[Span],
    of_label: Mapping[str, Sequence[Span]],
    missing: Mapping[str, str],
) -> Iterator[Flag]:
    """Counters that did not move while it ran, or while one label did."""
    found: dict[str, list[str]] = {}
    for label, own in of_label.items():
        for channel in arithmetic.unmoved(own, label_of):
            found.setdefault(channel, []).append(label)
    found |= {channel: ["it"] for channel in arithmetic.unmoved(running)}
    for channel, ran in found.items():
        if channel not in missing:
            yield Flag("under_one_update", channel, UNMOVED.format(", ".join(ran[:MOST_NAMED])))


def _labelled(arithmetic: _Arithmetic, label: str, running: Sequence[Span]) -> Group:
    """The group of one label, with ± from its repeats where it has several."""
    group = arithmetic.group(running, label, None, label_of)
    if not are_samples((span.repeat, label) for span in running):
        return group
    of_repeat = _grouped(running, repeat_of)
    key = _label_and_repeat_of
    return _with_interval(
        group, [arithmetic.group(of_repeat[n], label, n, key) for n in sorted(of_repeat)]
    )


def _differences(reduction: Reduction, groups: Sequence[Group]) -> list[Difference]:
    """The differences that the recording's notes ask for: `difference LABEL minus LABEL`."""
    by_label = {group.label: group for group in groups}
    return [
        Difference(more, less, _combined([by_label[more], by_label[less]], (1, -1)))
        for more, less in _noted(reduction, DIFFERENCE_NOTE, MINUS)
        if more in by_label and less in by_label
    ]


def _sums(reduction: Reduction, groups: Sequence[Group]) -> list[Sum]:
    """The sums that the recording's notes ask for: `part LABEL of LABEL`."""
    by_label = {group.label: group for group in groups}
    parts: dict[str, list[Group]] = {}
    for part, whole in _noted(reduction, PART_NOTE, OF):
        if part in by_label:
            parts.setdefault(whole, []).append(by_label[part])
    return [
        Sum(whole, len(found), _combined(found, (1,) * len(found)))
        for whole, found in parts.items()
    ]


def _noted(reduction: Reduction, note: str, between: str) -> list[tuple[str, str]]:
    """Pairs of labels from notes of one kind, each once."""
    texts = (r.event.removeprefix(note) for r in reduction.events if r.event.startswith(note))
    pairs = (text.partition(between) for text in texts)
    return list(dict.fromkeys((first, last) for first, middle, last in pairs if middle))


def _combined(groups: Sequence[Group], signs: Sequence[int]) -> dict[str, dict[str, Value | None]]:
    """Figures per inference added with their signs, by channel; None where one is unknown."""
    return {
        channel: {
            name: _added([getattr(g.domains[channel], name) for g in groups], signs)
            for name in _PER_INFERENCE
        }
        for channel in groups[0].domains
    }


def _added(values: Sequence[Value | None], signs: Sequence[int]) -> Value | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    value = math.fsum(sign * each.value for sign, each in zip(signs, known, strict=True))
    parts = ("plus_minus", "resolution", "baseline_noise")
    return Value(value, *(_quadrature([getattr(each, part) for each in known]) for part in parts))


def _quadrature(errors: Sequence[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return math.hypot(*known) if len(known) == len(errors) else None


def _with_interval(group: Group, repeats: Sequence[Group]) -> Group:
    """The group with ± from its repeats, for every channel and figure that each repeat has."""
    domains = {}
    for channel, domain in group.domains.items():
        fields = {name: getattr(domain, name) for name in Domain.__slots__}
        for name in ("running_j", *_PER_INFERENCE):
            values = [getattr(r.domains[channel], name) for r in repeats]
            if fields[name] is None or any(value is None for value in values):
                continue
            half = interval95([value.value for value in values])
            half = half * len(repeats) if name == "running_j" else half
            fields[name] = replace(fields[name], plus_minus=half)
        domains[channel] = Domain(**fields)
    return replace(group, domains=domains)


_PER_INFERENCE = (
    "total_j_per_inference",
    "dynamic_j_per_inference",
    "marginal_j_per_inference",
)


def _over_repeats(repeats: Sequence[Group], channel: str | None) -> dict[str, Repeated]:
    """The quotable channel's figures over the repeats, for those that every repeat has."""
    found = {}
    for name in ("running_j", *_PER_INFERENCE) if channel and len(repeats) > 1 else ():
        known = [getattr(group.domains[channel], name) for group in repeats if channel]
        values = sorted(value.value for value in known if value is not None)
        if len(values) == len(repeats):
            middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
            mean = math.fsum(values) / len(values)
            found[name] = Repeated(mean, middle, interval95(values))
    return found


def _outermost(everything: Sequence[Span], phase: str) -> list[Span]:
    return [span for span in everything if span.phase == phase and phase not in span.inside]


def _per(n: int, energy: Value) -> Value:
    parts = (energy.plus_minus, energy.resolution, energy.baseline_noise)
    return Value(energy.value / n, *(None if part is None else part / n for part in parts))


def _phase_row(span: Span, left_out: bool, overlaps: Overlaps) -> dict[str, Any]:
    return {
        "phase": span.phase,
        "label": span.label,
        "repeat": span.repeat,
        "inside": list(span.inside),
        "start_s": span.start_s,
        "end_s": span.end_s,
        "inferences": span.inferences,
        "finished": span.finished,
        "left_out": left_out,
        "overlaps": overlaps.overlap(span),
        "energy_j": span.energy_j,
    }
