"""What a source is: the channels it offers, the readings it gives, the ways it fails."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Origin = Literal["measured", "estimated", "simulated", "manual"]


class SourceError(Exception):
    """A reading that did not come; the text is for a person."""


class Retry(SourceError):
    """This reading failed, the next may succeed."""


class Implausible(Retry):
    """This reading came, and cannot be true or stands for none; the text says why."""


class Gone(SourceError):
    """The channel will not answer again; the rest of the run goes on."""


class Fatal(SourceError):
    """The source as a whole cannot go on."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity of one source.

    `unit` is the unit of the readings: J is a cumulative counter, W a power that is integrated,
    anything else (pct, MiB, C, MHz) a gauge that is written as it was read. A counter wraps at
    `range_j`, is not believed above `bound_w`, and is stuck when it `always_moves` and does not.
    Its power is not drawn over less than `settle_s` between two readings (inf: only where they
    have an `over_s`). `remarks` (integrated, mig) are noted in
    the run file.
    """

    name: str
    unit: str
    origin: Origin = "measured"
    in_total: bool = False
    range_j: float | None = None
    bound_w: float = math.inf
    always_moves: bool = False
    settle_s: float = 0.005
    remarks: tuple[str, ...] = ()

    @property
    def is_energy(self) -> bool:
        """True where the run file has a `_J` and a `_W` column for this channel."""
        return self.unit in ("J", "W")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of this channel's columns in the run file, unit last."""
        if self.is_energy:
            return (f"{self.name}_J", f"{self.name}_W")
        return (f"{self.name}_{self.unit}",)


class Reading(NamedTuple):
    """One value of channel number `channel` of its source, at its own CLOCK_MONOTONIC time.

    `over_s` is the time in which a counter took its energy since the last reading that has one,
    where a source knows that better than from the times of the readings (see `recorders.beat`).
    `power_w` is the device's power, where its counter has not moved for longer than it ever rests.
    """

    channel: int
    time_ns: int
    value: float | SourceError
    over_s: float | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a source (or a part of it) is not there, and what a person can do about it.

    `part` is the channel (package1, dram0, gpu1) that this machine has and that is therefore
    missing from its sums; empty where nothing shows that the machine has one. `flag` names the
    note and the summary's flag that say so, where that is a doubt about the figures as well.
    """

    source: str
    reason: str
    remedy: str = ""
    part: str = ""
    flag: str = ""


class Source(Protocol):
    """A device reader.

    `period_s` is the shortest useful time between two reads; `blocking` says that a read can
    take milliseconds, so that the recorder gives the source a thread of its own.
    """

    name: str
    reader: str
    period_s: float
    blocking: bool

    def channels(self) -> Sequence[Channel]:
        """The channels, in the order that `Reading.channel` counts."""

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read every channel once; a channel's failure is its reading's value.

        `counters_only`: an edge is waiting, so a source whose reads take time may leave its
        gauges for later.
        Raises Retry, Gone or Fatal where the source as a whole failed.
        """

    def calibrate(self) -> bool:
        """Look once at how often the counters change; True when there is no more to learn."""

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each counter as measured so far, by channel name."""

    def facts(self) -> Mapping[str, object]:
        """What run.json should say about the devices behind this source."""

    def reset(self) -> None:
        """Forget what was read before a pause of the machine."""

    def close(self) -> None:
        """Give descriptors and handles back."""


@runtime_checkable
class WatchesCommand(Protocol):
    """A source that can follow the command's processes."""

    def watch(self, pid: int | None) -> None:
        """Follow the process tree below `pid` (None: no command is running)."""
