"""RAPL counters through perf: the second reader, for where powercap is missing or not permitted.

Units, processors and rights: arch/x86/events/rapl.c. A count starts at 0 when it is opened, and
the kernel extends it to 64 bits, so it does not wrap around.
"""

from __future__ import annotations

import errno
import math
import re
import time
from collections import Counter
from collections.abc import Container
from pathlib import Path

from recorders.channels import kind_of
from recorders.machine import file_text, in_virtual_machine, is_x86
from recorders.plausible import bound_w
from recorders.source import Refusal
from recorders.sources.perf_event import Events, KernelEvents
from recorders.sources.powercap import Clock, Powercap, believe
from recorders.sources.rapl_zones import Zone

PMUS = "sys/bus/event_source/devices"
DOMAINS = {
    "energy-pkg": "package",
    "energy-cores": "core",
    "energy-gpu": "uncore",
    "energy-ram": "dram",
    "energy-psys": "psys",
}
# The PMU of AMD processors that has a counter for each core.
EACH_CORE = "power_core"
_EVENT = re.compile(r"event=(0x[0-9a-f]{1,2})")


def open_perf(
    root: Path = Path("/"),
    events: Events | None = None,
    clock: Clock = time.monotonic_ns,
    only: Container[str] | None = None,
) -> tuple[Powercap | None, list[Refusal]]:
    """Open every RAPL event below `root`; returns the source or None, and the refusals.

    `only`: the channels to read, if not all.
    """
    events = events or KernelEvents()
    pmu = root / PMUS / "power"
    if not pmu.is_dir():
        is_hopeless = in_virtual_machine(root) or not is_x86(root)
        return None, [] if is_hopeless else [_no_pmu(pmu)]
    zones, refused = find_events(root)
    zones = [each for each in zones if only is None or each[0].channel in only]
    pmu_type = _whole(file_text(pmu / "type"))
    opened: dict[Zone, tuple[int, float]] = {}
    for zone, cpu, config, joules in zones:
        try:
            if pmu_type is None:
                raise OSError(errno.ENOENT, f"{pmu / 'type'} cannot be read")
            opened[zone] = events.open(pmu_type, config, cpu), joules
        except OSError as error:
            refused.append(_denied(root, zone, error))
            if error.errno in (errno.EACCES, errno.EPERM):
                break

    def read_at(zone: Zone) -> float:
        descriptor, joules = by_place[zone.place]
        return events.read(descriptor) * joules

    def close() -> None:
        for descriptor, _ in by_place.values():
            events.close(descriptor)

    by_place = {zone.place: each for zone, each in opened.items()}
    kept, periods_s, refused = believe(list(opened), refused, read_at, clock)
    if not kept:
        close()
        return None, refused
    counts = [by_place[zone.place] for zone in kept]
    joules_of = dict(counts)

    def read_uj(descriptor: int, size: int, offset: int) -> float:
        return events.read(descriptor) * joules_of[descriptor] * 1e6

    descriptors = list(joules_of)
    source = Powercap(kept, descriptors, "perf_event", periods_s, close, clock, read_uj, "perf")
    return source, refused


