"""The names of hardware and software counters, and the events that they are on this machine.

A name is resolved in this order: software events and the events that the kernel defines for every
processor (include/uapi/linux/perf_event.h); the table `SPECIAL`, of what counts the same thing on
some processors only; the events that the kernel names for this processor
(/sys/bus/event_source/devices/*/events).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recorders.channels import counter_name
from recorders.machine import file_text
from recorders.sources.perf import PMUS, cpu_list
from recorders.sources.perf_event import PmuEvent

# PERF_TYPE_HARDWARE, _SOFTWARE and _HW_CACHE.
_HARDWARE, _SOFTWARE, _CACHE = 0, 1, 3
# On a processor with several kinds of cores, the upper half of the configuration names the PMU.
_PMU_SHIFT = 32
SOFTWARE = {
    "task_clock": (1, "nanoseconds that a processor worked for the command"),
    "page_faults": (2, "page faults"),
    "context_switches": (3, "context switches"),
    "cpu_migrations": (4, "moves of a thread to another processor"),
    "minor_faults": (5, "page faults without reading from a disk"),
    "major_faults": (6, "page faults that read from a disk"),
}
# On a whole machine, the kernel counts idle time as task_clock too.
OF_COMMAND = frozenset({"task_clock"})
# They happen in the kernel, so that nothing is left of them without its part.
IN_KERNEL = frozenset({"context_switches", "cpu_migrations"})
HARDWARE = {
    "cycles": (0, "cycles in which a core was not halted"),
    "instructions": (1, "instructions retired"),
    "cache_references": (2, "cache accesses, of the cache that the kernel chose"),
    "cache_misses": (3, "cache misses, of the cache that the kernel chose"),
    "branches": (4, "branches retired"),
    "branch_misses": (5, "branches predicted wrongly"),
    "bus_cycles": (6, "bus cycles"),
    "stalled_cycles_frontend": (7, "cycles without instructions to issue"),
    "stalled_cycles_backend": (8, "cycles waiting for resources"),
    "ref_cycles": (9, "cycles at a constant clock"),
}
# Cache, and whether it is a write and a miss.
CACHES = {
    "l1d_loads": (0, 0, 0, "loads from the first-level data cache"),
    "l1d_load_misses": (0, 0, 1, "loads that missed the first-level data cache"),
    "llc_loads": (2, 0, 0, "loads from the last-level cache"),
    "llc_load_misses": (2, 0, 1, "loads that missed the last-level cache"),
    "llc_stores": (2, 1, 0, "stores to the last-level cache"),
    "llc_store_misses": (2, 1, 1, "stores that missed the last-level cache"),
    "dtlb_load_misses": (3, 0, 1, "loads that missed the data TLB"),
    "itlb_load_misses": (4, 0, 1, "fetches that missed the instruction TLB"),
}
INTEL, AMD, ARM = "Intel", "AMD", "Arm"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_BITS = re.compile(r"(config[12]?):(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)")


@dataclass(frozen=True, slots=True)
class SpecialEvent:
    """An event of some processors: vendor, family (0: any) and models (none: all).

    `generic` is an event that the kernel defines, else `terms` are of its `pmu` (empty: the cores).
    """

    vendor: str
    family: int = 0
    models: frozenset[int] = frozenset()
    pmu: str = ""
    terms: str = ""
    generic: tuple[int, int] | None = None


def _models(text: str) -> frozenset[int]:
    return frozenset(int(word, 16) for word in text.split())


_AVX2 = _models("3d 47 4f 56 4e 5e 8e 9e a5 a6")
_AVX512 = _models("55 7d 7e 6a 6c 8c 8d a7 8f cf")
_ZEN3 = frozenset({*range(0x10), *range(0x20, 0x30), *range(0x40, 0x60)})
_ZEN5 = frozenset({*range(0x30), *range(0x40, 0x50), *range(0x60, 0x80)})
_LL_READ_MISS = 2 | 1 << 16
# Linux, tools/perf/pmu-events/arch: models from x86/mapfile.csv; events from floating-point.json of
# broadwell, skylake, skylakex, icelake, sapphirerapids … (FP_ARITH_INST_RETIRED, packed) and of
# amdzen1 to amdzen5 (fp_ret_sse_avx_ops.all); cache.json of amdzen1 to amdzen5 (unit L3PMC);
# arm64/armv8-common-and-microarch.json (ASE_SPEC). Last-level misses of Intel are an architectural
# event, which is the kernel's cache_misses there (arch/x86/events/intel/core.c).
SPECIAL: Mapping[str, tuple[str, tuple[SpecialEvent, ...]]] = {
    "llc_misses": (
        "misses of the last-level cache",
        (
            SpecialEvent(INTEL, 6, generic=(_HARDWARE, 3)),
            SpecialEvent(AMD, 0x17, pmu="amd_l3", terms="event=0x06,umask=0x01"),
            SpecialEvent(AMD, 0x19, pmu="amd_l3", terms="event=0x04,umask=0x01"),
            SpecialEvent(AMD, 0x1A, _ZEN5, "amd_l3", "event=0x04,umask=0x01"),
            SpecialEvent(ARM, generic=(_CACHE, _LL_READ_MISS)),
        ),
    ),
    "simd_fp": (
        "packed floating-point instructions retired; a fused multiply-add counts twice",
        (
            SpecialEvent(INTEL, 6, _AVX2, terms="event=0xc7,umask=0x3c"),
            SpecialEvent(INTEL, 6, _AVX512, terms="event=0xc7,umask=0xfc"),
        ),
    ),
    "simd_flops": (
        "floating-point operations of SSE and AVX instructions",
        (
            SpecialEvent(AMD, 0x17, terms="event=0x03,umask=0xff"),
            SpecialEvent(AMD, 0x19, _ZEN3, terms="event=0x03,umask=0xff"),
            SpecialEvent(AMD, 0x19, terms="event=0x03,umask=0x1f"),
            SpecialEvent(AMD, 0x1A, _ZEN5, terms="event=0x03,umask=0x0f"),
        ),
    ),
    "simd_ops": (
        "Advanced SIMD operations, also speculative ones",
        (SpecialEvent(ARM, terms="event=0x74"),),
    ),
}


@dataclass(frozen=True, slots=True)
class CpuKind:
    """A processor's vendor, family and model, as far as known."""

    vendor: str
    family: int
    model: int

    def has(self, event: SpecialEvent) -> bool:
        """Whether this processor has an event."""
        return (
            event.vendor == self.vendor
            and event.family in (0, self.family)
            and (not event.models or self.model in event.models)
        )


