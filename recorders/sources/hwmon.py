"""Power and energy that the kernel shows as numbers in sysfs files: hwmon, iio, power supplies.

Units: Documentation/ABI/testing/sysfs-class-hwmon. Which files a chip has, and what they measure,
is in `hwmon_chips`; which channels they become, in one file per family, listed in `families`.
"""

from __future__ import annotations

import errno
import math
import os
import re
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recorders.beat import Beat
from recorders.machine import file_text
from recorders.plausible import doubt
from recorders.source import Channel, Gone, Implausible, Reading, Refusal, Retry, SourceError

Clock = Callable[[], int]
# The path of a file, and the factor from its unit to W, V, A or J.
ScaledFile = tuple[Path, float]

MICRO, MILLI = 1e-6, 1e-3
# A read of more digits than this is not a reading.
MOST_BYTES = 32
SHORTEST_PERIOD_S, LONGEST_PERIOD_S, UNKNOWN_PERIOD_S = 0.01, 1.0, 0.1
# Gauges are read so often at most.
GAUGE_NS = 1_000_000_000
FIRST_TRIES = 2
_NUMBER = re.compile(rb"\s*-?[0-9]+\s*")
# A device that its driver refuses (EPERM) draws an unknown power until it is back.
_GONE = (errno.EPERM, errno.ENODEV, errno.ENOENT, errno.EBADF)
_WORDS = {
    errno.ENODATA: "the sensor is switched off",
    errno.EPERM: "the driver refuses: the device is asleep or being reset",
    errno.EACCES: "only root may read it",
    errno.ENODEV: "the device is gone",
    errno.ENOENT: "the device is gone",
}


class KeptFile:
    """A small file in sysfs. It is opened when it is first read, and stays open."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def read_bytes(self) -> bytes:
        """Its reading now. Raises OSError."""
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._descriptor, MOST_BYTES, 0)

    def close(self) -> None:
        """Close its descriptor; the next read opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class NumberFile(KeptFile):
    """A whole number in a file, times a factor."""

    __slots__ = ("_scale", "counts")

    def __init__(self, path: Path, scale: float = 1.0, counts: bool = False) -> None:
        super().__init__(path)
        self.counts = counts
        self._scale = scale

    def read(self) -> float:
        """The number now. Raises Retry, Implausible or Gone, with the reason in words."""
        try:
            text = self.read_bytes()
        except OSError as error:
            raise failure(self.path, error) from None
        if not _NUMBER.fullmatch(text):
            raise Retry(f"{self.path}: not a number ({text.decode(errors='replace').strip()!r})")
        number = int(text)
        if is_error_number(number, self.counts):
            raise Implausible(f"{self.path} shows {number}, an error and no reading")
        return number * self._scale


def is_error_number(number: int, counts: bool = False) -> bool:
    """Whether a driver printed a negative error as a large unsigned number.

    Kernel errors are at least -4095. A counter may pass what is one of 32 bits.
    """
    return number >= 2**63 or (not counts and 0 < 2**32 - number <= 4095)


def failure(path: Path, error: OSError) -> SourceError:
    """A failed read as what it means for the channel."""
    text = f"{path}: {_WORDS.get(error.errno or 0, error.strerror)}"
    return Gone(text) if error.errno in _GONE else Retry(text)


class Sensor:
    """One power (unit W) or energy counter (J): the product of its files.

    `period_s` is its update period if the kernel says it.
    """

    def __init__(
        self, label: str, unit: str, files: Sequence[ScaledFile], period_s: float | None = None
    ) -> None:
        self.label = label
        self.unit = unit
        self.period_s = period_s
        self._files = [NumberFile(path, scale, unit == "J") for path, scale in files]

    @property
    def what(self) -> str:
        """The files that it is read from, such as "in1_input x curr1_input"."""
        return " x ".join(file.path.name for file in self._files)

    @property
    def path(self) -> Path:
        """The first of its files."""
        return self._files[0].path

    @property
    def forbidden(self) -> list[Path]:
        """Its files that this user may not read."""
        return [file.path for file in self._files if not os.access(file.path, os.R_OK)]

    def read(self) -> float:
        """Watts or joules now. Raises SourceError."""
        return math.prod([file.read() for file in self._files])

    def close(self) -> None:
        """Close its files."""
        for file in self._files:
            file.close()


def first_failure(sensor: Sensor) -> SourceError | None:
    """Why a sensor cannot be read; None if it can. A bus may be busy once."""
    failed: SourceError | None = None
    for _ in range(FIRST_TRIES):
        try:
            value = sensor.read()
        except SourceError as error:
            failed = error
        else:
            is_idle = sensor.unit == "J" and value == 0
            reason = "it does not count" if is_idle else doubt(sensor.unit, value)
            return Implausible(f"{sensor.path}: {reason}") if reason else None
    return failed


def sensor_refusal(source: str, sensor: Sensor, failed: SourceError) -> Refusal:
    """The refusal for a sensor, with the command that switches it on or opens it."""
    path = sensor.path
    enable = path.with_name(f"{path.name.partition('_')[0]}_enable")
    if forbidden := sensor.forbidden:
        remedy = f"sudo chmod a+r {' '.join(map(str, forbidden))}"
        return Refusal(source, str(failed), remedy, kind="right")
    remedy = f"echo 1 | sudo tee {enable}" if file_text(enable) == "0" else ""
    return Refusal(source, str(failed), remedy, kind="unread")


