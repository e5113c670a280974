"""A running source: its channels' counters, its schedule, and its readings in rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from recorders import plausible
from recorders.between import BetweenReadings
from recorders.counter import Counter, Event, Integrator
from recorders.edges import EdgeFinder, Located, Quiet
from recorders.rows import Layout, Row
from recorders.source import (
    UNNAMED,
    Channel,
    Fatal,
    Gone,
    Implausible,
    Reading,
    Silent,
    Source,
    SourceError,
)
from recorders.summary.contents import missing_note
from recorders.summary.reduction import GAP, LOST, NOTE, RESET
from recorders.summary.silences import answers_note, silent_note
from recorders.summary.stillness import integrated_note, stuck_note
from recorders.texts import OwnNote
from recorders.ticker import Histogram
from recorders.worker import ReadResult, Worker

NOTHING: Sequence[str] = ()


class Meter:
    """Turns the readings of one channel into cells."""

    __slots__ = (
        "_doubted",
        "_high",
        "_in_total",
        "_integrates",
        "_low",
        "_place",
        "_silent",
        "channel",
        "counter",
        "edges",
        "gone",
        "located",
    )

    def __init__(self, channel: Channel, layout: Layout, confirms: bool = True) -> None:
        self.channel = channel
        self._place = layout.place[channel.name]
        self._in_total = layout.is_summed(channel)
        self._low, self._high = plausible.limits(channel.unit, channel.bound_w)
        self._doubted = self._integrates = self._silent = False
        self.gone = False
        self.edges: EdgeFinder = (
            BetweenReadings(channel.unit == "J") if channel.own_time else EdgeFinder(channel.step_j)
        )
        # Edges whose energy was found since it was last emptied.
        self.located: list[Located] = []
        self.counter: Counter | Integrator | None = None
        if channel.unit == "J":
            self.counter = Counter(
                channel.range_j,
                channel.bound_w,
                channel.always_moves,
                channel.settle_s,
                confirms,
                channel.possible_ranges_j,
            )
        elif channel.unit == "W":
            self.counter = Integrator()

    def take(self, reading: Reading, row: Row, start_ns: int = 0) -> Sequence[str]:
        """Fill the row's cells; returns any events to write.

        `start_ns` is CLOCK_MONOTONIC at the run file's zero.
        """
        _, time_ns, value, over_s, power_w, begun_ns = reading
        counter = self.counter
        if self.gone:
            return NOTHING
        if power_w is not None or self._integrates:
            stuck = isinstance(counter, Counter) and counter.stuck
            if self._integrates or (power_w and stuck):
                return self._integrate(reading, row, start_ns)
        if isinstance(value, Silent):
            return self._fall_silent(value, start_ns)
        if isinstance(value, SourceError):
            implausible = isinstance(value, Implausible)
            return self._leave_out(str(value)) if implausible else self.fail(value)
        if not self._low <= value <= self._high:
            channel = self.channel
            return self._leave_out(plausible.doubt(channel.unit, value, channel.bound_w))
        if counter is None:
            row.cells[self._place] = f"{value:.{0 if self.channel.unit in UNNAMED else 2}f}"
            return NOTHING
        told: list[str] = []
        if self._silent:
            self._silent, told = False, [f"{NOTE}{answers_note(self.channel.name)}"]
        event = counter.update(value, time_ns, over_s)
        if event is not None and isinstance(counter, Counter):
            if event == "refused":
                self.gone = True
                return [f"{NOTE}{missing_note(self.channel.name, counter.why)}"]
            if event == "stuck":
                since_s = (counter.moved_ns - start_ns) * 1e-9
                return [f"{NOTE}{stuck_note(self.channel.name, since_s)}"]
        if event == "reset":
            self.edges.restart()
        if counter.is_known:
            if isinstance(self.edges, BetweenReadings):
                self.edges.lag_ns = max(self.edges.lag_ns, row.time_ns - time_ns)
            shown_w = power_w if self.channel.own_time else counter.power_w
            row.set_energy(self._place, counter.energy_j, shown_w, self._in_total)
            if found := self.edges.see(counter.energy_j, begun_ns or time_ns, time_ns):
                self.located += found
        return told if event is None else told + self._told(event)

    def _fall_silent(self, silent: Silent, start_ns: int) -> list[str]:
        """Note a time without readings: power is not integrated over it, and no edge in it is
        known."""
        self._silent = True
        self.edges.restart()
        if isinstance(self.counter, Integrator):
            self.counter.forget()
        since_s = (silent.since_ns - start_ns) * 1e-9
        return [f"{NOTE}{silent_note(self.channel.name, since_s, str(silent))}"]

    def _integrate(self, reading: Reading, row: Row, start_ns: int) -> list[str]:
        """Integrate power from now on, as the counter is stuck."""
        told, integrator = [], self.counter
        if not isinstance(integrator, Integrator):
            self._integrates = True
            self.edges.restart()
            self.counter = integrator = Integrator(integrator.energy_j if integrator else 0.0)
            self._low, self._high = plausible.limits("W", self.channel.bound_w)
            since_s = (reading.time_ns - start_ns) * 1e-9
            told = [f"{NOTE}{integrated_note(self.channel.name, since_s)}"]
        if isinstance(reading.value, SourceError):
            return told + self.fail(reading.value)
        power_w = reading.power_w
        if power_w is None or not self._low <= power_w <= self._high:
            return told + self._miss()
        integrator.update(power_w, reading.time_ns)
        row.set_energy(self._place, integrator.energy_j, power_w, self._in_total)
        return told

    def mark(
        self, row: Row, quiet: Quiet = "", at_ns: int | None = None, hold: bool = False
    ) -> None:
        """Note that a row is an edge: the counter's energy then is found from its next moves.

        See `EdgeFinder.mark`.
        """
        if self.channel.own_time:
            if not self._silent:
                self.located += self.edges.mark(row.time_ns, 0.0, quiet, at_ns, hold)
        elif self._is_refreshed and self.counter and row.cells[self._place]:
            energy_j = self.counter.energy_j
            self.located += self.edges.mark(row.time_ns, energy_j, quiet, at_ns, hold)

    def settle(self, time_ns: int, at_ns: int) -> None:
        """Say when an edge on hold was for the program."""
        self.located += self.edges.settle(time_ns, at_ns)

    def give_up(self, start_ns: int) -> Sequence[str]:
        """Wait for no more edges, as the recording ends; returns any events to write."""
        edges = self.edges
        waited = edges.waits
        self.located += edges.give_up()
        if not (waited and isinstance(edges, BetweenReadings) and edges.last_ns is not None):
            return NOTHING
        why = "nothing new came before the recording ended"
        return self._fall_silent(Silent(why, edges.last_ns), start_ns)

    def watch(self, now_ns: int) -> bool:
        """Watch a counter while the machine is quiet; False if it is not refreshed in steps."""
        return self._is_refreshed and not self.gone and self.edges.watch(now_ns)

    @property
    def _is_refreshed(self) -> bool:
        return self.channel.step_j > 0 and isinstance(self.counter, Counter)

    def fail(self, error: SourceError) -> list[str]:
        """Note a failed read."""
        if self.gone:
            return []
        if isinstance(error, (Gone, Fatal)):
            self.gone = True
            return [f"{LOST}{self.channel.name}"] if self.channel.is_cumulative else []
        return self._miss()

    @property
    def is_held(self) -> bool:
        """Whether another reading is needed to explain the last one."""
        return isinstance(self.counter, Counter) and self.counter.is_held and not self.gone

    @property
    def may_have_wrapped(self) -> bool:
        """Whether another read now could confirm a wrap."""
        return isinstance(self.counter, Counter) and self.counter.may_have_wrapped

    def _leave_out(self, doubt: str) -> list[str]:
        """Discard an impossible reading, and note the first one."""
        told = (
            [] if self._doubted else [f"{NOTE}{OwnNote.IMPLAUSIBLE} {self.channel.name}: {doubt}"]
        )
        self._doubted = True
        return told + self._miss()

    def _miss(self) -> list[str]:
        event = self.counter.miss() if self.counter else None
        return self._told(event) if event else []

    def _told(self, event: Event) -> list[str]:
        """An event as written in the run file."""
        name = self.channel.name
        if event == "gap":
            return [f"{GAP}{name}"]
        if event == "reset":
            lacks_j = self.counter.lacks_j if isinstance(self.counter, Counter) else None
            lacks = (
                f"{NOTE}{OwnNote.LACKS} {lacks_j:.3g} J of {name}" if lacks_j is not None else ""
            )
            return [f"{RESET}{name}", *filter(None, [lacks])]
        return [f"{NOTE}{event} {name}"]


class Feed:
    """A source with its meters, and a worker thread if its reads block."""

    def __init__(self, source: Source, layout: Layout) -> None:
        self.source = source
        self.meters = [Meter(channel, layout) for channel in source.channels()]
        self.energies = [meter for meter in self.meters if meter.channel.is_energy]
        self.is_read_at_edges = any(meter.channel.is_cumulative for meter in self.meters)
        self.own_time = any(meter.channel.own_time for meter in self.meters)
        self.read_times = Histogram()
        self.worker = Worker(source, self.read_times) if source.blocking else None
        self._due_ns = 0
        self.calibrated = self.worker is None
        self.periods_s: Mapping[str, float] = {}

    def is_due(self, now_ns: int) -> bool:
        """True once per period of the source."""
        if now_ns < self._due_ns:
            return False
        period_ns = int(self.source.period_s * 1e9)
        self._due_ns = max(self._due_ns + period_ns, now_ns + period_ns // 2)
        return True

    def read(self, now_ns: int) -> ReadResult:
        """Read the source now; a failure is returned, not raised."""
        try:
            readings = self.source.read()
        except SourceError as error:
            return error
        if readings:
            self.read_times.add(readings[-1].time_ns - now_ns)
        return readings

    @property
    def waits(self) -> bool:
        """Whether an edge waits for a counter to move."""
        return any(meter.edges.waits for meter in self.meters)

    @property
    def patience_ns(self) -> int:
        """How long the end of a recording may wait for it to show the energy at the last edges."""
        return max((meter.edges.patience_ns for meter in self.meters), default=0)

    @property
    def look_due_ns(self) -> float:
        """When to look at the counters next for the sake of an edge; infinite if none waits."""
        return min((meter.edges.due_ns() for meter in self.meters), default=math.inf)

    def learn(self) -> Mapping[str, float]:
        """Tell the counters how often they are updated; the periods in seconds, by channel."""
        self.periods_s = periods_s = dict(self.source.update_periods_s())
        for meter in self.meters:
            if isinstance(meter.counter, Counter) and meter.channel.name in periods_s:
                meter.counter.learn(periods_s[meter.channel.name])
            if meter.channel.name in periods_s:
                meter.edges.learn(periods_s[meter.channel.name])
        return periods_s

    def readings(self, result: ReadResult, now_ns: int) -> Iterable[Reading]:
        """A result as readings; if the whole source failed, every channel failed."""
        if isinstance(result, SourceError):
            return [Reading(place, now_ns, result) for place in range(len(self.meters))]
        return result

    def forget(self) -> None:
        """Treat the next readings as the first (after the machine was suspended)."""
        self.source.reset()
        for meter in self.meters:
            meter.edges.restart()
            if meter.counter:
                meter.counter.forget()

    def close(self) -> None:
        """Stop the worker, if any, and close the source."""
        if self.worker:
            self.worker.stop()
        self.source.close()
