"""The clocks of a recording: CLOCK_MONOTONIC for times, one wall anchor for dates."""

from __future__ import annotations

import time
from dataclasses import dataclass

SLEPT_S = 0.5
BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(slots=True)
class Clock:
    """Reads the system clocks; tests replace it.

    Dates are the wall clock at the start plus CLOCK_BOOTTIME since: a system clock that is set
    has no effect, and a machine that slept wakes up at the right date.
    """

    start_ns: int = 0
    start_utc_ns: int = 0
    _offset_ns: int = 0
    _start_offset_ns: int = 0

    def start(self, start_ns: int) -> None:
        """Take the anchor: time_s is 0 at `start_ns`, a moment ago."""
        self.start_ns = start_ns
        self.start_utc_ns = self.wall_ns() - (self.monotonic_ns() - start_ns)
        self._offset_ns = self._start_offset_ns = self.boot_ns() - self.monotonic_ns()

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def boot_ns(self) -> int:
        """CLOCK_BOOTTIME: like CLOCK_MONOTONIC, but includes time suspended."""
        return time.clock_gettime_ns(BOOTTIME)

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    def utc_ns(self, monotonic_ns: int) -> int:
        """The wall-clock time of a moment in this recording, in nanoseconds since the epoch."""
        slept_ns = self._offset_ns - self._start_offset_ns
        return self.start_utc_ns + monotonic_ns - self.start_ns + slept_ns

    def slept_s(self) -> float:
        """Seconds the machine was suspended since the last call, 0 when it was not."""
        offset_ns = self.boot_ns() - self.monotonic_ns()
        slept_ns = offset_ns - self._offset_ns
        if slept_ns < SLEPT_S * 1e9:
            return 0.0
        self._offset_ns = offset_ns
        return slept_ns * 1e-9