@dataclass(frozen=True, slots=True)
class Pmu:
    """A unit that counts: its type, its folder, and its processors (None: all)."""

    name: str
    type: int
    path: Path
    cpus: tuple[int, ...] | None
    is_core: bool = True


@dataclass(frozen=True, slots=True)
class CounterEvent:
    """The meaning of a name here: an event for each of the PMUs that count it.

    `source` says where it comes from. Not `per_thread`: the unit belongs to several cores, so that
    it cannot count a command. `of_command`: only a command's count means something.
    """

    name: str
    about: str
    source: str
    events: tuple[tuple[PmuEvent, tuple[int, ...] | None], ...]
    per_thread: bool = True
    of_command: bool = False
    in_kernel: bool = False


class CounterNameError(ValueError):
    """This machine has no such counter; the text says why."""


class CounterNames:
    """The counters of the machine whose files are below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.cpu = cpu_kind(file_text(root / "proc/cpuinfo"))
        self.cores = core_pmus(root)

    def unknown(self, name: str) -> str | None:
        """Why no machine has a counter of this name, with near names; None if one may have it."""
        known = self._known()
        if name in known:
            return None
        near = difflib.get_close_matches(name, known, 3, 0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `wattui --counters list`"
        return f"it is not a counter: {hint}"

    def here(self) -> list[CounterEvent]:
        """Every counter that this machine may have."""
        found = []
        for name in self._known():
            try:
                found.append(self.event(name))
            except CounterNameError:
                continue
        return found

    def event(self, name: str) -> CounterEvent:
        """The events that a name counts here. Raises CounterNameError."""
        if why := self.unknown(name):
            raise CounterNameError(why)
        if name in SOFTWARE:
            config, about = SOFTWARE[name]
            events = ((PmuEvent(_SOFTWARE, config), None),)
            of_command, in_kernel = name in OF_COMMAND, name in IN_KERNEL
            return CounterEvent(name, about, "software", events, True, of_command, in_kernel)
        if not self.cores:
            raise CounterNameError(
                "no hardware counters here, as in most virtual machines; "
                f"{', '.join(SOFTWARE)} work"
            )
        if name in HARDWARE:
            config, about = HARDWARE[name]
            return self._generic(name, about, _HARDWARE, config)
        if name in CACHES:
            level, write, miss, about = CACHES[name]
            return self._generic(name, about, _CACHE, level | write << 8 | miss << 16)
        if name in SPECIAL:
            return self._special(name)
        return self._named(name)

    def _generic(self, name: str, about: str, pmu: int, config: int) -> CounterEvent:
        """An event that the kernel defines, on the cores of each kind."""
        if len(self.cores) == 1:
            events = ((PmuEvent(pmu, config), self.cores[0].cpus),)
            return CounterEvent(name, about, "generic", events)
        parts = ((PmuEvent(pmu, config | c.type << _PMU_SHIFT), c.cpus) for c in self.cores)
        return CounterEvent(name, about, "generic", tuple(parts))

    def _special(self, name: str) -> CounterEvent:
        about, choices = SPECIAL[name]
        event = next((each for each in choices if self.cpu.has(each)), None)
        if event is None:
            simd = [n for n, (_, es) in SPECIAL.items() if any(map(self.cpu.has, es))]
            others = [n for n in simd if n[:4] == name[:4]]
            hint = f"; {', '.join(others)} works" if others else ""
            raise CounterNameError(f"its event is not known for this processor{hint}")
        if event.generic:
            return self._generic(name, about, *event.generic)
        pmus = self.cores
        if event.pmu:
            pmus = [pmu for pmu in [_pmu(self._root, event.pmu, "cpumask", False)] if pmu]
        if not pmus:
            raise CounterNameError(f"the kernel has no PMU {event.pmu}")
        parts = tuple((encoded(pmu, event.terms), pmu.cpus) for pmu in pmus)
        source = " ".join([*(pmu.name for pmu in pmus), event.terms])
        return CounterEvent(name, about, source, parts, per_thread=not event.pmu)

    def _named(self, name: str) -> CounterEvent:
        """An event that the kernel names for this processor; every kind of core must have it."""
        terms = [(pmu, _sysfs_events(pmu.path).get(name)) for pmu in self.cores]
        if lacking := [pmu.name for pmu, text in terms if text is None]:
            raise CounterNameError(f"{', '.join(lacking)} has no such event")
        parts = tuple((encoded(pmu, text or ""), pmu.cpus) for pmu, text in terms)
        source = f"{terms[0][0].name} {terms[0][1]}"
        return CounterEvent(name, "an event of this processor", source, parts)

    def _known(self) -> dict[str, None]:
        named = (name for pmu in self.cores for name in _sysfs_events(pmu.path))
        return dict.fromkeys([*SOFTWARE, *HARDWARE, *CACHES, *SPECIAL, *named])


def cpu_kind(cpuinfo: str) -> CpuKind:
    """The kind of processor in /proc/cpuinfo; an empty vendor if unknown."""
    pairs = (line.partition(":") for line in reversed(cpuinfo.splitlines()))
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    vendors = {"GenuineIntel": INTEL, "AuthenticAMD": AMD}
    vendor = vendors.get(fields.get("vendor_id", ""), "")
    if "CPU implementer" in fields:
        vendor = ARM
    family, model = (_digits(fields.get(key, "")) for key in ("cpu family", "model"))
    return CpuKind(vendor, family or 0, model or 0)


def core_pmus(root: Path) -> list[Pmu]:
    """The PMUs of the processor's cores: one, or one for each kind of core."""
    if one := _pmu(root, "cpu", "cpus", True):
        return [one]
    names = (path.parent.name for path in sorted((root / PMUS).glob("*/cpus")))
    return [pmu for name in names if (pmu := _pmu(root, name, "cpus", True))]


