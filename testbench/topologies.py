"""Ready-made machines with the RAPL zone layouts of real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from testbench.curves import Constant, PowerCurve, Sine, Square, Steps
from testbench.zones import AMD, BenchZone, Topology

PACKAGE = Square(low_w=20.0, high_w=80.0, period_s=0.7, duty=0.4)
PACKAGE_1 = Sine(mean_w=45.0, amplitude_w=25.0, period_s=1.3)
DRAM = Sine(mean_w=6.0, amplitude_w=3.0, period_s=0.9)
DRAM_1 = Constant(4.5)
CORE = Square(low_w=10.0, high_w=60.0, period_s=0.7, duty=0.4)
UNCORE = Steps(starts_s=(0.0, 2.0, 4.0), levels_w=(2.0, 5.0, 3.0))
PSYS = Constant(130.0)


def _package(path: str, socket: int, curve: PowerCurve) -> BenchZone:
    return BenchZone(path, f"package-{socket}", f"package{socket}", curve)


def _dram(path: str, socket: int, curve: PowerCurve) -> BenchZone:
    return BenchZone(path, "dram", f"dram{socket}", curve, power_limit_uw=None)


def plain(package: PowerCurve = PACKAGE, dram: PowerCurve = DRAM) -> Topology:
    """One socket: package-0 with dram."""
    return Topology("plain", (_package("0", 0, package), _dram("0:0", 0, dram)))


def psys_last() -> Topology:
    """A laptop: psys after the package."""
    zones = (_package("0", 0, PACKAGE), _dram("0:0", 0, DRAM), BenchZone("1", "psys", "psys", PSYS))
    return Topology("psys_last", zones)


def psys_first() -> Topology:
    """A machine whose psys is zone 0 and whose package is zone 1."""
    zones = (BenchZone("0", "psys", "psys", PSYS), _package("1", 0, PACKAGE), _dram("1:0", 0, DRAM))
    return Topology("psys_first", zones)


def core_uncore() -> Topology:
    """A desktop: core, uncore and dram inside the package."""
    zones = (
        _package("0", 0, PACKAGE),
        BenchZone("0:0", "core", "core0", CORE, power_limit_uw=None),
        BenchZone("0:1", "uncore", "uncore0", UNCORE, power_limit_uw=None),
        _dram("0:2", 0, DRAM),
    )
    return Topology("core_uncore", zones)


def two_sockets() -> Topology:
    """A server: two packages, DRAM on both."""
    zones = (
        _package("0", 0, PACKAGE),
        _dram("0:0", 0, DRAM),
        _package("1", 1, PACKAGE_1),
        _dram("1:0", 1, DRAM_1),
    )
    return Topology("two_sockets", zones, sockets=2)


def two_sockets_one_dram() -> Topology:
    """Two packages, DRAM on the first only."""
    zones = (_package("0", 0, PACKAGE), _dram("0:0", 0, DRAM), _package("1", 1, PACKAGE_1))
    return Topology("two_sockets_one_dram", zones, sockets=2)


def sparse_ids() -> Topology:
    """Two packages as intel-rapl:0 and intel-rapl:3, dram as sub-zone 2."""
    zones = (
        _package("0", 0, PACKAGE),
        _dram("0:2", 0, DRAM),
        _package("3", 1, PACKAGE_1),
        _dram("3:2", 1, DRAM_1),
    )
    return Topology("sparse_ids", zones, sockets=2)


def msr_mmio_twins() -> Topology:
    """One package counter, shown by the MSR and by the MMIO interface."""
    zones = (
        _package("0", 0, PACKAGE),
        _dram("0:0", 0, DRAM),
        BenchZone("0", "package-0", "package0", PACKAGE, control="intel-rapl-mmio"),
    )
    return Topology("msr_mmio_twins", zones)


def package_twice() -> Topology:
    """Two packages that are both called package-0."""
    zones = (
        BenchZone("0", "package-0", "package0", PACKAGE),
        BenchZone("1", "package-0", "package0_zone1", PACKAGE_1),
    )
    return Topology("package_twice", zones)


def package_shown_twice() -> Topology:
    """One package counter, shown by two zones of the same name."""
    zones = (
        BenchZone("0", "package-0", "package0", PACKAGE),
        BenchZone("1", "package-0", "package0", PACKAGE),
    )
    return Topology("package_shown_twice", zones)


def mirrored_dies() -> Topology:
    """Two dies of one package that show the same counter."""
    zones = (
        BenchZone("0", "package-0-die-0", "package0", PACKAGE),
        BenchZone("1", "package-0-die-1", "package0", PACKAGE),
    )
    return Topology("mirrored_dies", zones, dies=2)


def distinct_dies() -> Topology:
    """Two dies of one package with a counter each."""
    zones = (
        BenchZone("0", "package-0-die-0", "package0_die0", PACKAGE),
        BenchZone("1", "package-0-die-1", "package0_die1", PACKAGE_1),
    )
    return Topology("distinct_dies", zones, dies=2)


def amd() -> Topology:
    """An AMD machine: package and core, no DRAM, no limits, 65.5 kJ range."""
    zones = (
        BenchZone("0", "package-0", "package0", PACKAGE, counter=AMD, power_limit_uw=None),
        BenchZone("0:0", "core", "core0", CORE, counter=AMD, power_limit_uw=None),
    )
    return Topology("amd", zones)


def pod() -> Topology:
    """A container of a Kubernetes pod, which hides the zones of its node."""
    return replace(plain(), name="pod", masked=True)


def no_rapl() -> Topology:
    """A machine whose kernel has no RAPL zone."""
    return Topology("no_rapl")


ALL: tuple[Callable[[], Topology], ...] = (
    plain,
    psys_last,
    psys_first,
    core_uncore,
    two_sockets,
    two_sockets_one_dram,
    sparse_ids,
    msr_mmio_twins,
    package_twice,
    package_shown_twice,
    mirrored_dies,
    distinct_dies,
    amd,
    no_rapl,
)
