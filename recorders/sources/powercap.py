"""RAPL counters of Intel and AMD processors, from the kernel's powercap tree.

Zones are found by name, not index: psys may be zone 0, ids may be sparse, and only one socket may
have DRAM. Kernel interface: Documentation/power/powercap/powercap.rst.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from recorders.channels import kind_of
from recorders.counter import Change, mirrored, update_period_s
from recorders.plausible import too_much_text
from recorders.source import Channel, Gone, Reading, Refusal, Retry, SourceError
from recorders.sources import pyrapl
from recorders.sources.rapl_zones import (
    GONE,
    Zone,
    find_zones,
    possible_ranges_j,
    refusal,
    unreadable,
    unreadable_ranges,
)
from recorders.texts import OwnNote

LOOK_S = 0.015
# A second look at a counter that is in doubt after the first.
LOOK_AGAIN_S = 0.25
LOOK_CHANGES = 6
# A read this long was interrupted, and is retried; if it stays long, the counter itself is slow.
INTERRUPTED_NS, SLOW_NS, READS = 1_000_000, 20_000_000, 3

# RAPL counters are updated every millisecond (Intel SDM 15.10.3), which is also assumed for a
# counter whose updates could not be seen; a period found to be as close as this is that.
PERIOD_S, CLOSE = 1e-3, 0.1
# A counter that changed more often than this, each time unseen, is fast and the machine busy.
BUSY_CHANGES = 10
# Energy units are this coarse or finer, except for the DRAM of a few servers.
COARSEST_J = 2**-14

# A platform that uses less than this share of what a package in it does counts in another unit.
LEAST_SHARE = 0.5

READ_BYTES = 32

Pread = Callable[[int, int, int], bytes | float]
Clock = Callable[[], int]


@dataclass(slots=True)
class CounterTrial:
    """Readings of a counter over a short time: all values, and the times of changes; `failed` says
    why the last reading failed."""

    values: list[float] = field(default_factory=list)
    failed: str = ""
    changes: list[Change] = field(default_factory=list)
    _changes_j: list[float] = field(default_factory=list)
    _read_ns: int = 0

    def add(self, value_j: float, time_ns: int) -> None:
        """Add one reading."""
        if self.values and value_j != self.values[-1]:
            self.changes.append(Change(time_ns, self._read_ns))
            self._changes_j.append(value_j)
        self.values.append(value_j)
        self._read_ns = time_ns

    @property
    def wants_more(self) -> bool:
        """Whether it changes, but its update period could not be seen."""
        return bool(self.changes) and update_period_s(self.changes) is None

    @property
    def rose_j(self) -> float:
        """How far it rose from the first reading to the last."""
        return self.values[-1] - self.values[0] if self.values else 0.0

    @property
    def power_w(self) -> float:
        """Mean power from the first to the last change; 0 if there are too few."""
        if len(self.changes) < LOOK_CHANGES:
            return 0.0
        since_s = (self.changes[-1].seen_ns - self.changes[0].seen_ns) * 1e-9
        return (self._changes_j[-1] - self._changes_j[0]) / since_s


class Powercap:
    """Reads every distinct RAPL domain from its open counter; see `open_powercap`."""

    period_s = 0.0005
    blocking = False

    def __init__(
        self,
        zones: Sequence[Zone],
        descriptors: Sequence[int],
        reader: str,
        periods_s: Mapping[str, float],
        close: Callable[[], None],
        clock: Clock = time.monotonic_ns,
        pread: Pread = os.pread,
        name: str = "powercap",
    ) -> None:
        self.name, self.reader = name, reader
        self._zones = list(zones)
        self._descriptors = list(descriptors)
        self._periods_s = dict(periods_s)
        self._close = close
        self._clock = clock
        self._pread = pread

    def channels(self) -> Sequence[Channel]:
        """package, core, uncore, dram and psys channels; packages and DRAM make the total."""
        return [_channel(zone) for zone in self._zones]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read each counter; values in joules, times taken right after each read."""
        clock, pread = self._clock, self._pread
        readings = []
        ended_ns = clock()
        for place, descriptor in enumerate(self._descriptors):
            # A read is retried if this thread was interrupted between value and time.
            for _ in range(READS):
                began_ns = ended_ns
                try:
                    value: float | SourceError = int(pread(descriptor, READ_BYTES, 0)) * 1e-6
                except (OSError, ValueError) as error:
                    value = _as_source_error(self._zones[place], error)
                ended_ns = clock()
                if not INTERRUPTED_NS < ended_ns - began_ns < SLOW_NS:
                    break
            readings.append(Reading(place, ended_ns, value, None, None, began_ns))
        return readings

    def calibrate(self) -> None:
        """Nothing more to learn after opening."""

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each counter, seconds."""
        return self._periods_s

    def facts(self) -> Mapping[str, object]:
        """The file and wrap value of each channel."""
        return {
            zone.channel: {"path": str(zone.directory), "range_j": zone.range_j}
            for zone in self._zones
        }

    def reset(self) -> None:
        """Nothing is remembered between reads."""

    def close(self) -> None:
        """Close the kept descriptors."""
        self._close()


def open_powercap(
    root: Path = Path("/"), clock: Clock = time.monotonic_ns, use_pyrapl: bool = True
) -> tuple[Powercap | None, list[Refusal]]:
    """Open every readable zone below `root`; returns the source or None, and the refusals."""
    zones, refused = find_zones(root)
    descriptors: dict[Path, int] = {}
    for zone in zones:
        try:
            descriptors[zone.directory] = os.open(zone.energy_path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            refused.append(unreadable(zone, error))

    def read_at(zone: Zone) -> float:
        return int(os.pread(descriptors[zone.directory], READ_BYTES, 0)) * 1e-6

    def close() -> None:
        for descriptor in descriptors.values():
            os.close(descriptor)

    readable = [zone for zone in zones if zone.directory in descriptors]
    kept, periods_s, refused = believe(readable, refused, read_at, clock)
    refused += unreadable_ranges(kept)
    if not kept:
        close()
        return None, refused
    reader = "pread"
    if use_pyrapl and root == Path("/") and pyrapl.is_plain(kept):
        opened, why_not = pyrapl.open_counters(kept, read_at)
        reader = f"pread (pyRAPL: {why_not})" if why_not else "pyRAPL"
        for zone in kept:
            if (descriptor := opened.get(zone.channel)) is not None:
                os.close(descriptors[zone.directory])
                descriptors[zone.directory] = descriptor
    counters = [descriptors[zone.directory] for zone in kept]
    return Powercap(kept, counters, reader, periods_s, close, clock), refused


def believe(
    zones: Sequence[Zone],
    refused: Sequence[Refusal],
    read_at: Callable[[Zone], float],
    clock: Clock,
) -> tuple[list[Zone], dict[str, float], list[Refusal]]:
    """Watch readable zones for a moment: those that count, each once, and their update periods.

    The refusals are those so far and the zones' own, without channels that another zone counts.
    """
    looks = _look(zones, read_at, clock)
    reasons = {zone: _disbelief(zone, looks) for zone in zones}
    believed = [zone for zone in zones if not reasons[zone]]
    kept = _each_once(believed, {zone: look.values for zone, look in looks.items()})
    changes_at = {zone.place: look.changes for zone, look in looks.items()}
    periods_s = {}
    for number, zone in enumerate(kept):
        changes = changes_at[zone.place]
        if period_s := update_period_s(changes):
            periods_s[zone.channel] = _nominal_s(period_s)
        elif len(changes) > BUSY_CHANGES:
            periods_s[zone.channel] = PERIOD_S
            kept[number] = replace(zone, assumed_period=True)
    there = {zone.channel for zone in believed}
    own = [refusal(zone, reason) for zone, reason in reasons.items() if reason]
    return kept, periods_s, [r for r in (*refused, *own) if r.source not in there]


def _look(
    zones: Sequence[Zone], read_at: Callable[[Zone], float], clock: Clock
) -> dict[Zone, CounterTrial]:
    """Read all zones in turn for a short time, and doubtful ones for longer.

    One that may rest, and has never counted, does not either in a longer look.
    """
    looks = {zone: CounterTrial() for zone in zones}
    _look_for(LOOK_S, looks, read_at, clock)
    moving = [zone for zone in zones if _always_moves(zone) or any(looks[zone].values)]
    doubtful = {zone: looks[zone] for zone in moving if _disbelief(zone, looks)}
    doubtful |= {zone: look for zone, look in looks.items() if look.wants_more}
    if doubtful:
        _look_for(LOOK_AGAIN_S, doubtful, read_at, clock)
    return looks


def _look_for(
    seconds: float,
    looks: Mapping[Zone, CounterTrial],
    read_at: Callable[[Zone], float],
    clock: Clock,
) -> None:
    end_ns = clock() + int(seconds * 1e9)
    enough = LOOK_CHANGES + max(len(look.changes) for look in looks.values()) if looks else 0
    while clock() < end_ns:
        for zone, look in looks.items():
            try:
                look.add(read_at(zone), clock())
            except OSError as error:
                look.failed = str(error.strerror)
            except ValueError as error:
                look.failed = f"not a number ({error})"
        seen = (len(look.changes) > enough and not look.wants_more for look in looks.values())
        if all(seen):
            break


def _disbelief(zone: Zone, looks: Mapping[Zone, CounterTrial]) -> str:
    """Why a zone's counter is rejected, compared with the others; empty if it is not."""
    look = looks[zone]
    counting = [z.channel for z, other in looks.items() if len(other.changes) >= LOOK_CHANGES]
    if look.power_w > zone.bound_w:
        return f"{zone.energy_path}: {too_much_text(look.power_w, zone.bound_w)}"
    if within := _outgrown_by(zone, looks):
        rose_j, inside_j = look.rose_j, looks[within].rose_j
        return (
            f"{zone.energy_path}: counter has the wrong unit: it rose by {rose_j:.2g} J while "
            f"{within.channel}, which it contains, rose by {inside_j:.2g} J"
        )
    if look.changes or not counting:
        return ""
    if not look.values:
        return f"{zone.energy_path}: {look.failed}"
    beside = f"while {counting[0]} counts"
    if not any(look.values):
        return f"{zone.energy_path} stays at 0 {beside}"
    return f"{zone.energy_path} is stuck {beside}" if _always_moves(zone) else ""