def _pmu(root: Path, name: str, cpus_in: str, is_core: bool) -> Pmu | None:
    path = root / PMUS / name
    number = _digits(file_text(path / "type"))
    if number is None:
        return None
    cpus = tuple(cpu_list(file_text(path / cpus_in)))
    return Pmu(name, number, path, cpus or None, is_core)


def encoded(pmu: Pmu, terms: str) -> PmuEvent:
    """The event of terms such as event=0xc7,umask=0x3c, by the PMU's own format of its fields.

    Raises CounterNameError.
    """
    fields = {"config": 0, "config1": 0, "config2": 0}
    for term in terms.split(","):
        key, equals, text = term.strip().partition("=")
        try:
            value = int(text, 0) if equals else 1
        except ValueError:
            raise CounterNameError(f"it needs a value for {key}") from None
        form = _BITS.fullmatch(file_text(pmu.path / "format" / key)) if _is_plain(key) else None
        places = _places(form[2]) if form else []
        if form is None or not 0 <= value < 1 << len(places):
            raise CounterNameError(f"{pmu.name} does not take {term.strip()!r}")
        for place, bit in enumerate(places):
            fields[form[1]] |= (value >> place & 1) << bit
    return PmuEvent(pmu.type, **fields)


def _places(text: str) -> list[int]:
    """The bits of a field, such as 0-7,32-35, lowest first."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found if all(bit < 64 for bit in found) else []


@cache
def _sysfs_events(path: Path) -> dict[str, str]:
    """The events that the kernel names for a PMU, by the names of their columns."""
    return dict(_event_files(path))


def _event_files(path: Path) -> Iterator[tuple[str, str]]:
    for file in sorted((path / "events").glob("*")):
        name = counter_name(file.name)
        if _NAME.fullmatch(name) and "?" not in (text := file_text(file)) and text:
            yield name, text


def _is_plain(key: str) -> bool:
    return re.fullmatch(r"\w{1,40}", key, re.ASCII) is not None


def _digits(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
