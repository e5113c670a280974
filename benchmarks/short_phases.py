"""Short phases recorded in simulated time: the recorder and the summary, on counters whose joules
are known at every moment. Nothing here reads a clock or a device, so figures repeat exactly."""

from __future__ import annotations

import math
import random
import statistics
import tempfile
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from recorders.channels import TOTAL
from recorders.clock import Clock
from recorders.conductor import Conductor
from recorders.inbox import FRONT_END, Inbox, Request
from recorders.marks import CountPages
from recorders.recorder import Recorder
from recorders.rows import Layout
from recorders.source import Channel, Reading
from recorders.summary.reduction import BEGIN, END, EventRow
from recorders.summary.summary import summarise
from recorders.wire import Message
from testbench.counters import NVML_J, RAPL_J, SlowCounter
from testbench.curves import Constant, PowerCurve, Sine, Square, Steps

# How long a simulated read takes, and by which share it varies.
READ_NS, READ_VARIES = 8_000, 0.5
# The first phase begins then; a recording has a second more after the last.
FIRST_S, REST_S = 2.0, 1.0
SHORTEST_S, LONGEST_S = 0.005, 5.0
RATE_HZ = 10.0
# Time between phases, in refreshes of the counter.
GAPS = (3.0, 12.0)
# Powers of a machine on which nothing runs, and one with a load.
QUIET_W, BUSY_W = 20.0, 80.0
# The time that a request or an answer takes.
SENT_S = 5e-5
# Counters of GPUs are refreshed this seldom or more seldom.
SLOW_S = 0.01


@dataclass(frozen=True)
class ShortPhase:
    """A phase of a channel, or all phases of a label: the true joules, the difference of their
    readings, the summary's figure and its ± (None: unknown), joules."""

    channel: str
    seconds: float
    true_j: float
    read_j: float
    found_j: float | None
    plus_minus_j: float | None

    @property
    def error_j(self) -> float:
        """The error of the figure; of the readings, if it is unknown."""
        return (self.read_j if self.found_j is None else self.found_j) - self.true_j

    @property
    def is_inside(self) -> bool:
        """Whether the truth is inside ±."""
        return self.plus_minus_j is not None and abs(self.error_j) <= self.plus_minus_j


class Score:
    """RMS errors in % of the truth, the share inside ±, and the median ± by the median error."""

    def __init__(self, phases: Sequence[ShortPhase]) -> None:
        self.read_pct = _rms_pct(phases, [each.read_j - each.true_j for each in phases])
        self.found_pct = _rms_pct(phases, [each.error_j for each in phases])
        self.inside_pct = 100 * statistics.fmean(each.is_inside for each in phases)
        widths_j = [each.plus_minus_j for each in phases if each.plus_minus_j is not None]
        errors_j = [abs(each.error_j) for each in phases]
        self.widths = statistics.median(widths_j) / statistics.median(errors_j)


def _rms_pct(phases: Sequence[ShortPhase], errors_j: Sequence[float]) -> float:
    shares = [error / phase.true_j for error, phase in zip(errors_j, phases, strict=True)]
    return 100 * math.sqrt(statistics.fmean(share**2 for share in shares))


CURVES: Mapping[str, PowerCurve] = {
    "constant": Constant(50.0),
    "square of 7.3 ms": Square(20.0, 80.0, 0.0073),
    "square of 0.5 s": Square(20.0, 80.0, 0.5),
    "sine of 43 ms": Sine(50.0, 30.0, 0.043),
    "bursts of 5.3 ms": Square(30.0, 200.0, 0.053, 0.1),
}
Case = tuple[str, list[SlowCounter], Sequence[float]]


