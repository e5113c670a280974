"""A meter as a source: its own thread reads it, and the recorder collects the readings.

Readings keep their own times. A time without a good reading that is longer than usual is a gap,
with the reason: nothing is known of it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from recorders.channels import METER
from recorders.meters.meter import (
    MOST_W,
    Access,
    MeterError,
    Reader,
    Sample,
    Spec,
    UnreadableError,
    checked,
    cut,
)
from recorders.meters.specs import parse_meters
from recorders.source import Channel, Reading, Refusal, Silent
from recorders.texts import OwnNote
from recorders.writer import run_as_others

# The waits before opening a meter again: the first, and the longest.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
# After a read that waited by itself: a device that never stops must not take the processor.
REST_S = 0.01
# Without a good reading for so many of the usual times between two, there is a gap; it is at least
# and at most this long. The usual time is the median of the last ones, once there are a few.
GAP_PERIODS, LEAST_GAP_S, MOST_GAP_S = 3.5, 3.0, 60.0
FEWEST, MOST_STEPS = 3, 16
# The most readings that are kept until they are collected.
MOST_KEPT = 4096
# How long a recording waits at its start for its meters to give a reading or fail.
FIRST_S = 3.0
# How long the end of a recording waits for the thread of a meter to close it.
CLOSE_S = 1.0
# The longest reason for a gap, in characters.
MOST_WHY = 300
FIX = "check the address, the network and the meter; it is tried again while recording"


class Poller:
    """Reads one meter, opening it again when it is lost; `step` is one round of its thread."""

    def __init__(self, spec: Spec, access: Access) -> None:
        self._spec, self._access = spec, access
        self._reader: Reader | None = None
        self._failures = 0
        self._last_ns: int | None = None
        self._found: deque[Sample] = deque(maxlen=MOST_KEPT)
        # Set by the first reading, or when it is lost.
        self.answered = threading.Event()
        self.why = "it has not answered yet"
        self.missed = self.read = 0

    def step(self) -> float:
        """Read once; returns in how many seconds to read again."""
        begun_ns = self._access.clock()
        try:
            if self._reader is None:
                self._reader = self._spec.open(self._access)
            for sample in self._reader.read():
                self._take(checked(sample))
        except UnreadableError as error:
            self.missed, self.why = self.missed + 1, cut(str(error), MOST_WHY)
        except (MeterError, OSError) as error:
            return self._lose(str(error) or type(error).__name__)
        except Exception as error:  # a device can send anything; its thread lives on
            return self._lose(f"{type(error).__name__}: {error}")
        self._failures = 0
        took_s = (self._access.clock() - begun_ns) * 1e-9
        waits = self._reader is not None and self._reader.waits
        return REST_S if waits else max(0.0, self._spec.period_s - took_s)

    def take(self) -> list[Sample]:
        """The readings since the last call."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def close(self) -> None:
        """Close the meter."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()

    def _take(self, sample: Sample) -> None:
        """Keep a reading, unless it is not new."""
        if self._last_ns is not None and sample.time_ns <= self._last_ns:
            self.why = "it shows no new reading"
            return
        self._last_ns, self.why = sample.time_ns, "it has given nothing since"
        self._found.append(sample)
        self.read += 1
        self.answered.set()

    def _lose(self, why: str) -> float:
        self.missed, self.why = self.missed + 1, cut(why, MOST_WHY)
        self.answered.set()
        with contextlib.suppress(Exception):  # it is lost, however its end goes
            self.close()
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
        return wait_s


class MeterSource:
    """A meter's channel; `read` takes no time."""

    period_s, blocking = 0.0005, False

    def __init__(self, name: str, spec: Spec, access: Access, delay_s: float = 0.0) -> None:
        self.name, self.reader = f"{METER}{name}", spec.shown.partition(":")[0]
        self._spec, self._clock = spec, access.clock
        self.poller = Poller(spec, access)
        self._delay_ns = round(delay_s * 1e9)
        self._stopped = threading.Event()
        self._last_ns = self._clock() - self._delay_ns
        self._steps_s: deque[float] = deque(maxlen=MOST_STEPS)
        self._is_silent = self._was_read = self._has_begun = False
        self._gaps = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read it from now on."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def channels(self) -> Sequence[Channel]:
        """Its one channel: joules if it counts them, else watts."""
        counts = self._spec.counts
        return [
            Channel(
                self.name,
                "J" if counts else "W",
                bound_w=MOST_W,
                remarks=() if counts else (OwnNote.INTEGRATED,),
                own_time=True,
            )
        ]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """The readings since the last call; a gap when it begins."""
        readings: list[Reading] = []
        samples = self.poller.take()
        # Of those before the recording, only the last is of use.
        if not self._has_begun:
            self._has_begun, samples = True, samples[-1:]
        for sample in samples:
            time_ns = sample.time_ns - self._delay_ns
            if self._is_gap(time_ns):
                readings.append(self._gap(time_ns))
            value = sample.energy_j if self._spec.counts else sample.power_w
            if value is not None:
                readings.append(Reading(0, time_ns, value, power_w=sample.power_w))
                self._step_to(time_ns)
        now_ns = self._clock() - self._delay_ns
        if self._is_gap(now_ns):
            readings.append(self._gap(now_ns))
        return readings

    @property
    def _gap_s(self) -> float:
        """How long a time without a reading is a gap."""
        if not self.poller.read or len(self._steps_s) >= FEWEST:
            return min(MOST_GAP_S, max(LEAST_GAP_S, GAP_PERIODS * self._usual_s))
        return MOST_GAP_S

    @property
    def _usual_s(self) -> float:
        """The usual time between two readings."""
        from statistics import median

        known = len(self._steps_s) >= FEWEST
        return median(self._steps_s) if known else self._spec.period_s

    def _is_gap(self, now_ns: int) -> bool:
        return not self._is_silent and (now_ns - self._last_ns) * 1e-9 > self._gap_s

    def _step_to(self, time_ns: int) -> None:
        """Take the time of a reading, which may be from before the recording."""
        step_s = (time_ns - self._last_ns) * 1e-9
        if self._was_read and 0 < step_s < MOST_GAP_S:
            self._steps_s.append(step_s)
        self._last_ns = max(self._last_ns, time_ns)
        self._is_silent, self._was_read = False, True

    def _gap(self, now_ns: int) -> Reading:
        self._is_silent = True
        self._gaps += 1
        return Reading(0, now_ns, Silent(self.poller.why, self._last_ns))

    def calibrate(self) -> None:
        """Nothing to observe."""

    def update_periods_s(self) -> Mapping[str, float]:
        """How often it gives a reading."""
        return {self.name: self._usual_s}

    def facts(self) -> Mapping[str, object]:
        """Where the meter is, without secrets, and how its readings went."""
        poller = self.poller
        counts = "its counter" if self._spec.counts else "power, integrated"
        return {
            "spec": self._spec.shown,
            "energy_from": counts,
            "delay_s": self._delay_ns * 1e-9,
            "counter_step_j": self._spec.step_j or None,
            "readings": poller.read,
            "missed": poller.missed,
            "gaps": self._gaps,
        }

    def reset(self) -> None:
        """Nothing from before the machine was suspended is kept."""
        self.poller.take()

    def close(self) -> None:
        """End the thread, abandoning a read that hangs."""
        self._stopped.set()
        if self._thread:
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                self.poller.close()

    def _run(self) -> None:
        run_as_others()
        while not self._stopped.is_set():
            self._stopped.wait(self.poller.step())
        self.poller.close()


def open_meters(
    texts: Sequence[str], environ: Mapping[str, str], wait_s: float = FIRST_S
) -> tuple[list[MeterSource], list[Refusal]]:
    """The meters that are not read by hand, and a refusal for each that does not answer yet.

    Such a meter is still read, as soon as it answers. Raises SpecError.
    """
    found: list[MeterSource] = []
    for meter in parse_meters(texts):
        if meter.spec is not None:
            access = Access(meter.name, environ)
            found.append(MeterSource(meter.name, meter.spec, access, meter.delay_s))
    for source in found:
        source.start()
    until_s = time.monotonic() + wait_s
    refused = []
    for source in found:
        source.poller.answered.wait(max(0.0, until_s - time.monotonic()))
        if not source.poller.read:
            reason = f"{source.facts()['spec']}: {source.poller.why}"
            refused.append(Refusal(source.name, reason, FIX, kind="unread"))
    return found, refused
