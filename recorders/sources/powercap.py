"""RAPL counters of Intel and AMD processors, from the kernel's powercap tree.

Zones are found by name, not by index: psys may be zone 0, ids may be sparse, DRAM may exist on
one socket only. Kernel interface: Documentation/power/powercap/powercap.rst.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from recorders.counter import mirrored, update_period_s
from recorders.source import Channel, Gone, Reading, Refusal, Retry, SourceError
from recorders.sources import pyrapl

LOOK_S = 0.015
LOOK_CHANGES = 6
# No package is believed to draw more than this on average, nor twice what its own limit says.
BOUND_W = 1000.0

# Domains that make the total; core and uncore are inside a package, psys contains it.
COUNTED = ("package", "dram")

RawReader = Callable[[], float]
Clock = Callable[[], int]

_PACKAGE = re.compile(r"package-(\d+)(?:-die-(\d+))?")
_GONE = (errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.EBADF)

GROUP_REMEDY = (
    "sudo groupadd -f rapl && sudo usermod -aG rapl $USER && "
    'echo \'SUBSYSTEM=="powercap", ACTION=="add|change", '
    'RUN+="/bin/sh -c \\"chgrp rapl /sys%p/energy_uj; chmod 0440 /sys%p/energy_uj\\""\' '
    "| sudo tee /etc/udev/rules.d/60-rapl.rules && sudo udevadm control --reload && "
    "sudo udevadm trigger --subsystem-match=powercap   (then log in again)"
)


@dataclass(frozen=True, slots=True)
class Zone:
    """One powercap zone: the run-file channel it feeds and where it is read."""

    channel: str
    package: int
    die: int | None
    directory: Path
    range_j: float | None
    bound_w: float

    @property
    def energy_path(self) -> Path:
        """The counter's file, in microjoules."""
        return self.directory / "energy_uj"


class Powercap:
    """Reads every distinct RAPL domain; see `open_powercap`."""

    name = "powercap"
    period_s = 0.0005
    blocking = False

    def __init__(
        self,
        zones: Sequence[Zone],
        readers: Sequence[RawReader],
        reader: str,
        periods_s: Mapping[str, float],
        close: Callable[[], None],
        clock: Clock = time.monotonic_ns,
    ) -> None:
        self.reader = reader
        self._zones = list(zones)
        self._readers = list(readers)
        self._periods_s = dict(periods_s)
        self._close = close
        self._clock = clock

    def channels(self) -> Sequence[Channel]:
        """package, core, uncore, dram and psys channels; packages and DRAM make the total."""
        return [_channel(zone) for zone in self._zones]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read each counter; values in joules, times taken right after each read."""
        clock = self._clock
        readings = []
        for index, read in enumerate(self._readers):
            value: float | SourceError
            try:
                value = read()
            except OSError as error:
                value = _as_source_error(self._zones[index], error)
            except ValueError as error:
                value = Retry(f"{self._zones[index].energy_path}: not a number ({error})")
            readings.append(Reading(index, clock(), value))
        return readings

    def calibrate(self) -> bool:
        """Everything was learnt when the source was opened."""
        return True

    def update_periods_s(self) -> Mapping[str, float]:
        """Update period of each counter, seconds."""
        return self._periods_s

    def facts(self) -> Mapping[str, object]:
        """Where each channel is read and where it wraps."""
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
    """Open every readable zone below `root`; returns the source, or None, and what was refused."""
    zones, refused = find_zones(root)
    descriptors: dict[Path, int] = {}
    readable = []
    for zone in zones:
        try:
            descriptors[zone.directory] = os.open(zone.energy_path, os.O_RDONLY | os.O_CLOEXEC)
            readable.append(zone)
        except PermissionError:
            refused.append(
                Refusal(
                    zone.channel,
                    f"{zone.energy_path} is for root only (kernel default since CVE-2020-8694)",
                    GROUP_REMEDY,
                    _part(zone.channel),
                )
            )
        except OSError as error:
            reason = f"{zone.energy_path}: {error.strerror}"
            refused.append(Refusal(zone.channel, reason, part=_part(zone.channel)))

    def read_at(zone: Zone) -> float:
        return int(os.pread(descriptors[zone.directory], 32, 0)) * 1e-6

    def close() -> None:
        for descriptor in descriptors.values():
            os.close(descriptor)

    if not readable:
        return None, refused
    looks = _look(readable, read_at, clock)
    kept = _without_mirrors(readable, {zone: values for zone, (values, _) in looks.items()})
    periods_s = {
        zone.channel: period
        for zone in kept
        if (period := update_period_s(looks[_original(zone, readable)][1])) is not None
    }
    readers: list[RawReader] = [partial(read_at, zone) for zone in kept]
    reader = "pread"
    if use_pyrapl and root == Path("/") and pyrapl.is_plain(kept):
        api, why_not = pyrapl.open_readers(kept, read_at)
        if api:
            readers = [api.get(zone.channel, own) for zone, own in zip(kept, readers, strict=True)]
            reader = "pyRAPL"
        else:
            reader = f"pread (pyRAPL: {why_not})"
    return Powercap(kept, readers, reader, periods_s, close, clock), refused


def find_zones(root: Path) -> tuple[list[Zone], list[Refusal]]:
    """Every RAPL domain below `root`, each once, in the order of the run file's columns."""
    base = root / "sys/class/powercap"
    directories = sorted(path for path in base.glob("intel-rapl*:*") if (path / "name").exists())
    if not directories:
        return [], [_no_rapl(root)]
    refused: list[Refusal] = []
    parents: dict[str, tuple[int, int | None]] = {}
    found: dict[str, Zone] = {}
    sub_zones = []
    for path in directories:
        name = _text(path / "name")
        if match := _PACKAGE.fullmatch(name):
            die = match[2] and int(match[2])
            parents[path.name] = (int(match[1]), None if die is None else int(die))
            _add(found, _zone(path, "package", *parents[path.name]))
        elif name.startswith("psys"):
            number = sum(1 for zone in found.values() if zone.channel.startswith("psys"))
            _add(found, _zone(path, f"psys{number or ''}", -1, None))
        else:
            sub_zones.append((path, name))
    for path, name in sub_zones:
        parent = parents.get(path.name.rpartition(":")[0])
        if parent is None or name not in ("core", "uncore", "dram"):
            refused.append(Refusal(f"powercap {path.name}", f"zone name {name!r} is not known"))
        else:
            _add(found, _zone(path, name, *parent))
    order = ("package", "core", "uncore", "dram", "psys")
    rank = {domain: place for place, domain in enumerate(order)}
    zones = sorted(
        found.values(), key=lambda z: (rank[_domain(z.channel)], z.package, z.die or 0, z.channel)
    )
    return zones, refused