def cases() -> Iterator[Case]:
    """Counters and the lengths of their phases (none: 5 ms to 5 s), with a name."""
    for what, name, refresh_s, step_j, uneven in (
        ("RAPL", "package0", 0.001, RAPL_J, 0.0),
        ("RAPL, uneven", "package0", 0.001, RAPL_J, 0.2),
        ("GPU, 20 ms", "gpu0", 0.02, NVML_J, 0.0),
        ("GPU, 100 ms", "gpu0", 0.1, NVML_J, 0.0),
    ):
        for load, curve in CURVES.items():
            counter = SlowCounter(name, curve, refresh_s, step_j, uneven, 0.37 * refresh_s)
            yield f"{what}: {load}", [counter], ()
    for load in ("constant", "square of 7.3 ms"):
        packages = [SlowCounter(f"package{n}", CURVES[load]) for n in range(5)]
        memory = [SlowCounter(f"dram{n}", Square(3.0, 8.0, 0.0073)) for n in range(2)]
        yield f"total of 5 packages and 2 DRAM: {load}", [*packages, *memory], ()
    square = CURVES["square of 0.5 s"]
    client = [SlowCounter("package0", square), SlowCounter("gpu0", square, 0.1, NVML_J)]
    yield "total of a package and a GPU of 100 ms", client, ()
    yield "the same, phases under 20 ms", client, (0.006, 0.017)


def at_edges(
    n: int, refresh_s: float, seconds: float, seed: int
) -> tuple[list[SlowCounter], list[tuple[float, float]]]:
    """A counter whose load is there during the phases only, and these phases."""
    phases = schedule(n, refresh_s, seed, (seconds,))
    starts_s, levels_w = [0.0], [QUIET_W]
    for begin_s, end_s in phases:
        starts_s += [begin_s, end_s]
        levels_w += [BUSY_W, QUIET_W]
    load = Steps(tuple(starts_s), tuple(levels_w))
    is_gpu = refresh_s >= SLOW_S
    name, step_j = ("gpu0", NVML_J) if is_gpu else ("package0", RAPL_J)
    return [SlowCounter(name, load, refresh_s, step_j, 0.0, 0.37 * refresh_s)], phases


def schedule(
    n: int, refresh_s: float, seed: int, seconds: Sequence[float] = ()
) -> list[tuple[float, float]]:
    """Begin and end of phases from 5 ms to 5 s, or of those lengths, at random times apart."""
    choose, now_s, found = random.Random(seed), FIRST_S, []
    for _ in range(n):
        now_s += choose.uniform(*GAPS) * max(refresh_s, 0.01)
        long_s = math.exp(choose.uniform(math.log(SHORTEST_S), math.log(LONGEST_S)))
        long_s = choose.choice(seconds) * choose.uniform(0.9, 1.1) if seconds else long_s
        found.append((now_s, now_s + long_s))
        now_s += long_s
    return found


