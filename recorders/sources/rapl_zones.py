"""Finds RAPL zones in sysfs: what each one counts, and why others cannot be read."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorders.channels import column_order, kind_of
from recorders.machine import container, file_text, in_virtual_machine, is_x86
from recorders.plausible import bound_w
from recorders.source import Refusal, RefusalKind

_PACKAGE = re.compile(r"package-(\d+)(?:-die-(\d+))?")


RANGE = "max_energy_range_uj"
GONE = (errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.EBADF)


GROUP_REMEDY = (
    "sudo groupadd -f rapl && sudo usermod -aG rapl $USER && "
    'echo \'SUBSYSTEM=="powercap", ACTION=="add|change", '
    'RUN+="/bin/sh -c \\"cd /sys%p; chgrp rapl energy_uj max_energy_range_uj; '
    'chmod 0440 energy_uj max_energy_range_uj\\""\' '
    "| sudo tee /etc/udev/rules.d/60-rapl.rules && sudo udevadm control --reload && "
    "sudo udevadm trigger --subsystem-match=powercap   (then log in again)"
)


# Energy units of RAPL in nJ as the kernel rounds them (drivers/powercap/intel_rapl_common.c:
# rapl_check_unit_core, rapl_check_unit_atom, dram_domain_energy_unit): 2^-16 J or coarser, on some
# Atoms 16 µJ or coarser. A counter is a register of 32 bits in one of them (ENERGY_STATUS_MASK).
UNITS_NJ = (
    *(10**9 >> shift for shift in range(10, 17)),
    *(1000 << shift for shift in range(4, 10)),
)
DRAM_UNIT_NJ, REGISTER = 15_300, 2**32 - 1


def possible_ranges_j(domain: str) -> tuple[float, ...]:
    """The ranges that a zone of a domain can have, ascending, where its own cannot be read."""
    units_nj = [*UNITS_NJ, DRAM_UNIT_NJ] if domain == "dram" else UNITS_NJ
    return tuple(REGISTER * unit_nj // 1000 * 1e-6 for unit_nj in sorted(units_nj))


@dataclass(frozen=True, slots=True)
class Zone:
    """One RAPL counter: the run-file channel it feeds and where it is read.

    It is a directory of powercap or, if it `is_event`, an event of perf, which does not wrap.
    """

    channel: str
    package: int
    die: int | None
    directory: Path
    range_j: float | None
    bound_w: float
    assumed_period: bool = False
    is_event: bool = False
    limit_w: float | None = None

    @property
    def place(self) -> tuple[Path, int, int | None]:
        """What tells it from any other, whatever its channel is called."""
        return self.directory, self.package, self.die

    @property
    def is_mmio(self) -> bool:
        """Whether it is read by MMIO, a duplicate of the zone read by MSR."""
        return "mmio" in self.directory.name

    @property
    def energy_path(self) -> Path:
        """The counter's file, in microjoules; that of an event describes it."""
        return self.directory if self.is_event else self.directory / "energy_uj"


def find_zones(root: Path) -> tuple[list[Zone], list[Refusal]]:
    """Every RAPL zone below `root`, in the order of the run file's columns.

    Zones with the same name share a channel here; `_each_once` tells if they are one counter.
    """
    base = root / "sys/class/powercap"
    entries = sorted(base.glob("intel-rapl*:*"))
    directories = [path for path in entries if (path / "name").exists()]
    if not directories:
        return [], [_masked(root, entries[0]) if entries else _no_rapl(root)]
    refused: list[Refusal] = []
    parents: dict[str, tuple[int, int | None]] = {}
    zones: list[Zone] = []
    sub_zones = []
    for path in directories:
        name = file_text(path / "name")
        if match := _PACKAGE.fullmatch(name):
            parents[path.name] = (int(match[1]), int(match[2]) if match[2] else None)
            zones.append(_zone(path, "package", *parents[path.name]))
        elif name.startswith("psys"):
            number = sum(1 for zone in zones if kind_of(zone.channel).name == "psys")
            zones.append(_zone(path, f"psys{number or ''}", -1, None))
        else:
            sub_zones.append((path, name))
    for path, name in sub_zones:
        parent = parents.get(path.name.rpartition(":")[0])
        if parent is None or name not in ("core", "uncore", "dram"):
            refused.append(
                Refusal(f"powercap {path.name}", f"unknown zone name {name!r}", kind="unread")
            )
        else:
            zones.append(_zone(path, name, *parent))
    zones.sort(key=lambda z: (column_order(z.channel), z.channel, z.is_mmio, z.directory))
    return zones, refused


def parts_there(root: Path) -> dict[Path, str]:
    """The zones that belong in the total, and their channels, to detect zones that appear later."""
    zones, _ = find_zones(root)
    return {zone.directory: zone.channel for zone in zones if _part(zone.channel)}


