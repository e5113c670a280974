"""The source interface: channels, readings and failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

# The unit of a cumulative count, whose column is named as the channel is.
COUNT = "count"
# The unit of how many requests there are at a moment, whose column is named so, too.
REQUESTS = "requests"
# The unit of what programs and servers count.
TALLY = "tally"
UNNAMED = frozenset({COUNT, REQUESTS, TALLY})
Origin = Literal["measured", "estimated", "simulated", "manual"]
# Why a source is missing: a right would open it, it is here but not read, or it is not here.
RefusalKind = Literal["right", "unread", "absent"]


class SourceError(Exception):
    """A failed reading; the text is for the user."""


class Retry(SourceError):
    """This reading failed, but the next may succeed."""


class Implausible(Retry):
    """This reading is impossible or means no value; the text says why."""


class Silent(SourceError):
    """A meter has given no reading since `since_ns`: nothing is known of the time since."""

    def __init__(self, why: str, since_ns: int) -> None:
        super().__init__(why)
        self.since_ns = since_ns


class Gone(SourceError):
    """The channel is lost for good; the recording continues without it."""


class Fatal(SourceError):
    """The whole source has failed for good."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity of one source.

    `unit` is the unit of the readings: J is a cumulative counter, W a power that is integrated;
    written as read are count, a cumulative number, and anything else (pct, MiB, C, MHz, requests),
    which is a gauge. A counter wraps at `range_j`, or if that cannot be read, at one of
    `possible_ranges_j`, if any. It is rejected above `bound_w`, and is stuck if it `always_moves`
    but does not. Its power is not computed over less than `settle_s` between two readings (inf:
    only if they have an `over_s`).
    `step_j` is the resolution of a counter that is refreshed periodically (0: it is continuous, so
    what is read at an edge is its energy there). `limit_w` is the power limit in force, if known.
    `remarks` (integrated, mig) are noted in the run file. `own_time`: its readings come by
    themselves, each with a time in the past, so that an edge lies between two of them.
    """

    name: str
    unit: str
    origin: Origin = "measured"
    in_total: bool = False
    range_j: float | None = None
    possible_ranges_j: tuple[float, ...] = ()
    bound_w: float = math.inf
    always_moves: bool = False
    settle_s: float = 0.005
    step_j: float = 0.0
    limit_w: float | None = None
    remarks: tuple[str, ...] = ()
    own_time: bool = False

    @property
    def is_energy(self) -> bool:
        """Whether the run file has a `_J` and a `_W` column for this channel."""
        return self.unit in ("J", "W")

    @property
    def is_cumulative(self) -> bool:
        """Whether a phase has the difference of its edges: energies and counts."""
        return self.is_energy or self.unit == COUNT

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of this channel's columns in the run file, ending with the unit."""
        return columns_of(self.name, self.unit)


def columns_of(name: str, unit: str) -> tuple[str, ...]:
    """Names of the columns of a channel with this unit."""
    if unit in ("J", "W"):
        return f"{name}_J", f"{name}_W"
    return (name,) if unit in UNNAMED else (f"{name}_{unit}",)


class Reading(NamedTuple):
    """One value of channel number `channel` of its source, at its own CLOCK_MONOTONIC time.

    `over_s` is the time over which a counter's energy since the last reading with one was used, if
    the source knows it better than the readings' times tell (see `recorders.beat`). `power_w` is
    the device's power, given if its counter has not moved for longer than it ever rests. The value
    was read from `begun_ns` to `time_ns` (0: at that moment).
    """

    channel: int
    time_ns: int
    value: float | SourceError
    over_s: float | None = None
    power_w: float | None = None
    begun_ns: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a source (or a part of it) is missing, and how to fix it.

    `part` is the channel (package1, dram0, gpu1) that this machine has and its sums therefore lack;
    empty if nothing shows that the machine has one. `flag` names the note and the summary's flag
    for it, if it also casts doubt on the figures. One that `warns` is reported before a recording
    starts, as joules may be lost during it. `kind` groups refusals in lists.
    """

    source: str
    reason: str
    remedy: str = ""
    part: str = ""
    flag: str = ""
    warns: bool = False
    kind: RefusalKind = field(kw_only=True)


class Source(Protocol):
    """A device reader.

    `period_s` is the shortest useful time between reads; `blocking` says that a read can take
    milliseconds, so the recorder gives the source its own thread.
    """

    name: str
    reader: str
    period_s: float
    blocking: bool

    def channels(self) -> Sequence[Channel]:
        """The channels, in the order of `Reading.channel`."""

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read every channel once; a failed channel has the failure as its value.

        `counters_only`: an edge is waiting, so a source with slow reads may leave its gauges for
        later. Raises Retry, Gone or Fatal if the whole source failed.
        """

    def calibrate(self) -> float | None:
        """Observe once how often the counters change; returns in how many seconds to observe again,
        None if there is nothing more to learn before the next read."""

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each counter as measured so far, by channel name."""

    def facts(self) -> Mapping[str, object]:
        """Facts for run.json about the devices behind this source."""

    def reset(self) -> None:
        """Discard state from before the machine was suspended."""

    def close(self) -> None:
        """Close descriptors and handles."""


@runtime_checkable
class WatchesCommand(Protocol):
    """A source that can follow the command's processes."""

    def watch(self, pid: int | None, *others: int) -> None:
        """Follow the process tree below `pid` (None: no command is running).

        `others` are the commands of other ranks, which belong to it, too.
        """


@runtime_checkable
class CountsCommand(Protocol):
    """A source that has to know of a command before it starts."""

    def expect(self, thread: int) -> None:
        """The command is started next, by this thread of the front end."""


@runtime_checkable
class HasNews(Protocol):
    """A source that has something to note in the run file while it is read."""

    def news(self) -> Sequence[str]:
        """Notes since the last call, each beginning like one of `OwnNote`."""
