"""A clock that moves when told, sources that follow a script, and recordings written by hand."""

from __future__ import annotations

import csv
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recorders.clock import Clock
from recorders.conductor import Conductor
from recorders.inbox import FRONT_END, Inbox, Request
from recorders.marks import CountPages
from recorders.recorder import Recorder
from recorders.rows import Layout
from recorders.runfile import RunFile
from recorders.source import Channel, Reading, Source, SourceError
from recorders.summary import by_hand
from recorders.summary.reduction import EventRow, Points, Reduction
from recorders.wire import Message
from recorders.writer import Writer

if TYPE_CHECKING:
    from recorders.servers.source import Servers

Value = float | SourceError
Script = Callable[[float], Value]


@dataclass(slots=True)
class ManualClock(Clock):
    """Time passes only by `advance`; `suspend` is sleep that CLOCK_MONOTONIC does not see."""

    now_ns: int = 5_000_000_000_000
    suspended_ns: int = 0
    wall_start_ns: int = 1_700_000_000_000_000_000

    def monotonic_ns(self) -> int:
        return self.now_ns

    def boot_ns(self) -> int:
        return self.now_ns + self.suspended_ns

    def wall_ns(self) -> int:
        return self.wall_start_ns + self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def suspend(self, seconds: float) -> None:
        self.suspended_ns += round(seconds * 1e9)


class ScriptedSource:
    """Each channel's value is a function of the seconds since the source was made."""

    name = "scripted"
    reader = "script"
    period_s = 0.0005
    blocking = False

    def __init__(
        self,
        clock: ManualClock,
        channels: Mapping[Channel, Script],
        read_s: Sequence[float] = (),
        periods_s: Mapping[str, float] | None = None,
    ) -> None:
        self._clock = clock
        self._channels = dict(channels)
        self._read_s = [*read_s, *[0.0] * len(channels)]
        self._periods_s = dict(periods_s or {})
        self._start_ns = clock.monotonic_ns()
        self.broken: SourceError | None = None
        self.was_reset = False
        self.closed = False

    def channels(self) -> Sequence[Channel]:
        return list(self._channels)

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        if self.broken:
            raise self.broken
        readings = []
        for place, script in enumerate(self._channels.values()):
            self._clock.advance(self._read_s[place])
            now_ns = self._clock.monotonic_ns()
            readings.append(Reading(place, now_ns, script((now_ns - self._start_ns) * 1e-9)))
        return readings

    def calibrate(self) -> None:
        pass

    def update_periods_s(self) -> Mapping[str, float]:
        return self._periods_s

    def facts(self) -> Mapping[str, object]:
        return {}

    def reset(self) -> None:
        self.was_reset = True

    def close(self) -> None:
        self.closed = True


class BlockingSource(ScriptedSource):
    """Its reads wait, in a thread of their own, while the gate is shut."""

    blocking = True

    def __init__(self, clock: ManualClock, channels: Mapping[Channel, Script]) -> None:
        super().__init__(clock, channels)
        self.gate = threading.Event()
        self.gate.set()

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        self.gate.wait(10)
        return super().read()


class ScheduledInbox(Inbox):
    """Waiting moves the clock; requests arrive when they are due."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._agenda: list[tuple[int, int, Message]] = []
        self.happenings: list[tuple[int, Callable[[], object]]] = []
        self.answers: list[Message] = []

    def at(self, time_ns: int, owner: int, message: Message) -> None:
        self._agenda.append((time_ns, owner, message))

    def wait(self, timeout_s: float) -> Iterator[Request]:
        until_ns = self._clock.now_ns + max(0, round(timeout_s * 1e9))
        self._agenda.sort(key=lambda item: item[0])
        while self.happenings and self.happenings[0][0] <= until_ns:
            self.happenings.pop(0)[1]()
        arrives = bool(self._agenda) and self._agenda[0][0] <= until_ns
        while arrives:
            time_ns, owner, message = self._agenda.pop(0)
            self._clock.now_ns = max(self._clock.now_ns, time_ns)
            yield Request(message, owner, self.answers.append)
            until_ns = self._clock.now_ns
            arrives = bool(self._agenda) and self._agenda[0][0] <= until_ns
        self._clock.now_ns = max(self._clock.now_ns, until_ns)

    def close(self) -> None:
        pass


class InlineWriter(Writer):
    """Writes in the loop itself, so that a manual clock decides when."""

    def flush(self) -> None:
        super().flush()
        self.round()

    def finish(self, run: dict[str, object]) -> None:
        super().finish(run)
        self.round()


class Rig:
    """A recorder with its conductor, driven by a manual clock, writing a real file."""

    def __init__(
        self,
        directory: Path,
        clock: ManualClock,
        sources: Sequence[ScriptedSource],
        rate_hz: float = 10.0,
        follows: bool = False,
        meters: Sequence[str] = (),
        left_out: Sequence[str] = (),
        servers: Servers | None = None,
        drain_s: float = 30.0,
    ) -> None:
        self.clock = clock
        every: list[Source] = [*sources, *([servers] if servers else [])]
        read = [channel for source in every for channel in source.channels()]
        self.layout = Layout([*read, *by_hand.channels(meters)], left_out)
        self.path = directory / "run.csv"
        self.sent: list[Message] = []
        self.inbox = ScheduledInbox(clock)
        self.pages = CountPages(str(directory), [servers] if servers else [])
        self.file = InlineWriter(RunFile(self.path, self.layout.header))
        self.recorder = Recorder(
            every,
            self.layout,
            self.file,
            self.pages,
            self.inbox,
            clock,
            rate_hz,
            self.sent.append,
            follows,
        )
        self.conductor = Conductor(self.recorder, self.pages, meters, None, servers, drain_s)

    def at(self, time_s: float, owner: int = FRONT_END, **message: object) -> None:
        self.inbox.at(self.clock.start_ns + round(time_s * 1e9), owner, message)

    def when(self, time_s: float, happens: Callable[[], object]) -> None:
        self.inbox.happenings.append((self.clock.start_ns + round(time_s * 1e9), happens))

    def run(self, until_s: float) -> list[dict[str, str]]:
        self.at(until_s, do="stop", command={})
        self.recorder.run(self.conductor.handle)
        self.recorder.close()
        self.file.finish({})
        return read_rows(self.path)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def constant_power(power_w: float, start_j: float = 0.0) -> Script:
    return lambda time_s: start_j + power_w * time_s


def event(
    time_s: float,
    what: str,
    phase: str = "",
    energy_j: Mapping[str, float] | None = None,
    label: str = "",
    repeat: int | None = None,
    n: int | None = None,
    power_w: Mapping[str, float] | None = None,
) -> EventRow:
    return EventRow(
        time_s, what, phase, label, repeat, n, dict(energy_j or {}), dict(power_w or {})
    )


def reduction(
    events: Sequence[EventRow],
    channels: Sequence[str] = ("package0", "total"),
    seconds: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> Reduction:
    points = {
        name: Points(array("d", [t for t, _ in pairs]), array("d", [v for _, v in pairs]))
        for name, pairs in (seconds or {}).items()
    }
    return Reduction([f"{channel}_J" for channel in channels], list(events), points)