def _add(found: dict[str, Zone], zone: Zone) -> None:
    """Keep the first of two zones of one name: `intel-rapl:` sorts after `intel-rapl-mmio:`."""
    if zone.channel not in found or "mmio" in found[zone.channel].directory.name:
        found[zone.channel] = zone


def _zone(path: Path, domain: str, package: int, die: int | None) -> Zone:
    channel = domain if package < 0 else f"{domain}{package}"
    if die is not None:
        channel += f"_die{die}"
    range_uj = _number(path / "max_energy_range_uj")
    limit_uw = _number(path / "constraint_0_max_power_uw") or 0.0
    range_j = range_uj * 1e-6 if range_uj else None
    return Zone(channel, package, die, path, range_j, max(BOUND_W, 2 * limit_uw * 1e-6))


def _look(
    zones: Sequence[Zone], read_at: Callable[[Zone], float], clock: Clock
) -> dict[Zone, tuple[list[float], list[int]]]:
    """Read all zones in turn for a moment: every value, and when each counter changed."""
    looks: dict[Zone, tuple[list[float], list[int]]] = {zone: ([], []) for zone in zones}
    end_ns = clock() + int(LOOK_S * 1e9)
    while clock() < end_ns:
        for zone, (values, changes_ns) in looks.items():
            try:
                value = read_at(zone)
            except (OSError, ValueError):
                continue
            if values and value != values[-1]:
                changes_ns.append(clock())
            values.append(value)
        if all(len(changes_ns) > LOOK_CHANGES for _, changes_ns in looks.values()):
            break
    return looks


def _without_mirrors(zones: Sequence[Zone], values: Mapping[Zone, Sequence[float]]) -> list[Zone]:
    """Drop the dies that show another die's counter; a lone die is its package."""
    kept: list[Zone] = []
    for zone in zones:
        twins = (k for k in kept if _domain(k.channel) == _domain(zone.channel))
        siblings = [k for k in twins if k.package == zone.package and k.die is not None]
        if zone.die is None or not any(mirrored(values[k], values[zone]) for k in siblings):
            kept.append(zone)
    dies = [(_domain(zone.channel), zone.package) for zone in kept]
    return [
        replace(zone, channel=zone.channel.partition("_die")[0])
        if zone.die is not None and dies.count((_domain(zone.channel), zone.package)) == 1
        else zone
        for zone in kept
    ]


def _original(zone: Zone, zones: Sequence[Zone]) -> Zone:
    return next(other for other in zones if other.directory == zone.directory)


def _channel(zone: Zone) -> Channel:
    domain = _domain(zone.channel)
    return Channel(
        zone.channel,
        "J",
        in_total=domain in COUNTED,
        range_j=zone.range_j,
        bound_w=zone.bound_w,
        always_moves=domain in ("package", "dram", "psys"),
    )


def _part(channel: str) -> str:
    """The part of the machine that a sum lacks without this channel."""
    return channel if _domain(channel) in COUNTED else ""


def _domain(channel: str) -> str:
    return channel.partition("_die")[0].rstrip("0123456789")


def _as_source_error(zone: Zone, error: OSError) -> SourceError:
    text = f"{zone.energy_path}: {error.strerror}"
    return Gone(text) if error.errno in _GONE else Retry(text)


def _no_rapl(root: Path) -> Refusal:
    if "hypervisor" in _text(root / "proc/cpuinfo"):
        return Refusal(
            "powercap",
            "no RAPL zones: this is a virtual machine and its host does not pass them on",
            "record on the host, or on a machine of your own",
        )
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return Refusal(
            "powercap",
            "no RAPL zones in this container",
            "start it with -v /sys/devices/virtual/powercap:/sys/devices/virtual/powercap:ro",
        )
    return Refusal(
        "powercap",
        f"no RAPL zones under {root / 'sys/class/powercap'}",
        "sudo modprobe intel_rapl_msr   (kernel 5.11 or newer on AMD)",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None
