"""The powercap tree of a topology, with the kernel's layout.

`devices/` is shown at /sys/devices/virtual/powercap and `class/` at /sys/class/powercap.
"""

from __future__ import annotations

import stat
from collections.abc import Callable

from testbench.fuseproto import Inode, Span
from testbench.zones import BenchZone, Topology, energy_text

DEVICES = "../../devices/virtual/powercap"


def directory(children: dict[str, Inode], gone: tuple[Span, ...] = ()) -> Inode:
    """A directory everybody may list."""
    return Inode(stat.S_IFDIR | 0o755, children=children, gone=gone)


def link(target: str, gone: tuple[Span, ...] = ()) -> Inode:
    """A symbolic link."""
    return Inode(stat.S_IFLNK | 0o777, target=target, gone=gone)


def fixed(text: str, mode: int = 0o444, gone: tuple[Span, ...] = ()) -> Inode:
    """A file that always shows the same text."""
    return Inode(stat.S_IFREG | mode, show=lambda t_s: text, gone=gone)


def tree(topology: Topology) -> Inode:
    """The two halves of the file system: class/ and devices/."""
    controls = list(dict.fromkeys(zone.control for zone in topology.zones))
    devices = {name: _control(name, topology.zones) for name in controls}
    links = {name: link(f"{DEVICES}/{name}") for name in controls}
    for zone in topology.zones:
        links[zone.directory] = link(
            f"{DEVICES}/{zone.control}/{_below_control(zone)}", _gone(zone, topology.zones)
        )
    shown = {} if topology.masked else devices
    return directory({"class": directory(links), "devices": directory(shown)})


def _control(name: str, zones: tuple[BenchZone, ...]) -> Inode:
    children = {
        "enabled": fixed("1\n", 0o644),
        "uevent": fixed("", 0o644),
        "subsystem": link("../../../../class/powercap"),
    }
    top = [z for z in zones if z.control == name and ":" not in z.path]
    children |= {zone.directory: _zone(zone, zones) for zone in top}
    return directory(children)


def _zone(zone: BenchZone, zones: tuple[BenchZone, ...]) -> Inode:
    gone = _gone(zone, zones)
    depth = zone.path.count(":")
    children = {name: fixed(text, mode, gone) for name, text, mode in _plain_files(zone)}
    children["energy_uj"] = _energy(zone, gone)
    children["device"] = link(f"../../{_parent(zone)}", gone)
    children["subsystem"] = link("../" * (5 + depth) + "class/powercap", gone)
    prefix = f"{zone.path}:"
    subzones = [z for z in zones if z.control == zone.control and z.path.startswith(prefix)]
    children |= {z.directory: _zone(z, zones) for z in subzones if ":" not in z.path[len(prefix) :]}
    return directory(children, gone)


def _plain_files(zone: BenchZone) -> list[tuple[str, str, int]]:
    """Name, text and mode of the files that never change."""
    files = [
        ("name", f"{zone.name}\n", 0o444),
        ("max_energy_range_uj", f"{zone.counter.max_energy_range_uj}\n", zone.range_mode),
        ("enabled", f"{int(':' not in zone.path)}\n", 0o644),
        ("uevent", "", 0o644),
    ]
    if zone.power_limit_uw is not None:
        files += [
            ("constraint_0_name", "long_term\n", 0o444),
            ("constraint_0_power_limit_uw", f"{zone.power_limit_uw}\n", 0o644),
            ("constraint_0_max_power_uw", f"{zone.max_power_uw}\n", 0o444),
            ("constraint_0_time_window_us", "27983872\n", 0o644),
        ]
    return files


def _energy(zone: BenchZone, gone: tuple[Span, ...]) -> Inode:
    return Inode(
        stat.S_IFREG | zone.mode,
        show=lambda t_s: energy_text(zone, t_s),
        uid=zone.uid,
        gid=zone.gid,
        gone=gone,
        delay_s=_delay(zone),
    )


def _delay(zone: BenchZone) -> Callable[[float], float] | None:
    if not any(fault.kind == "slow" for fault in zone.faults):
        return None

    def delay_s(t_s: float) -> float:
        slow = zone.fault("slow", t_s)
        return slow.delay_s if slow else 0.0

    return delay_s


def _gone(zone: BenchZone, zones: tuple[BenchZone, ...]) -> tuple[Span, ...]:
    """When the zone or one that contains it is missing."""
    holders = [
        z for z in zones if z.control == zone.control and f"{zone.path}:".startswith(f"{z.path}:")
    ]
    faults = [f for holder in holders for f in holder.faults if f.kind == "gone"]
    return tuple((f.start_s, f.end_s) for f in faults)


def _parent(zone: BenchZone) -> str:
    head, _, _ = zone.path.rpartition(":")
    return f"{zone.control}:{head}" if head else zone.control


def _below_control(zone: BenchZone) -> str:
    ids = zone.path.split(":")
    return "/".join(f"{zone.control}:{':'.join(ids[: n + 1])}" for n in range(len(ids)))
