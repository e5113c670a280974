"""A source under way: its channels' counters, when it is due, and its readings in rows."""

from __future__ import annotations

from collections.abc import Iterable

from recorders.counter import Counter, Integrator
from recorders.rows import Layout, Row
from recorders.source import Channel, Fatal, Gone, Reading, Source, SourceError
from recorders.ticker import Histogram
from recorders.worker import Result, Worker


class Meter:
    """Turns one channel's readings into cells."""

    __slots__ = ("_in_total", "_place", "channel", "counter", "gone")

    def __init__(self, channel: Channel, layout: Layout) -> None:
        self.channel = channel
        self._place = layout.place[channel.name]
        self._in_total = channel.in_total
        self.gone = False
        self.counter: Counter | Integrator | None = None
        if channel.unit == "J":
            self.counter = Counter(
                channel.range_j, channel.bound_w, channel.always_moves, channel.settle_s
            )
        elif channel.unit == "W":
            self.counter = Integrator()

    def take(self, reading: Reading, row: Row) -> str | None:
        """Fill the row's cells; returns gap, reset, stuck, moving or lost where it happened."""
        value, counter = reading.value, self.counter
        if isinstance(value, SourceError):
            return self.fail(value)
        if counter is None:
            row.cells[self._place] = f"{value:.2f}"
            return None
        event = counter.update(value, reading.time_ns, reading.over_s)
        if not counter.stuck:
            row.set_energy(self._place, counter.energy_j, counter.power_w, self._in_total)
        return event

    def fail(self, error: SourceError) -> str | None:
        """Note a failed read."""
        if self.gone:
            return None
        if isinstance(error, (Gone, Fatal)):
            self.gone = True
            return "lost" if self.channel.is_energy else None
        return self.counter.miss() if self.counter else None


class Feed:
    """One source with its meters, and a worker where its reads block."""

    def __init__(self, source: Source, layout: Layout) -> None:
        self.source = source
        self.meters = [Meter(channel, layout) for channel in source.channels()]
        self.has_energy = any(meter.channel.is_energy for meter in self.meters)
        self.read_times = Histogram()
        self.worker = Worker(source, self.read_times) if source.blocking else None
        self._due_ns = 0
        self.calibrated = self.worker is None

    def is_due(self, now_ns: int) -> bool:
        """True once per period of the source."""
        if now_ns < self._due_ns:
            return False
        period_ns = int(self.source.period_s * 1e9)
        self._due_ns = max(self._due_ns + period_ns, now_ns + period_ns // 2)
        return True

    def read(self, now_ns: int) -> Result:
        """Read the source here and now; its failure is the result."""
        try:
            readings = self.source.read()
        except SourceError as error:
            return error
        if readings:
            self.read_times.add(readings[-1].time_ns - now_ns)
        return readings

    def readings(self, result: Result, now_ns: int) -> Iterable[Reading]:
        """A result as readings: a source that failed as a whole failed in every channel."""
        if isinstance(result, SourceError):
            return [Reading(place, now_ns, result) for place in range(len(self.meters))]
        return result

    def forget(self) -> None:
        """Take the next readings as new beginnings (after the machine slept)."""
        self.source.reset()
        for meter in self.meters:
            if meter.counter:
                meter.counter.forget()

    def close(self) -> None:
        """End the worker, if any, and close the source."""
        if self.worker:
            self.worker.stop()
        self.source.close()