def _outgrown_by(zone: Zone, looks: Mapping[Zone, CounterTrial]) -> Zone | None:
    """The package that used far more in this time than the platform that contains it, if any."""
    if kind_of(zone.channel).name != "psys" or not looks[zone].changes:
        return None
    packages = [z for z in looks if kind_of(z.channel).name == "package"]
    most = max(packages, key=lambda each: looks[each].rose_j, default=None)
    if most is None or len(looks[most].changes) < LOOK_CHANGES:
        return None
    return most if 0 <= looks[zone].rose_j < LEAST_SHARE * looks[most].rose_j else None


def _each_once(zones: Sequence[Zone], values: Mapping[Zone, Sequence[float]]) -> list[Zone]:
    """Drop duplicates: an MMIO zone beside its MSR one, and a die or zone that mirrors another.

    A lone die is its package. Zones with one name and different counters are all kept, the later
    ones with their number in the name.
    """
    kept: list[Zone] = []
    for zone in zones:
        alike = [k for k in kept if kind_of(k.channel) is kind_of(zone.channel)]
        same = [k for k in alike if k.channel == zone.channel]
        dies = [k for k in alike if k.package == zone.package and None not in (k.die, zone.die)]
        if any(k.is_mmio != zone.is_mmio for k in same):
            continue
        if not any(mirrored(values[k], values[zone]) for k in (*same, *dies)):
            kept.append(zone)
    lone = Counter((kind_of(zone.channel), zone.package) for zone in kept)
    names: set[str] = set()
    found = []
    for zone in kept:
        name = zone.channel
        if zone.die is not None and lone[kind_of(zone.channel), zone.package] == 1:
            name = name.partition("_die")[0]
        if name in names:
            name += f"_zone{zone.directory.name.partition(':')[2].replace(':', '_')}"
        names.add(name)
        found.append(replace(zone, channel=name))
    return found


