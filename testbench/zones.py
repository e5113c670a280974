"""RAPL zones served by the bench: counters, faults, and the text of a read. Pure."""

from __future__ import annotations

import errno
import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from testbench.curves import PowerCurve

FaultKind = Literal[
    "eio", "garbage", "empty", "gone", "stuck", "frozen", "reset", "slow", "scaled", "jumping"
]


@dataclass(frozen=True)
class Register:
    """A RAPL energy register as shown by Linux.

    The register counts units of 2**-esu J modulo `modulus` and moves once per refresh_s. Linux
    multiplies by 61035 nJ (esu 14) or 15258 nJ (esu 16), the unit without its fraction
    (drivers/powercap/intel_rapl_common.c), so it shows 2.6 or 52 ppm less than was counted.
    """

    esu: int = 14
    modulus: int = 2**32
    start_raw: int = 0
    refresh_s: float = 0.001

    @property
    def unit_nj(self) -> int:
        """Linux's energy unit, whole nJ."""
        return 10**9 // (1 << self.esu)

    @property
    def max_energy_range_uj(self) -> int:
        """The largest value energy_uj can show; the counter wraps one unit above it."""
        return self.shown_uj(self.modulus - 1)

    def shown_uj(self, raw: int) -> int:
        """The energy_uj value for an unwrapped register value, uJ."""
        return raw % self.modulus * self.unit_nj // 1000

    def units(self, energy_j: float) -> int:
        """Whole register units in energy_j."""
        return math.floor(energy_j * (1 << self.esu))

    def floor_s(self, t_s: float) -> float:
        """The last refresh at or before t_s, s."""
        if not self.refresh_s:
            return t_s
        refresh_ns = round(self.refresh_s * 1e9)
        return round(t_s * 1e9) // refresh_ns * refresh_ns / 1e9

    def with_range_uj(self, range_uj: int) -> Register:
        """The same counter with a max_energy_range_uj of at most range_uj."""
        return replace(self, modulus=range_uj * 1000 // self.unit_nj + 1)

    def wrapping_at(self, curve: PowerCurve, t_s: float) -> Register:
        """The same counter started so that it wraps at t_s of the curve."""
        return replace(self, start_raw=-self.units(curve.energy_j(t_s)) % self.modulus)


INTEL = Register(esu=14)
AMD = Register(esu=16)


@dataclass(frozen=True)
class ZoneFault:
    """A fault of one zone in [start_s, end_s) of the bench's time.

    eio      energy_uj reads fail with `errno` (powercap_sys.c: EINVAL for a failed MSR)
    garbage  energy_uj shows `text`;  empty  shows nothing;  stuck  shows its value of start_s
    gone     the zone has no files; descriptors opened before start_s stay ENODEV for ever
    frozen   like stuck, but counting goes on from there: what was used meanwhile is lost
    reset    the counter begins again at 0 at start_s;  slow  a read takes delay_s, then counts
    scaled   counts `factor` times too much;  jumping  shows values that do not go on
    """

    kind: FaultKind
    start_s: float = 0.0
    end_s: float = math.inf
    errno: int = errno.EIO
    text: str = "not a number\n"
    delay_s: float = 0.2
    factor: float = 1000.0

    def active(self, t_s: float) -> bool:
        """Whether t_s lies in the fault's span."""
        return self.start_s <= t_s < self.end_s


@dataclass(frozen=True)
class BenchZone:
    """One powercap zone; zones of one `domain` share one physical counter."""

    path: str
    name: str
    domain: str
    curve: PowerCurve
    counter: Register = INTEL
    control: str = "intel-rapl"
    faults: tuple[ZoneFault, ...] = ()
    mode: int = 0o400
    range_mode: int = 0o444
    uid: int = 0
    gid: int = 0
    power_limit_uw: int | None = 65_000_000
    max_power_uw: int = 95_000_000

    @property
    def directory(self) -> str:
        """The zone's directory name, such as intel-rapl:0:1."""
        return f"{self.control}:{self.path}"

    def fault(self, kind: FaultKind, t_s: float) -> ZoneFault | None:
        """The active fault of that kind at t_s."""
        return next((f for f in self.faults if f.kind == kind and f.active(t_s)), None)


def counter_uj(zone: BenchZone, t_s: float) -> int:
    """The value of a working energy_uj at t_s, stuck spans and resets included, uJ."""
    counter = zone.counter
    stuck = zone.fault("stuck", t_s) or zone.fault("frozen", t_s)
    at_s = counter.floor_s(stuck.start_s if stuck else t_s)
    resets = [f.start_s for f in zone.faults if f.kind == "reset" and f.start_s <= at_s]
    if resets:
        since_j = _counted_j(zone, at_s) - _counted_j(zone, max(resets))
        return counter.shown_uj(counter.units(since_j))
    jump = round(at_s * 1000) * 7919 % 1000 * 10**6 if zone.fault("jumping", t_s) else 0
    return counter.shown_uj(counter.start_raw + counter.units(_counted_j(zone, at_s)) + jump)


def _counted_j(zone: BenchZone, t_s: float) -> float:
    """The energy counted by t_s, J: without frozen spans, and scaled."""
    energy_j = zone.curve.energy_j
    wrong_j = sum(
        (fault.factor - 1 if fault.kind == "scaled" else -1)
        * (energy_j(min(t_s, fault.end_s)) - energy_j(fault.start_s))
        for fault in zone.faults
        if fault.kind in ("frozen", "scaled") and fault.start_s <= t_s
    )
    return energy_j(t_s) + wrong_j


def energy_text(zone: BenchZone, t_s: float) -> str:
    """The text of energy_uj at t_s; raises OSError if a read fails."""
    if failing := zone.fault("eio", t_s):
        raise OSError(failing.errno, zone.name)
    if garbage := zone.fault("garbage", t_s):
        return garbage.text
    if zone.fault("empty", t_s):
        return ""
    return f"{counter_uj(zone, t_s)}\n"


@dataclass(frozen=True)
class Topology:
    """The zones of one machine and the sockets and dies its CPUs are spread over.

    `masked`: as in a container, the links to the zones are broken.
    """

    name: str
    zones: tuple[BenchZone, ...] = ()
    sockets: int = 1
    dies: int = 1
    masked: bool = False

    @property
    def curves(self) -> dict[str, PowerCurve]:
        """The curve of each domain; raises ValueError if zones of one domain disagree."""
        curves: dict[str, PowerCurve] = {}
        for zone in self.zones:
            if curves.setdefault(zone.domain, zone.curve) != zone.curve:
                raise ValueError(f"{self.name}: {zone.domain} has two curves")
        return curves

    @property
    def counted(self) -> tuple[str, ...]:
        """The domains a total is made of: packages and DRAM, each counter once."""
        if self.masked:
            return ()
        return tuple(d for d in self.curves if d.startswith(("package", "dram")))

    def changed(self, domain: str | None = None, **fields: Any) -> Topology:
        """The topology with Zone fields replaced in one domain's zones, or in all of them."""
        zones = (replace(z, **fields) if domain in (None, z.domain) else z for z in self.zones)
        return replace(self, zones=tuple(zones))

    def up_before(self, lead_s: float) -> Topology:
        """The same topology, already present for lead_s before its time 0.

        Faults present from the start also apply then, and no running counter wraps at 0 s.
        """
        return replace(self, zones=tuple(_up_before(zone, lead_s) for zone in self.zones))

    def with_faults(self, domain: str | None, *faults: ZoneFault) -> Topology:
        """The topology with these faults in one domain's zones, or in all of them."""
        return self.changed(domain, faults=faults)


def _up_before(zone: BenchZone, lead_s: float) -> BenchZone:
    counter, runs = zone.counter, zone.curve.energy_j(-lead_s) < 0
    if runs and not counter.start_raw:
        counter = replace(counter, start_raw=counter.modulus // 4)
    faults = (replace(f, start_s=-lead_s - 1) if f.start_s <= 0 else f for f in zone.faults)
    return replace(zone, counter=counter, faults=tuple(faults))