def find_events(root: Path) -> tuple[list[tuple[Zone, int, int, float]], list[Refusal]]:
    """The RAPL events below `root`, each with processor, configuration and joules per count.

    Events that are unknown, or whose unit is, are refused by name.
    """
    pmu = root / PMUS / "power"
    found: list[tuple[Zone, int, int, float]] = []
    refused: list[Refusal] = []
    cpus = cpu_list(file_text(pmu / "cpumask"))
    where = [(cpu, *_package_and_die(root, cpu)) for cpu in cpus]
    if not cpus:
        reason = f"{pmu / 'cpumask'} names no processor"
        refused.append(Refusal("perf", reason, part="package", kind="unread"))
    dies = {(package, die) for _, package, die in where}
    several = {package for package, n in Counter(p for p, _ in dies).items() if n > 1}
    for path in sorted((pmu / "events").glob("energy-*")):
        if path.suffix:
            continue
        name, domain = path.name, DOMAINS.get(path.name)
        config = _EVENT.fullmatch(file_text(path))
        joules = _positive(file_text(path.with_name(f"{name}.scale")))
        if domain is None or config is None:
            reason = f"unknown event {file_text(path)!r}"
            refused.append(Refusal(f"perf {name}", reason, kind="unread"))
        elif joules is None or file_text(path.with_name(f"{name}.unit")) != "Joules":
            reason = f"{path}: its unit is not known"
            refused.append(Refusal(f"perf {name}", reason, kind="unread"))
        else:
            for cpu, package, die in where:
                own_die = die if package in several else None
                channel = _channel(domain, package, own_die, where)
                zone = Zone(channel, package, own_die, path, None, bound_w(domain), is_event=True)
                found.append((zone, cpu, int(config[1], 16), joules))
    if (root / PMUS / EACH_CORE).is_dir():
        reason = "has a counter for each core: reading them all would wake idle cores"
        refused.append(Refusal(f"perf {EACH_CORE}", reason, kind="unread"))
    order = {domain: place for place, domain in enumerate(DOMAINS.values())}
    found.sort(key=lambda each: (each[0].package, order[kind_of(each[0].channel).name]))
    return found, refused


def _channel(domain: str, package: int, die: int | None, where: list[tuple[int, int, int]]) -> str:
    """The name that powercap would give."""
    if domain == "psys":
        return "psys" if package == min(p for _, p, _ in where) else f"psys{package}"
    return f"{domain}{package}" + (f"_die{die}" if die is not None else "")


def _denied(root: Path, zone: Zone, error: OSError) -> Refusal:
    """The refusal for an event that cannot be opened."""
    part = zone.channel if kind_of(zone.channel).in_total else ""
    if error.errno in (errno.EACCES, errno.EPERM):
        denied = not_permitted(root, error, "RAPL events need", 0)
        return Refusal("perf", *denied, part, kind="right")
    words = {errno.ENOENT: "the kernel does not know this event", errno.EINVAL: "is not accepted"}
    reason = words.get(error.errno or 0, error.strerror or str(error))
    return Refusal(
        f"perf {zone.channel}", f"{zone.energy_path}: {reason}", part=part, kind="unread"
    )


def not_permitted(root: Path, error: OSError, what: str, most: int) -> tuple[str, str]:
    """Why an event may not be opened, and the fix; `what` needs perf_event_paranoid at `most`."""
    if error.errno == errno.EACCES:
        level = file_text(root / "proc/sys/kernel/perf_event_paranoid") or f"above {most}"
        return (
            f"perf_event_paranoid is {level}: {what} {most}, or CAP_PERFMON",
            f"sudo sysctl kernel.perf_event_paranoid={most}   "
            "(or in a systemd service: AmbientCapabilities=CAP_PERFMON)",
        )
    return (
        "perf_event_open is not permitted: by a container's seccomp profile, or by SELinux",
        "start the container with --cap-add PERFMON "
        '(Kubernetes: securityContext: {capabilities: {add: ["PERFMON"]}})',
    )


def _no_pmu(pmu: Path) -> Refusal:
    reason = f"no RAPL events: {pmu} does not exist"
    return Refusal("perf", reason, "sudo modprobe rapl", kind="absent")


def _package_and_die(root: Path, cpu: int) -> tuple[int, int]:
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    package = _whole(file_text(topology / "physical_package_id"))
    return package or 0, _whole(file_text(topology / "die_id")) or 0


def cpu_list(text: str) -> list[int]:
    """Processors of a list such as 0,28 or 0-3; empty if it cannot be understood."""
    cpus: list[int] = []
    for part in text.split(","):
        ends = [_whole(end) for end in part.split("-")]
        if len(ends) > 2 or (first := ends[0]) is None or (last := ends[-1]) is None:
            return []
        if not first <= last < 1 << 16:
            return []
        cpus += range(first, last + 1)
    return sorted(set(cpus))


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
