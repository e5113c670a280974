"""A run file played back as a source, at its own pace or faster."""

from __future__ import annotations

import csv
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recorders.channels import channel_of, kind_of, named, unit_of
from recorders.rows import FIXED_COLUMNS, TOTAL_COLUMNS, whole_lines
from recorders.source import Channel, Gone, Reading

Clock = Callable[[], int]


class Replay:
    """Gives each channel's last recorded value; after the last row every channel is gone."""

    name = "replay"
    reader = "run file"
    period_s = 0.001
    blocking = False

    def __init__(
        self,
        channels: Sequence[Channel],
        values: Sequence[tuple[Sequence[float], Sequence[float]]],
        speed: float = 1.0,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        """`values` holds times in seconds and values, a pair for each channel."""
        self._channels = channels
        self._values = values
        self._speed = speed
        self._clock = clock
        self._start_ns = clock()
        self._end_s = max((times[-1] for times, _ in values if times), default=0.0)

    def channels(self) -> Sequence[Channel]:
        """The recorded channels, without the total, which is made anew."""
        return self._channels

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """The values at this moment of the recording; raises Gone after its end."""
        now_ns = self._clock()
        at_s = (now_ns - self._start_ns) * 1e-9 * self._speed
        if at_s > self._end_s:
            raise Gone("the recording that is played back has ended")
        readings = []
        for place, (times, values) in enumerate(self._values):
            if row := bisect_right(times, at_s):
                readings.append(Reading(place, now_ns, values[row - 1]))
        return readings

    def calibrate(self) -> bool:
        """There is nothing to calibrate."""
        return True

    def update_periods_s(self) -> Mapping[str, float]:
        """Unknown: the file's own notes have them."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """How fast it is played."""
        return {"speed": self._speed}

    def reset(self) -> None:
        """Nothing is remembered between reads."""

    def close(self) -> None:
        """There is nothing to close."""


def open_replay(path: Path, speed: float = 1.0, clock: Clock = time.monotonic_ns) -> Replay:
    """Play back a run file. Raises OSError, or ValueError where it is not one."""
    with path.open(encoding="utf-8", newline="", errors="replace") as file:
        header = next(csv.reader([file.readline()]), [])
        lines = csv.reader(whole_lines(file, len(header)))
        if tuple(header[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
            raise ValueError(f"{path} is not a run file: its columns do not begin with time_s")
        wanted = {
            place: _channel(name)
            for place, name in enumerate(header)
            if place >= len(FIXED_COLUMNS)
            and name not in TOTAL_COLUMNS
            and not (unit_of(name) == "W" and f"{channel_of(name)}_J" in header)
        }
        series: dict[int, tuple[list[float], list[float]]] = {p: ([], []) for p in wanted}
        for row in lines:
            for place, (times, values) in series.items():
                if place < len(row) and row[place]:
                    times.append(float(row[0]))
                    values.append(float(row[place]))
    for place in [p for p, channel in wanted.items() if kind_of(channel.name).by_hand]:
        if not series[place][0]:  # it was read by hand: there are points alone
            del wanted[place], series[place]
    return Replay(list(wanted.values()), list(series.values()), speed, clock)


def _channel(column: str) -> Channel:
    return named(channel_of(column), unit_of(column))
