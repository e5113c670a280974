"""The arithmetic of energies per inference: from windows of time to figures. Pure.

The formulas are those of `recorders.summary.bases`, and those of ± are in docs/uncertainty.md: one
counter update of energy at the edges (P * T), the uncertainty of the baseline power
(`recorders.summary.scatter`) times the running time, and over two or more repeats, their scatter.
For a wall meter read manually it is that of its readings.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple

from recorders.channels import COUNTER, TOTAL, kind_of, node_of
from recorders.counts import INFERENCES
from recorders.source import Origin
from recorders.summary.bases import per_inference_j
from recorders.summary.contents import quoted_channel, summed_parts
from recorders.summary.counted import counted_of, is_still
from recorders.summary.failures import Commands
from recorders.summary.figures import (
    PER_INFERENCE,
    Counted,
    Domain,
    Group,
    PerCount,
    PerOne,
    Value,
    is_unmoved,
)
from recorders.summary.flags import SHORT_UPDATES
from recorders.summary.overlaps import GroupKey, Overlaps, Stretches, label_of
from recorders.summary.reduction import Reduction
from recorders.summary.resolution import edges_j
from recorders.summary.scatter import Drift, Scatter, drift, scatter
from recorders.summary.served import served
from recorders.summary.spans import EnergyWindows, Span, outermost, per_phase, spans, untimed
from recorders.summary.stats import grouped, quadrature
from recorders.summary.stats import total as total_of
from recorders.summary.stillness import still_times
from recorders.texts import OwnNote

# Assumed if a recording was too short to measure a counter's update period.
UNKNOWN_UPDATE_S = 0.1
# Run files have joules to six decimals, which is also the unit of the kernel's RAPL counters.
RESOLUTION_J = 1e-6
# The longest time over which power readings are known to be averaged (NVML API reference,
# nvmlDeviceGetPowerUsage).
AVERAGED_S = 1.0


def update_periods_s(reduction: Reduction) -> dict[str, float]:
    """Counter update periods as noted in the recording, seconds, by channel."""
    found: dict[str, float] = {}
    for note in reduction.noted(OwnNote.UPDATE_PERIODS):
        for part in note.split():
            channel, _, text = part.partition("=")
            with suppress(ValueError):
                found[channel] = float(text)
    return found


# Why the uncertainty at the edges is unknown. How shared energy is split is a convention.
SHARED = "the energy of phases that overlap is split by convention"
OF_MODEL = "it is an estimate, and the error of its model is unknown"
PER_PHASE = "the imported file has energies of whole phases only"
UNTIMED = "the imported file does not say how exact its times are"
FEW_READINGS = "a phase has fewer than two different readings"

EdgeKind = Literal["resolution", "integration", "readings"]


class EdgeError(NamedTuple):
    """± of a channel's energy at the edges of some windows, joules, and what it comes from; None
    if unknown, for this reason. `behind_s` is how far a reading may be behind."""

    channel: str
    kind: EdgeKind
    plus_minus_j: float | None
    why: str = ""
    behind_s: float = 0.0


def together_j(errors: Iterable[EdgeError]) -> float | None:
    """± of a sum, joules: its parts are added node by node; None if one is unknown."""
    by_node = grouped(errors, lambda error: node_of(error.channel))
    return quadrature(total_of(e.plus_minus_j for e in own) for own in by_node.values())


@dataclass(slots=True)
class Baseline:
    """A baseline, with its figures by channel."""

    ran: Stretches
    scatters: dict[str, Scatter | None] = field(default_factory=dict)
    known: dict[str, tuple[Stretches, float | None, float | None]] = field(default_factory=dict)


class Arithmetic:
    """Computes the figures of any phases of one recording.

    Of many nodes (`by_node` false), labels and repeats have only those of the whole.
    """

    def __init__(self, reduction: Reduction, by_node: bool = True) -> None:
        windows = EnergyWindows(reduction)
        self._reduction = reduction
        self.everything = everything = spans(reduction, windows)
        self.commands = commands = Commands(reduction)
        self._ran = outermost(everything, "running")
        self.running = [span for span in self._ran if not commands.leave_out(span)]
        self.overlaps = Overlaps(windows, self._ran)
        self._periods = update_periods_s(reduction)
        self._per_phase = per_phase(reduction)
        self._untimed = untimed(reduction)
        notes = reduction.noted(OwnNote.INTEGRATED)
        self._integrated = {note.partition(" ")[0] for note in notes}
        self._idle = Baseline(Stretches(self._baseline("idle")))
        armed = self._baseline("armed")
        self._armed = Baseline(Stretches(armed))
        self._armed_of = {
            label: Baseline(Stretches(own)) for label, own in grouped(armed, label_of).items()
        }
        self._armed_of_several: dict[frozenset[str], Baseline] = {}
        self._channels, self._by_hand = reduction.energy_channels, reduction.by_hand
        whole = [channel for channel in self._channels if not node_of(channel)]
        self._of_parts = self._channels if by_node else whole
        self._parts = summed_parts(reduction)
        quoted = quoted_channel(reduction)
        self._asked = self._parts or ([quoted] if quoted else [])
        self._names = reduction.count_names
        self._served = served(reduction)
        # For each count the times at which it is known, and its values there.
        self._counts = {name: _course(reduction, name) for name in (INFERENCES, *self._names)}
        self._starts_s = [span.start_s for span in everything]
        self._ran_starts_s = [span.start_s for span in self._ran]
        self._origins: dict[str, Origin] = {
            channel: "manual" if channel in self._by_hand else kind_of(channel).origin
            for channel in self._channels
        }
        self._counted_of = counted_of(reduction)
        self._stills = grouped(still_times(reduction.remarks), attrgetter("channel"))

    def group(
        self, running: Sequence[Span], label: str, repeat: int | None, key: GroupKey | None = None
    ) -> Group:
        """The group of the phases with the same key (None: all running phases)."""
        ran = self.overlaps.stretches(running, key)
        channels = self._channels if key is None else self._of_parts
        is_whole = repeat is not None or len(running) == len(self.running)
        n = self._count_of(INFERENCES, running, ran, is_whole)
        base = self._armed_for(running)
        return Group(
            label,
            repeat,
            ran.seconds,
            n,
            _per_s(n, ran),
            {channel: self._domain(channel, ran, n, base) for channel in channels},
            ran.shared,
            {
                channel.removeprefix(COUNTER): self._counted(channel, ran, n or 0)
                for channel in self._reduction.counters
            },
            self._per_count(running, ran, base, is_whole, channels) if self._names else {},
        )

    def _count_of(
        self, name: str, running: Sequence[Span], ran: Stretches, is_whole: bool
    ) -> int | None:
        """What was counted in these phases, which are all of a recording or of a repeat if
        `is_whole`; None if nothing."""
        n = self._counted_in(name, running, ran)
        if not n and is_whole and name not in self._served:
            parts = groupby(running, self.commands.place)
            n = sum(self._counted_beside(name, list(part)) for _, part in parts)
        return n or None

    def _per_count(
        self,
        running: Sequence[Span],
        ran: Stretches,
        base: Baseline,
        is_whole: bool,
        channels: Sequence[str],
    ) -> dict[str, PerCount]:
        """The counts other than inferences, and joules per unit of each; unknown if the server did
        not tell what it counted in one of the phases. Of several labels, known counts are added."""
        of_all = {channel: self._domain(channel, ran, 1, base) for channel in channels}
        is_one = len({span.label for span in running}) == 1
        found = {}
        for name in self._names:
            n = known = self._count_of(name, running, ran, is_whole)
            if name in self._served and any(span.counted(name) is None for span in running):
                known, n = None, None if is_one else n
            each = {channel: _over(domain, known) for channel, domain in of_all.items()}
            found[name] = PerCount(n, _per_s(known, ran), each)
        return found

    def _counted(self, channel: str, ran: Stretches, n: int) -> Counted:
        """A counter's count while these phases ran."""
        read, of = ran.energy_j(channel), self._counted_of.get(channel, "")
        # A counter never falls: a file in which it does has none.
        count = None if is_still(channel, read, of) or (read or 0) < 0 else read
        per_inference = count / n if count is not None and n else None
        return Counted(count, per_inference, of)

    def _baseline(self, phase: str) -> list[Span]:
        """A baseline's windows, without time in which other phases ran; phases that enclose the
        baseline's phase, or lie inside it, are the marked program's choice."""
        found: list[Span] = []
        for span in outermost(self.everything, phase):
            own = "running" in span.inside
            found += [span] if own else self.overlaps.idle_parts(span)
        return found

    def baseline(self, phase: str, running: Sequence[Span]) -> Baseline:
        """The baseline that is subtracted while these phases ran: `idle` or `armed`."""
        return self._idle if phase == "idle" else self._armed_for(running)

    def _armed_for(self, running: Sequence[Span]) -> Baseline:
        labels = frozenset(span.label for span in running if span.label in self._armed_of)
        if len(labels) == 1:
            return self._armed_of[next(iter(labels))]
        if len(labels) in (0, len(self._armed_of)):
            return self._armed
        if labels not in self._armed_of_several:
            own = [s for label in sorted(labels) for s in self._armed_of[label].ran.windows]
            self._armed_of_several[labels] = Baseline(Stretches(own))
        return self._armed_of_several[labels]

    def _counted_in(self, name: str, running: Sequence[Span], ran: Stretches) -> int:
        """What was counted in the phases; while several are open, only their sum is known."""
        if all(span.finished for span in running) or len(running) == 1:
            return sum(span.counted(name) or 0 for span in running)
        if ran.shared:
            return sum(span.counted(name) or 0 for span in running if span.finished)
        ends = ((w.begin.row.counted(name), w.end.row.counted(name)) for w in ran.windows)
        return sum((last or 0) - (first or 0) for first, last in ends)

    def _counted_beside(self, name: str, running: Sequence[Span]) -> int:
        """What was counted for these phases after they ended: `--inferences` of a command that
        marks its own phases is only known when the command ends."""
        first_s = running[0].start_s
        last_s = max(span.end_s for span in running)
        place = bisect_right(self._ran_starts_s, last_s)
        next_s = self._ran_starts_s[place] if place < len(self._ran_starts_s) else math.inf
        end_s = self.commands.end_s(last_s)
        is_last = end_s < next_s
        counted = self._count(name, end_s) if is_last else self._count(name, next_s, before=True)
        next_s = min(next_s, end_s)
        first, last = (bisect_left(self._starts_s, time_s) for time_s in (first_s, next_s))
        elsewhere = sum(
            span.counted(name) or 0
            for span in self.everything[first:last]
            if span.phase != "running" and not span.inside
        )
        return counted - self._count(name, first_s) - elsewhere

    def _count(self, name: str, time_s: float, before: bool = False) -> int:
        times_s, counts = self._counts[name]
        place = (bisect_left if before else bisect_right)(times_s, time_s)
        return counts[place - 1] if place else 0

    def _domain(self, channel: str, ran: Stretches, n: int | None, armed: Baseline) -> Domain:
        idle_w, armed_w = self.known(self._idle, channel)[1], self.known(armed, channel)[1]
        energy_j, seconds = ran.energy_j(channel), ran.seconds
        if energy_j is None or seconds <= 0 or self._stood_still(channel, ran):
            return Domain(self._origins[channel], idle_w, armed_w, None, None, None, None, None)
        edges_j = self._edges_j(channel, ran)
        total = Value(energy_j, edges_j, edges_j, baseline_noise=0.0)
        return Domain(
            self._origins[channel],
            idle_w,
            armed_w,
            energy_j / seconds,
            total,
            total.over(n) if n else None,
            self._net(channel, total, ran, n, self._idle),
            self._net(channel, total, ran, n, armed),
        )

    def unmoved(self, running: Sequence[Span], key: GroupKey | None = None) -> list[str]:
        """Parts of the total, or the headline channel, whose counter did not move."""
        ran = self.overlaps.stretches(running, key)
        return [channel for channel in self._asked if self._stood_still(channel, ran)]

    def drifts(self, running: Sequence[Span], channel: str) -> Iterator[tuple[Drift, float]]:
        """How the power of the baselines changed, each with the power above that baseline while
        the phases it is subtracted from ran, watts."""
        everything, of_label = self.overlaps.stretches(running), grouped(running, label_of)
        bases = [("idle", self._idle, everything)]
        for label, base in self._armed_of.items():
            own = of_label.get(label)
            ran = self.overlaps.stretches(own, label_of) if own else everything
            bases.append(("armed", base, ran))
        for phase, base, ran in bases:
            windows, base_w, _ = self.known(base, channel)
            power_w = ran.power_w(channel)
            if base_w is None or power_w is None:
                continue
            found = drift(
                phase, channel, windows.windows, self.scatter(channel, base), ran.middle_s
            )
            if found:
                yield found, power_w - base_w

    def in_one_update(
        self, running: Sequence[Span], key: GroupKey | None = None
    ) -> dict[str, tuple[float, float]]:
        """The least and most energy of parts whose counter did not move, but moved soon after."""
        ran = self.overlaps.stretches(running, key)
        found = {}
        for channel in self._asked:
            energy_j, error_j = ran.energy_j(channel), None
            if energy_j and all(span.is_in_one_update(channel) for span in ran.windows):
                error_j = self._edges_j(channel, ran)
            if energy_j and error_j is not None:
                found[channel] = max(0.0, energy_j - error_j), energy_j + error_j
        return found

    def known(self, base: Baseline, channel: str) -> tuple[Stretches, float | None, float | None]:
        """A baseline's windows of a channel, its power (None if too short for the counter to
        move), and the uncertainty of its energy at the edges."""
        if channel not in base.known:
            known = base.ran.known(channel)
            short_s = SHORT_UPDATES * self._period_s(channel)
            is_short = self._stood_still(channel, known) and known.seconds < short_s
            power_w = None if is_short else known.power_w(channel)
            edges_j = None if power_w is None else self._edges_j(channel, known)
            base.known[channel] = known, power_w, edges_j
        return base.known[channel]

    def _period_s(self, channel: str) -> float:
        return self._periods.get(channel, UNKNOWN_UPDATE_S)

    def _stood_still(self, channel: str, ran: Stretches) -> bool:
        return is_unmoved(ran.energy_j(channel), channel in self._by_hand)

    def _lacks(self, channel: str, ran: Stretches) -> bool:
        """Whether a counter was stuck or restarted in one of these windows."""
        stills = self._stills.get(channel, ())
        return ("reset", channel) in ran.happened or any(
            still.overlaps(span.start_s, span.end_s) for still in stills for span in ran.windows
        )

    def _net(
        self, channel: str, total: Value, ran: Stretches, n: int | None, base: Baseline
    ) -> Value | None:
        """Energy per inference above a baseline."""
        seconds = ran.own_seconds
        known, base_w, base_edges_j = self.known(base, channel)
        if base_w is None or not n:
            return None
        noise_w = self._noise_w(channel, base, ran.middle_s)
        resolution_j = noise_j = plus_minus_j = None
        if total.plus_minus is not None and base_edges_j is not None:
            base_j = base_edges_j * seconds / known.seconds
            resolution_j = math.hypot(total.plus_minus, base_j)
        if noise_w is not None:
            noise_j = noise_w * seconds
        if resolution_j is not None and noise_j is not None:
            plus_minus_j = math.hypot(resolution_j, noise_j)
        errors = Value(0.0, plus_minus_j, resolution_j, noise_j).over(n)
        return replace(errors, value=per_inference_j(total.value, base_w, seconds, n))

    def _edges_j(self, channel: str, ran: Stretches) -> float | None:
        """Uncertainty from the edges: that of its parts added, as they are refreshed together, but
        those of several nodes in quadrature."""
        return together_j(self.edge_errors(channel, ran))

    def edge_errors(self, channel: str, ran: Stretches) -> list[EdgeError]:
        """Uncertainty from the edges, for each part of a sum (see `resolution`); one counter update
        of energy is P * T, or RESOLUTION_J if that is larger. For a wall meter read manually, the
        errors of its readings.

        Unknown for an estimate, as the error of its model is; for energies of whole phases, as no
        update period is known; and where it is not known how exact the times are.
        """
        if ran.shared:
            return [EdgeError(channel, "resolution", None, SHARED)]
        if self._origins.get(channel) == "estimated":
            return [EdgeError(channel, "resolution", None, OF_MODEL)]
        if channel in self._per_phase:
            return [EdgeError(channel, "resolution", None, PER_PHASE)]
        if channel in self._untimed:
            return [EdgeError(channel, "resolution", None, UNTIMED)]
        if channel in self._by_hand:
            error_j = quadrature(span.error_j.get(channel) for span in ran.windows)
            why = "" if error_j is not None else FEW_READINGS
            return [EdgeError(channel, "readings", error_j, why)]
        parts = (self._parts if channel == TOTAL else ()) or [channel]
        return [self._edge_error(part, ran) for part in parts]

    def _edge_error(self, channel: str, ran: Stretches) -> EdgeError:
        kind: EdgeKind = "integration" if channel in self._integrated else "resolution"
        if self._stood_still(channel, ran):
            return EdgeError(channel, kind, None, "its counter did not move")
        if self._lacks(channel, ran):
            return EdgeError(channel, kind, None, "its counter was stuck or restarted")
        error_j = edges_j(channel, ran.windows, self._update_j(channel, ran))
        if channel in self._integrated:
            error_j = math.hypot(error_j, self._averaged_j(channel, ran))
        return EdgeError(channel, kind, error_j, behind_s=self._behind_s(channel))

    def _update_j(self, channel: str, ran: Stretches) -> float:
        """The energy that a reading may be behind."""
        power_w = ran.power_w(channel) or 0.0
        if channel in self._integrated:
            power_w = max(power_w, *(span.power_w(channel) for span in self.everything))
        return max(power_w * self._behind_s(channel), RESOLUTION_J)

    def _averaged_j(self, channel: str, ran: Stretches) -> float:
        """The energy by which readings that are averaged over a time are late, at edges that were
        located between them: at most half that time, where power steps as between the phases."""
        n = 2 * sum(channel in span.located for span in ran.windows)
        powers_w = [span.power_w(channel) for span in self.everything] if n else []
        step_w = max(powers_w) - (min(powers_w) if len(powers_w) > 1 else 0.0) if n else 0.0
        return AVERAGED_S / 2 * step_w * math.sqrt(n)

    def _behind_s(self, channel: str) -> float:
        """How far a reading may be behind: an update period, and for integrated power half the time
        that it is averaged over."""
        return self._period_s(channel) + AVERAGED_S / 2 * (channel in self._integrated)

    def scatter(self, channel: str, base: Baseline) -> Scatter | None:
        """How well a baseline's power is known; None if it is too short to tell."""
        if channel not in base.scatters:
            windows = self.known(base, channel)[0].windows
            base.scatters[channel] = scatter(self._reduction, channel, windows)
        return base.scatters[channel]

    def _noise_w(self, channel: str, base: Baseline, at_s: float) -> float | None:
        """± of a baseline's power at another time; 0 for manual readings, whose uncertainty is in
        `_edges_j`."""
        if channel in self._by_hand:
            return 0.0
        found = self.scatter(channel, base)
        return found.plus_minus_w(at_s) if found else None


def _course(reduction: Reduction, name: str) -> tuple[list[float], list[int]]:
    """The times at which a count is known, and its values there."""
    known = [(row.time_s, n) for row in reduction.events if (n := row.counted(name)) is not None]
    return [time_s for time_s, _ in known], [n for _, n in known]


def _per_s(n: int | None, ran: Stretches) -> float | None:
    return n / ran.seconds if n and ran.seconds > 0 else None


def _over(domain: Domain, n: int | None) -> PerOne:
    """The three energies of a channel, here those of everything that ran, over so many."""
    known = (getattr(domain, name) for name in PER_INFERENCE)
    return PerOne(*(value.over(n) if value and n else None for value in known))