def _zone(path: Path, domain: str, package: int, die: int | None) -> Zone:
    channel = domain if package < 0 else f"{domain}{package}"
    if die is not None:
        channel += f"_die{die}"
    range_uj = _number(path / RANGE)
    most_uw, limit_uw = (
        _number(path / f"constraint_0_{n}_uw") for n in ("max_power", "power_limit")
    )
    range_j = range_uj * 1e-6 if range_uj else None
    most_w = most_uw * 1e-6 if most_uw else None
    limit_w = limit_uw * 1e-6 if limit_uw else None
    return Zone(channel, package, die, path, range_j, bound_w(domain, most_w), limit_w=limit_w)


def unreadable(zone: Zone, error: OSError) -> Refusal:
    """The refusal for a zone that cannot be read."""
    if isinstance(error, PermissionError):
        reason = f"{zone.energy_path} is readable by root only (kernel default since CVE-2020-8694)"
        return refusal(zone, reason, GROUP_REMEDY, "right")
    return refusal(zone, f"{zone.energy_path}: {error.strerror}")


def unreadable_ranges(zones: Sequence[Zone]) -> list[Refusal]:
    """The refusal for zones whose counters are read, but not where they wrap around."""
    found = [zone for zone in zones if zone.range_j is None and not zone.is_event]
    if not found:
        return []
    paths = [zone.directory / RANGE for zone in found]
    forbidden = any(path.exists() and not os.access(path, os.R_OK) for path in paths)
    names = ", ".join(zone.channel for zone in found)
    reason = (
        f"{RANGE} of {names} {'is readable by root only' if forbidden else 'cannot be read'}: "
        "joules may be missing where a counter wraps around"
    )
    if forbidden:
        return [Refusal("powercap", reason, GROUP_REMEDY, warns=True, kind="right")]
    return [Refusal("powercap", reason, warns=True, kind="unread")]


def refusal(zone: Zone, reason: str, remedy: str = "", kind: RefusalKind = "unread") -> Refusal:
    """A refusal for a zone, with the part missing from the sum."""
    return Refusal(zone.channel, reason, remedy, _part(zone.channel), kind=kind)


def _part(channel: str) -> str:
    """The part of the machine that a sum lacks without this channel, if any."""
    return channel if kind_of(channel).in_total else ""


# Masks are applied after mounts, so a mount at the masked path itself does not help.
_UNMASK = {
    "docker": "start it with --security-opt systempaths=unconfined",
    "podman": "start it with --security-opt unmask=/sys/devices/virtual/powercap",
    "kubernetes": "in the container of the pod: securityContext: {privileged: true}",
    "": "start it with --security-opt systempaths=unconfined (Docker) or "
    "--security-opt unmask=/sys/devices/virtual/powercap (podman)",
}


def _masked(root: Path, entry: Path) -> Refusal:
    reason = f"{entry} is a broken link: this container hides the machine's RAPL zones"
    kind = container(root)
    return Refusal("powercap", reason, _UNMASK.get(kind, _UNMASK[""]), "package", kind="right")


def _no_rapl(root: Path) -> Refusal:
    """The refusal where there is not even a link to a zone."""
    where = f"no RAPL zones under {root / 'sys/class/powercap'}"
    kernel = file_text(root / "proc/sys/kernel/osrelease").lower()
    kind = container(root)
    if not is_x86(root):
        return Refusal("powercap", "no RAPL: only Intel and AMD processors have it", kind="absent")
    if "microsoft" in kernel:
        reason = "no RAPL zones: WSL runs in a virtual machine, and Windows does not expose them"
        return Refusal("powercap", reason, "record under Linux itself", kind="absent")
    if in_virtual_machine(root):
        reason = "no RAPL zones: this is a virtual machine and its host does not expose them"
        remedy = "record on the host or on a physical machine"
        return Refusal("powercap", reason, remedy, kind="absent")
    if kind == "lxc":
        reason = "no RAPL zones in this LXC container"
        line = "lxc.mount.entry = /sys/devices/virtual/powercap sys/devices/virtual/powercap"
        remedy = f"add to its configuration: {line} none bind,ro 0 0"
        return Refusal("powercap", reason, remedy, kind="right")
    if kind:
        reason = f"no RAPL zones in this container ({kind})"
        remedy = "on the host: sudo modprobe intel_rapl_msr   (kernel 5.11 or newer on AMD)"
        return Refusal("powercap", reason, remedy, kind="absent")
    remedy = "sudo modprobe intel_rapl_msr   (kernel 5.11 or newer on AMD)"
    return Refusal("powercap", where, remedy, kind="absent")


def _number(path: Path) -> float | None:
    try:
        return float(file_text(path))
    except ValueError:
        return None