def _nominal_s(period_s: float) -> float:
    """A measured update period; RAPL's own where it is that to within the error of the reads."""
    return PERIOD_S if abs(period_s - PERIOD_S) <= CLOSE * PERIOD_S else period_s


def _channel(zone: Zone) -> Channel:
    kind = kind_of(zone.channel)
    remarks = [] if zone.range_j or zone.is_event else [OwnNote.NO_RANGE]
    remarks += [OwnNote.ASSUMED_PERIOD] if zone.assumed_period else []
    return Channel(
        zone.channel,
        "J",
        in_total=kind.in_total,
        range_j=zone.range_j,
        possible_ranges_j=() if zone.range_j or zone.is_event else possible_ranges_j(kind.name),
        bound_w=zone.bound_w,
        always_moves=_always_moves(zone),
        step_j=COARSEST_J,
        limit_w=zone.limit_w,
        remarks=tuple(remarks),
    )


def _always_moves(zone: Zone) -> bool:
    return not kind_of(zone.channel).may_rest


def _as_source_error(zone: Zone, error: OSError | ValueError) -> SourceError:
    if isinstance(error, ValueError):
        return Retry(f"{zone.energy_path}: not a number ({error})")
    text = f"{zone.energy_path}: {error.strerror}"
    return Gone(text) if error.errno in GONE else Retry(text)