def recorded(
    counters: Sequence[SlowCounter],
    phases: Sequence[tuple[float, float]],
    seed: int = 0,
    each_label: int = 1,
) -> list[ShortPhase]:
    """Record the phases, so many a label, which are one figure; the total comes last if there are
    several counters."""
    clock = _Clock()
    inbox = _Agenda(clock)
    for number, (begin_s, end_s) in enumerate(phases, 1):
        label = str((number - 1) // each_label)
        inbox.at(begin_s, do="begin", phase="running", label=label)
        inbox.at(end_s, do="end", id=number)
    inbox.at(phases[-1][1] + REST_S, do="stop", command={})
    return _recorded(counters, clock, inbox, seed)


def aligned(
    counters: Sequence[SlowCounter], phases: Sequence[tuple[float, float]], seed: int = 0
) -> list[ShortPhase]:
    """Record phases of the same lengths, aligned, of a program that does nothing between them."""
    clock, worked = _Clock(), _Worked()
    inbox = _Program(clock, worked, [end_s - begin_s for begin_s, end_s in phases])
    loads = [replace(each, curve=_Load(each.curve, worked)) for each in counters]
    return _recorded(loads, clock, inbox, seed)


def _recorded(
    counters: Sequence[SlowCounter], clock: _Clock, inbox: Inbox, seed: int
) -> list[ShortPhase]:
    source = _Counters(clock, counters, seed)
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(source.channels())
        pages = CountPages(folder)
        recorder = Recorder([source], layout, None, pages, inbox, clock, RATE_HZ, _ignore)
        conductor = Conductor(recorder, pages)
        recorder.run(conductor.handle)
        recorder.close()
    return list(_compared(recorder, counters, clock.start_ns))


def _compared(
    recorder: Recorder, counters: Sequence[SlowCounter], start_ns: int
) -> Iterator[ShortPhase]:
    summary = summarise(recorder.reduction)
    groups = {group.label: group for group in summary.labels}
    curves = {each.name: [each.curve] for each in counters}
    if len(counters) > 1:
        curves[TOTAL] = [each.curve for each in counters]
    begun: dict[str, EventRow] = {}
    edges: dict[str, list[tuple[EventRow, EventRow]]] = {}
    for row in recorder.reduction.events:
        if row.event == BEGIN:
            begun[row.label] = row
        elif row.event == END:
            edges.setdefault(row.label, []).append((begun[row.label], row))
    start_s = start_ns * 1e-9
    for label, phases in edges.items():
        spans_s = [(first.time_s + start_s, last.time_s + start_s) for first, last in phases]
        for channel, parts in curves.items():
            figure = groups[label].domains[channel].running_j
            yield ShortPhase(
                channel,
                math.fsum(end_s - begin_s for begin_s, end_s in spans_s),
                math.fsum(
                    part.energy_j(end_s) - part.energy_j(begin_s)
                    for part in parts
                    for begin_s, end_s in spans_s
                ),
                math.fsum(
                    last.energy_j[channel] - first.energy_j[channel] for first, last in phases
                ),
                figure.value if figure else None,
                figure.plus_minus if figure else None,
            )


def _ignore(message: Message) -> None:
    """Nobody looks at the recording while it is made."""


@dataclass(slots=True)
class _Clock(Clock):
    """Time passes only while something is read or waited for."""

    now_ns: int = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def boot_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns


class _Counters:
    """A source of simulated counters."""

    name = reader = "counters"
    period_s = 0.0005
    blocking = False

    def __init__(self, clock: _Clock, counters: Sequence[SlowCounter], seed: int) -> None:
        self._clock = clock
        self._counters = counters
        self._varied = random.Random(seed)

    def channels(self) -> Sequence[Channel]:
        return [_channel(counter) for counter in self._counters]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        return [self._read(place, counter) for place, counter in enumerate(self._counters)]

    def _read(self, place: int, counter: SlowCounter) -> Reading:
        begun_ns = self._clock.now_ns
        took_ns = READ_NS * self._varied.uniform(1 - READ_VARIES, 1 + READ_VARIES)
        self._clock.now_ns += round(took_ns)
        shown_j = counter.shown_j((begun_ns + took_ns / 2) * 1e-9)
        return Reading(place, self._clock.now_ns, shown_j, begun_ns=begun_ns)

    def calibrate(self) -> bool:
        return True

    def update_periods_s(self) -> Mapping[str, float]:
        return {counter.name: counter.refresh_s for counter in self._counters}

    def facts(self) -> Mapping[str, object]:
        return {}

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def _channel(counter: SlowCounter) -> Channel:
    settle_s = math.inf if counter.step_j >= NVML_J else 0.005
    return Channel(counter.name, "J", in_total=True, settle_s=settle_s, step_j=counter.step_j)


class _Agenda(Inbox):
    """Requests that arrive at given times; waiting lets time pass."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._asked: deque[tuple[int, Message]] = deque()

    def at(self, time_s: float, **message: object) -> None:
        self._asked.append((round(time_s * 1e9), message))

    def wait(self, timeout_s: float) -> Iterator[Request]:
        until_ns = self._clock.now_ns + max(0, round(timeout_s * 1e9))
        if self._asked and self._asked[0][0] <= until_ns:
            time_ns, message = self._asked.popleft()
            until_ns = time_ns
            self._clock.now_ns = max(self._clock.now_ns, until_ns)
            yield Request(message, FRONT_END, _ignore)
        self._clock.now_ns = max(self._clock.now_ns, until_ns)

    def close(self) -> None:
        pass


@dataclass(slots=True)
class _Worked:
    """When a program worked, in order; the last time may have no end yet."""

    times_s: list[tuple[float, float]] = field(default_factory=list)

    def begin(self, now_s: float) -> None:
        self.times_s.append((now_s, math.inf))

    def end(self, now_s: float) -> None:
        self.times_s[-1] = self.times_s[-1][0], now_s


class _Load(PowerCurve):
    """A curve while a program works, and else the power of a quiet machine."""

    kind = "load"

    def __init__(self, curve: PowerCurve, worked: _Worked) -> None:
        self._curve, self._worked = curve, worked
        self._until: list[float] = [0.0]

    def power_w(self, t_s: float) -> float:
        place = bisect_left(self._worked.times_s, (t_s,))
        works = place > 0 and t_s < self._worked.times_s[place - 1][1]
        return self._curve.power_w(t_s) if works else QUIET_W

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def energy_j(self, t_s: float) -> float:
        times_s = self._worked.times_s
        place = bisect_left(times_s, (t_s,))
        while len(self._until) < place:
            self._until.append(self._until[-1] + self._above_j(*times_s[len(self._until) - 1]))
        above_j = self._until[place - 1] if place else 0.0
        if place:
            begin_s, end_s = times_s[place - 1]
            above_j += self._above_j(begin_s, min(end_s, t_s))
        return QUIET_W * t_s + above_j

    def _above_j(self, begin_s: float, end_s: float) -> float:
        used_j = self._curve.energy_j(end_s) - self._curve.energy_j(begin_s)
        return used_j - QUIET_W * (end_s - begin_s)


# The time since the answer before, and what is done then.
_Action = tuple[float, Message | Callable[[float], None]]


class _Program(Inbox):
    """A program with aligned phases: each request follows the answer to the one before."""

    def __init__(self, clock: _Clock, worked: _Worked, seconds: Sequence[float]) -> None:
        self._clock = clock
        self._actions = self._script(worked, seconds)
        self._next: _Action | None = None
        self._due_ns: float = 0.0
        self._answered({})

    @staticmethod
    def _script(worked: _Worked, seconds: Sequence[float]) -> Iterator[_Action]:
        for number, long_s in enumerate(seconds, 1):
            label = str(number)
            yield REST_S if number > 1 else FIRST_S, {"do": "quiet"}
            begin = {"do": "begin", "phase": "running", "label": label, "id": number}
            yield 2 * SENT_S, {**begin, "quiet": True}
            yield SENT_S, worked.begin
            yield long_s, worked.end
            yield SENT_S, {"do": "end", "id": number, "quiet": True}
            yield 2 * SENT_S, {"do": "quiet"}
        yield REST_S, {"do": "stop", "command": {}}

    def _answered(self, message: Message) -> None:
        if "error" in message:
            raise ValueError(message["error"])
        self._next = next(self._actions, None)
        if self._next:
            self._due_ns = self._clock.now_ns + self._next[0] * 1e9

    def wait(self, timeout_s: float) -> Iterator[Request]:
        until_ns = self._clock.now_ns + max(0, round(timeout_s * 1e9))
        if self._next and self._due_ns <= until_ns:
            until_ns = self._clock.now_ns = max(self._clock.now_ns, round(self._due_ns))
            (_, what), self._next = self._next, None
            if callable(what):
                what(self._clock.now_ns * 1e-9)
                self._answered({})
            else:
                yield Request(what, FRONT_END, self._answered)
        self._clock.now_ns = max(self._clock.now_ns, until_ns)

    def close(self) -> None:
        pass