@dataclass(frozen=True)
class Output:
    """A channel, and the sensors whose values it is the sum of."""

    channel: Channel
    sensors: tuple[Sensor, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def period_s(self) -> float | None:
        """The update period of its slowest sensor, if the kernel says those of all."""
        periods_s = [sensor.period_s for sensor in self.sensors if sensor.period_s]
        return max(periods_s) if len(periods_s) == len(self.sensors) else None


class Hwmon:
    """Reads the sensors of one family or chip, each once, in a thread of its own."""

    reader = "hwmon"
    blocking = True

    def __init__(
        self, name: str, outputs: Sequence[Output], clock: Clock = time.monotonic_ns
    ) -> None:
        self.name = name
        self._outputs = list(outputs)
        self._clock = clock
        self._sensors = list(dict.fromkeys(s for output in outputs for s in output.sensors))
        self._gone: set[int] = set()
        self._energies = [p for p, o in enumerate(self._outputs) if o.channel.is_energy]
        self._gauges_due_ns = 0
        self._periods_s = {
            o.channel.name: p for o in outputs if o.channel.is_energy and (p := o.period_s)
        }
        # Sensors whose update period is not known are observed until it is.
        self._beats = {
            place: Beat()
            for place, o in enumerate(outputs)
            if o.channel.is_energy and o.period_s is None and o.sensors
        }
        self.period_s = self._shortest_s()

    @property
    def outputs(self) -> Sequence[Output]:
        """Its channels with their sensors."""
        return self._outputs

    def without(self, names: Container[str]) -> Hwmon | None:
        """The same source without these channels; None if none is left."""
        left = [output for output in self._outputs if output.channel.name not in names]
        return Hwmon(self.name, left, self._clock) if left else None

    def channels(self) -> Sequence[Channel]:
        """The channel of each output."""
        return [output.channel for output in self._outputs]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read every power and energy once, and gauges once a second; a channel with a sensor that
        fails has its failure as value.
        """
        now_ns = self._clock()
        gauges = not counters_only and now_ns >= self._gauges_due_ns
        if gauges:
            self._gauges_due_ns = now_ns + GAUGE_NS
        found = self._readings(None if gauges else self._energies)
        self._gone |= {place for place, reading in found if isinstance(reading.value, Gone)}
        return [reading for _, reading in found]

    def calibrate(self) -> float | None:
        """Observe how often readings change, until that is known."""
        now_ns = self._clock()
        learning = [p for p, beat in self._beats.items() if beat.is_learning(now_ns)]
        if learning:
            for place, reading in self._readings(learning):
                if isinstance(reading.value, float):
                    self._beats[place].look(reading.value, reading.begun_ns, reading.time_ns)
            return 0.0
        for place, beat in self._beats.items():
            if beat.period_s is not None:
                self._periods_s[self._outputs[place].channel.name] = beat.period_s
        self.period_s = self._shortest_s()
        return None

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each channel in seconds, from the kernel or observed."""
        return self._periods_s

    def facts(self) -> Mapping[str, object]:
        """Of each channel, the files that it is read from, and what its family knows."""
        return {
            output.channel.name: {
                "path": str(output.sensors[0].path.parent),
                "reading": " + ".join(sensor.what for sensor in output.sensors),
                **output.facts,
            }
            for output in self._outputs
        }

    def reset(self) -> None:
        """Treat the next readings as the first, after the machine was suspended."""
        for beat in self._beats.values():
            beat.restart()

    def close(self) -> None:
        """Close the files."""
        for sensor in self._sensors:
            sensor.close()

    def _shortest_s(self) -> float:
        shortest_s = min(self._periods_s.values(), default=UNKNOWN_PERIOD_S)
        return min(max(shortest_s, SHORTEST_PERIOD_S), LONGEST_PERIOD_S)

    def _readings(self, places: Sequence[int] | None = None) -> list[tuple[int, Reading]]:
        """A reading of each output that is wanted and not gone."""
        wanted = range(len(self._outputs)) if places is None else places
        read: dict[Sensor, tuple[float | SourceError, int, int]] = {}
        found = []
        for place in wanted:
            if place in self._gone:
                continue
            parts = self._outputs[place].sensors
            for sensor in parts:
                if sensor not in read:
                    begun_ns = self._clock()
                    read[sensor] = (_value(sensor), begun_ns, self._clock())
            values = [read[sensor][0] for sensor in parts]
            failed = next((value for value in values if isinstance(value, SourceError)), None)
            value = failed or math.fsum(v for v in values if not isinstance(v, SourceError))
            begun_ns = min(read[sensor][1] for sensor in parts)
            time_ns = max(read[sensor][2] for sensor in parts)
            found.append((place, Reading(place, time_ns, value, begun_ns=begun_ns)))
        return found


def _value(sensor: Sensor) -> float | SourceError:
    try:
        return sensor.read()
    except SourceError as error:
        return error
