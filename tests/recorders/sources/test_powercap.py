"""RAPL zones found by name, each once, whatever the machine's tree looks like."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Channel, Gone, Refusal, Retry
from recorders.sources.powercap import Powercap, open_powercap
from recorders.sources.rapl_zones import Zone, find_zones
from tests.support.sysfs import forbid
from wattui.show.remedies import warnings

RANGE_UJ = 262_143_328_850
NOBODY = 65_534


class QuickClock:
    """Every look at it takes a millisecond, so that looking at counters takes no time."""

    def __init__(self) -> None:
        self._now_ns = 0

    def __call__(self) -> int:
        self._now_ns += 1_000_000
        return self._now_ns


@dataclass
class Tree:
    """A powercap tree under a plain directory."""

    root: Path
    energies: dict[str, Path] = field(default_factory=dict)

    def zone(
        self,
        number: str,
        name: str,
        energy: str = "1000000",
        control: str = "intel-rapl",
        range_uj: int = RANGE_UJ,
    ) -> Path:
        directory = self.root / "sys/class/powercap" / f"{control}:{number}"
        directory.mkdir(parents=True)
        (directory / "name").write_text(name + "\n")
        (directory / "energy_uj").write_text(energy + "\n")
        (directory / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self.energies[f"{control}:{number}"] = directory / "energy_uj"
        return directory

    def open(self) -> tuple[Powercap | None, list[Refusal]]:
        return open_powercap(self.root, clock=QuickClock())

    def source(self) -> Powercap:
        source, _ = self.open()
        assert source is not None
        return source

    def names(self) -> list[str]:
        return [channel.name for channel in self.source().channels()]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def totals(source: Powercap) -> set[str]:
    return {channel.name for channel in source.channels() if channel.in_total}


def joules(source: Powercap) -> dict[str, float | Exception]:
    names = [channel.name for channel in source.channels()]
    return {names[reading.channel]: reading.value for reading in source.read()}


@contextmanager
def without_rights() -> Iterator[None]:
    """Root is an ordinary user for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_desktop_has_package_core_uncore_and_memory(tree: Tree) -> None:
    tree.zone("0", "package-0", "5000000")
    tree.zone("0:0", "core")
    tree.zone("0:1", "uncore")
    tree.zone("0:2", "dram", "7500000")
    source = tree.source()
    assert [c.name for c in source.channels()] == ["package0", "core0", "uncore0", "dram0"]
    assert totals(source) == {"package0", "dram0"}
    assert joules(source)["package0"] == pytest.approx(5.0)
    assert joules(source)["dram0"] == pytest.approx(7.5)


def test_counters_wrap_where_the_kernel_says(tree: Tree) -> None:
    tree.zone("0", "package-0", range_uj=65_532_610_987)
    (channel,) = tree.source().channels()
    assert channel.range_j == pytest.approx(65_532.610987)


def test_a_limit_above_the_usual_bound_widens_what_is_believed(tree: Tree) -> None:
    directory = tree.zone("0", "package-0")
    (directory / "constraint_0_max_power_uw").write_text("900000000\n")
    (channel,) = tree.source().channels()
    assert channel.bound_w >= 1800.0


def test_the_power_limit_in_force_is_known_and_a_missing_one_is_not(tree: Tree) -> None:
    directory = tree.zone("0", "package-0")
    (directory / "constraint_0_power_limit_uw").write_text("95000000\n")
    tree.zone("1", "package-1")
    limits = {channel.name: channel.limit_w for channel in tree.source().channels()}
    assert limits == {"package0": 95.0, "package1": None}


def test_the_psys_zone_may_be_zone_0_and_is_in_no_total(tree: Tree) -> None:
    tree.zone("0", "psys")
    tree.zone("1", "package-0")
    tree.zone("1:0", "core")
    source = tree.source()
    assert [c.name for c in source.channels()] == ["package0", "core0", "psys"]
    assert totals(source) == {"package0"}


def test_a_zone_belongs_to_the_package_in_its_name_not_to_its_number(tree: Tree) -> None:
    tree.zone("2", "package-1", "2000000")
    tree.zone("2:0", "dram", "20000000")
    tree.zone("5", "package-0", "1000000")
    source = tree.source()
    assert joules(source) == {
        "package0": pytest.approx(1.0),
        "package1": pytest.approx(2.0),
        "dram1": pytest.approx(20.0),
    }


def test_a_platform_between_two_packages_is_neither(tree: Tree) -> None:
    for number, name in enumerate(("package-0", "psys", "package-1")):
        tree.zone(f"{number}", name, f"{number + 1}000000")
    source = tree.source()
    assert totals(source) == {"package0", "package1"}
    assert joules(source) == {
        "package0": pytest.approx(1.0),
        "package1": pytest.approx(3.0),
        "psys": pytest.approx(2.0),
    }


def test_a_counter_without_data_for_once_is_read_again(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.zone("0", "package-0")
    source = tree.source()
    real, failed = source._pread, [True]

    def fail_once(*arguments: int) -> bytes | float:
        if failed:
            failed.clear()
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return real(*arguments)

    monkeypatch.setattr(source, "_pread", fail_once)
    assert isinstance(joules(source)["package0"], Retry)
    assert joules(source) == {"package0": pytest.approx(1.0)}


def test_memory_on_one_socket_only(tree: Tree) -> None:
    tree.zone("0", "package-0")
    tree.zone("1", "package-1")
    tree.zone("1:0", "dram")
    source = tree.source()
    assert totals(source) == {"package0", "package1", "dram1"}


def test_a_domain_shown_by_msr_and_mmio_is_read_once_by_msr(tree: Tree) -> None:
    tree.zone("0", "package-0", "111000000", control="intel-rapl-mmio")
    tree.zone("0:0", "dram", "1000000", control="intel-rapl-mmio")
    tree.zone("0", "package-0", "222000000")
    tree.zone("0:0", "dram", "2000000")
    assert joules(tree.source()) == {"package0": pytest.approx(222.0), "dram0": pytest.approx(2.0)}


def test_a_domain_shown_by_mmio_only_is_read_there(tree: Tree) -> None:
    tree.zone("0", "package-0")
    tree.zone("0", "package-0", control="intel-rapl-mmio")
    tree.zone("0:0", "dram", "3000000", control="intel-rapl-mmio")
    assert joules(tree.source())["dram0"] == pytest.approx(3.0)


def test_the_twin_that_works_is_read_where_the_other_is_not() -> None:
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        tree = Tree(Path(directory))
        tree.zone("0", "package-0", "111000000", control="intel-rapl-mmio")
        tree.zone("0", "package-0", "222000000")
        tree.energies["intel-rapl:0"].chmod(0)
        with without_rights():
            source, refused = tree.open()
            assert source is not None
            assert joules(source) == {"package0": pytest.approx(111.0)}
            assert refused == []


def test_two_zones_of_one_name_that_run_apart_are_both_counted(tree: Tree) -> None:
    tree.zone("0", "package-0", "77000000")
    tree.zone("0:0", "dram", "3000000")
    tree.zone("1", "package-0", "5000000")
    tree.zone("1:0", "dram", "9000000")
    source = tree.source()
    assert joules(source) == {
        "package0": pytest.approx(77.0),
        "package0_zone1": pytest.approx(5.0),
        "dram0": pytest.approx(3.0),
        "dram0_zone1_0": pytest.approx(9.0),
    }
    assert totals(source) == set(joules(source))


def test_two_zones_of_one_name_that_show_one_counter_are_counted_once(tree: Tree) -> None:
    tree.zone("0", "package-0", "77000000")
    tree.zone("1", "package-0", "77000000")
    assert joules(tree.source()) == {"package0": pytest.approx(77.0)}


@dataclass
class Counting:
    """A clock whose every look writes what counters show, at watts (None: it stands still)."""

    tree: Tree
    powers_w: dict[str, float | None]
    start_uj: dict[str, int] = field(default_factory=dict)
    now_ns: int = 0
    step_ns: int = 500_000

    def __call__(self) -> int:
        self.now_ns += self.step_ns
        updates = self.now_ns // 1_000_000
        for zone, power_w in self.powers_w.items():
            uj = self.start_uj.get(zone, 1_000_000) + round((power_w or 0.0) * updates * 1000)
            self.tree.energies[zone].write_text(f"{uj}\n")
        return self.now_ns

    def open(self) -> tuple[Powercap | None, list[Refusal]]:
        return open_powercap(self.tree.root, clock=self)


@pytest.fixture
def server(tree: Tree) -> Counting:
    """A package with core and DRAM that count."""
    tree.zone("0", "package-0")
    tree.zone("0:0", "core")
    tree.zone("0:1", "dram")
    return Counting(tree, {"intel-rapl:0": 50.0, "intel-rapl:0:0": 20.0, "intel-rapl:0:1": 5.0})


def names_of(source: Powercap | None) -> list[str]:
    return [channel.name for channel in source.channels()] if source else []


def test_a_healthy_server_is_believed(server: Counting) -> None:
    source, refused = server.open()
    assert names_of(source) == ["package0", "core0", "dram0"]
    assert refused == []


def test_a_zone_that_is_never_read_is_refused_by_name(server: Counting) -> None:
    """One that stayed in the total left it unknown: 200 J of a package were in no headline."""
    del server.powers_w["intel-rapl:0:1"]
    server.tree.energies["intel-rapl:0:1"].write_text("not a number\n")
    source, (refusal,) = server.open()
    assert names_of(source) == ["package0", "core0"]
    assert (refusal.source, refusal.part) == ("dram0", "dram0")
    assert "intel-rapl:0:1/energy_uj: not a number" in refusal.reason


def test_the_twin_that_can_be_read_is_read_where_the_other_fails(server: Counting) -> None:
    tree = server.tree
    tree.zone("0", "package-0", control="intel-rapl-mmio")
    server.powers_w["intel-rapl-mmio:0"] = server.powers_w.pop("intel-rapl:0")
    tree.energies["intel-rapl:0"].write_text("")
    source, refused = server.open()
    assert names_of(source) == ["package0", "core0", "dram0"]
    assert refused == []


@pytest.mark.parametrize(("zone", "left"), [("0:1", "core0"), ("0:0", "dram0")])
def test_a_zone_that_is_always_0_is_refused_by_name(server: Counting, zone: str, left: str) -> None:
    server.powers_w[f"intel-rapl:{zone}"] = None
    server.start_uj[f"intel-rapl:{zone}"] = 0
    server.step_ns = 100_000
    source, (refusal,) = server.open()
    assert names_of(source) == ["package0", left]
    assert "stays at 0 while package0 counts" in refusal.reason
    assert refusal.part == ("dram0" if left == "core0" else "")


def test_a_counter_that_stands_still_beside_others_is_refused(server: Counting) -> None:
    server.powers_w["intel-rapl:0:1"] = None
    source, (refusal,) = server.open()
    assert names_of(source) == ["package0", "core0"]
    assert (refusal.part, "is stuck" in refusal.reason) == ("dram0", True)


def test_a_core_zone_that_rests_is_believed(server: Counting) -> None:
    server.powers_w["intel-rapl:0:0"] = None
    assert names_of(server.open()[0]) == ["package0", "core0", "dram0"]


def test_a_zone_that_may_rest_and_is_at_0_is_not_looked_at_for_longer(server: Counting) -> None:
    server.powers_w["intel-rapl:0:0"] = None
    server.start_uj["intel-rapl:0:0"] = 0
    server.step_ns = 100_000
    source, (refusal,) = server.open()
    assert names_of(source) == ["package0", "dram0"]
    assert "stays at 0" in refusal.reason
    assert server.now_ns < 100_000_000


def test_a_platform_that_counts_less_than_its_package_is_refused(server: Counting) -> None:
    server.tree.zone("1", "psys")
    server.powers_w |= {"intel-rapl:0": 87.81, "intel-rapl:1": 1.0}
    source, (refusal,) = server.open()
    assert names_of(source) == ["package0", "core0", "dram0"]
    assert (refusal.source, refusal.part) == ("psys", "")
    assert "while package0, which it contains, rose by" in refusal.reason
    server.powers_w["intel-rapl:1"] = 90.0
    assert "psys" in names_of(server.open()[0])


@pytest.mark.parametrize(
    ("zone", "power_w", "part"), [("0", 4000.0, "package0"), ("0:1", 5000.0, "dram0")]
)
def test_a_counter_in_a_wrong_unit_is_refused_in_words(
    server: Counting, zone: str, power_w: float, part: str
) -> None:
    server.powers_w[f"intel-rapl:{zone}"] = power_w
    source, (refusal,) = server.open()
    assert part not in names_of(source)
    assert refusal.part == part
    assert "counter has the wrong unit: " in refusal.reason


def test_a_range_that_cannot_be_read_is_remarked(tree: Tree) -> None:
    (tree.zone("0", "package-0") / "max_energy_range_uj").unlink()
    (channel,) = tree.source().channels()
    assert (channel.range_j, channel.remarks) == (None, ("no_range",))
    assert {262_143.32885, 65_532.610987} <= {round(j, 6) for j in channel.possible_ranges_j}


def test_a_range_that_only_root_may_read_is_told_before_the_start_with_its_fix(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones = [tree.zone("0", "package-0"), tree.zone("0:0", "dram")]
    ranges = [zone / "max_energy_range_uj" for zone in zones]
    forbid(monkeypatch, *ranges)
    source, (refusal,) = tree.open()
    assert names_of(source) == ["package0", "dram0"]
    assert (refusal.warns, refusal.kind, refusal.part) == (True, "right", "")
    assert refusal.reason.startswith("max_energy_range_uj of package0, dram0 is readable by root")
    assert "chgrp rapl energy_uj max_energy_range_uj" in refusal.remedy
    (line,) = warnings([refusal])
    assert "fix: sudo groupadd" in line


def test_zones_that_a_container_hides_are_named_as_hidden(tree: Tree) -> None:
    base = tree.root / "sys/class/powercap"
    base.mkdir(parents=True)
    (base / "intel-rapl:0").symlink_to("../../devices/virtual/powercap/intel-rapl/intel-rapl:0")
    source, (refusal,) = tree.open()
    assert source is None
    assert "hides" in refusal.reason
    assert "systempaths=unconfined" in refusal.remedy
    assert refusal.part == "package"


def test_dies_that_show_one_counter_are_one_package(tree: Tree) -> None:
    tree.zone("0", "package-0-die-0", "77000000")
    tree.zone("1", "package-0-die-1", "77000000")
    assert joules(tree.source()) == {"package0": pytest.approx(77.0)}


def test_dies_that_differ_are_both_in_the_total(tree: Tree) -> None:
    tree.zone("0", "package-0-die-0", "77000000")
    tree.zone("1", "package-0-die-1", "5000000")
    source = tree.source()
    assert joules(source) == {
        "package0_die0": pytest.approx(77.0),
        "package0_die1": pytest.approx(5.0),
    }
    assert totals(source) == {"package0_die0", "package0_die1"}


def test_equal_counters_of_two_sockets_are_two(tree: Tree) -> None:
    tree.zone("0", "package-0-die-0", "77000000")
    tree.zone("1", "package-1-die-0", "77000000")
    assert len(tree.names()) == 2


def test_a_zone_of_an_unknown_name_is_refused_by_name(tree: Tree) -> None:
    tree.zone("0", "package-0")
    tree.zone("0:0", "flux-capacitor")
    source, refused = tree.open()
    assert source is not None
    assert [c.name for c in source.channels()] == ["package0"]
    assert "flux-capacitor" in refused[0].reason


@pytest.mark.parametrize("text", ["", "garbage", "12x", "0x10", "\x00\xff"])
def test_text_that_is_no_number_is_a_failed_read_and_never_a_value(tree: Tree, text: str) -> None:
    tree.zone("0", "package-0")
    tree.zone("0:0", "dram")
    source = tree.source()
    tree.energies["intel-rapl:0"].write_text(text, encoding="latin-1")
    values = joules(source)
    assert isinstance(values["package0"], Retry)
    assert values["dram0"] == pytest.approx(1.0)
    tree.energies["intel-rapl:0"].write_text("1500000\n")
    assert joules(source)["package0"] == pytest.approx(1.5)


def test_a_read_that_fails_is_tried_again(tree: Tree) -> None:
    tree.zone("0", "package-0")
    tree.energies["intel-rapl:0"].unlink()
    tree.energies["intel-rapl:0"].mkdir()
    assert isinstance(joules(tree.source())["package0"], Retry)


def test_a_zone_that_left_is_gone(tree: Tree) -> None:
    tree.zone("0", "package-0")
    source = tree.source()
    source.close()
    assert isinstance(joules(source)["package0"], Gone)


def test_counters_for_root_only_are_refused_with_a_group_as_the_remedy() -> None:
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        tree = Tree(Path(directory))
        tree.zone("0", "package-0")
        tree.energies["intel-rapl:0"].chmod(0o400 if os.geteuid() == 0 else 0)
        with without_rights():
            source, (refusal,) = tree.open()
    assert source is None
    assert refusal.source == "package0"
    assert "root only" in refusal.reason
    assert "groupadd" in refusal.remedy
    assert "chmod 0440" in refusal.remedy


def test_an_unreadable_zone_does_not_hide_the_others() -> None:
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        tree = Tree(Path(directory))
        tree.zone("0", "package-0")
        tree.zone("0:0", "dram")
        tree.energies["intel-rapl:0"].chmod(0)
        with without_rights():
            source, refused = tree.open()
    assert source is not None
    assert [c.name for c in source.channels()] == ["dram0"]
    assert [r.source for r in refused] == ["package0"]


def proc_cpuinfo(root: Path) -> None:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text("flags : fpu hypervisor\n")


def docker(root: Path) -> None:
    (root / ".dockerenv").touch()


def podman(root: Path) -> None:
    (root / "run").mkdir()
    (root / "run/.containerenv").touch()


def arm(root: Path) -> None:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text("processor : 0\nFeatures : fp asimd\nCPU part : 0xd4f\n")


def wsl(root: Path) -> None:
    proc_cpuinfo(root)
    kernel = root / "proc/sys/kernel"
    kernel.mkdir(parents=True)
    (kernel / "osrelease").write_text("5.15.153.1-microsoft-standard-WSL2\n")


def lxc(root: Path) -> None:
    (root / "proc/1").mkdir(parents=True)
    (root / "proc/1/environ").write_text("TERM=linux\0container=lxc\0")


def kubernetes(root: Path) -> None:
    (root / "var/run/secrets/kubernetes.io").mkdir(parents=True)


@pytest.mark.parametrize(
    ("prepare", "remedy"),
    [
        (docker, "--security-opt systempaths=unconfined"),
        (podman, "--security-opt unmask=/sys/devices/virtual/powercap"),
        (kubernetes, "securityContext: {privileged: true}"),
        (lambda root: None, "systempaths=unconfined (Docker)"),
    ],
)
def test_masked_zones_are_told_from_none_with_a_fix_for_the_container(
    tree: Tree, prepare: Callable[[Path], None], remedy: str
) -> None:
    prepare(tree.root)
    links = tree.root / "sys/class/powercap"
    links.mkdir(parents=True)
    (links / "intel-rapl:0").symlink_to("../../devices/virtual/powercap/intel-rapl/intel-rapl:0")
    source, (refusal,) = tree.open()
    assert source is None
    assert "broken link" in refusal.reason
    assert remedy in refusal.remedy
    assert (refusal.part, refusal.kind) == ("package", "right")


@pytest.mark.parametrize(
    ("prepare", "reason", "remedy", "kind"),
    [
        (proc_cpuinfo, "virtual machine", "on the host", "absent"),
        (wsl, "WSL", "under Linux itself", "absent"),
        (arm, "only Intel and AMD processors have it", "", "absent"),
        (lxc, "LXC container", "lxc.mount.entry", "right"),
        (docker, "container (docker)", "on the host: sudo modprobe intel_rapl_msr", "absent"),
        (podman, "container (podman)", "on the host: sudo modprobe intel_rapl_msr", "absent"),
        (lambda root: None, "no RAPL zones under", "modprobe intel_rapl_msr", "absent"),
    ],
)
def test_a_machine_without_zones_says_why_and_what_mends_it(
    tree: Tree, prepare: Callable[[Path], None], reason: str, remedy: str, kind: str
) -> None:
    prepare(tree.root)
    source, (refusal,) = tree.open()
    assert source is None
    assert reason in refusal.reason
    assert remedy in refusal.remedy
    assert refusal.kind == kind


def test_other_powercap_controls_are_left_alone(tree: Tree) -> None:
    tree.zone("0", "dtpm", control="dtpm")
    assert find_zones(tree.root)[0] == []


def test_facts_name_the_path_of_each_channel(tree: Tree) -> None:
    directory = tree.zone("0", "package-0")
    facts = tree.source().facts()["package0"]
    assert isinstance(facts, Mapping)
    assert facts["path"] == str(directory)


def test_a_counter_is_seen_to_change_at_its_period(tree: Tree) -> None:
    tree.zone("0", "package-0")
    energy = tree.energies["intel-rapl:0"]
    now_ns = [0]

    def clock() -> int:
        now_ns[0] += 500_000
        energy.write_text(f"{now_ns[0] // 2_000_000 * 10_000 + 1}\n")
        return now_ns[0]

    source, _ = open_powercap(tree.root, clock=clock)
    assert source is not None
    assert source.update_periods_s()["package0"] == pytest.approx(0.002, rel=0.3)


def test_a_machine_too_busy_to_see_updates_assumes_those_of_rapl_and_says_so(tree: Tree) -> None:
    tree.zone("0", "package-0")
    energy = tree.energies["intel-rapl:0"]
    now_ns = [0]

    def clock() -> int:
        now_ns[0] += 2_000_000
        energy.write_text(f"{now_ns[0] // 1_000_000 * 10_000 + 1}\n")
        return now_ns[0]

    source, _ = open_powercap(tree.root, clock=clock)
    assert source is not None
    assert source.update_periods_s() == {"package0": 0.001}
    assert "assumed_period" in source.channels()[0].remarks


@pytest.mark.parametrize(
    ("took_ms", "reads"),
    [([0.05], 1), ([8.0, 0.05], 2), ([8.0, 8.0, 8.0], 3), ([200.0], 1)],
)
def test_a_read_that_was_interrupted_is_tried_again(
    took_ms: list[float], reads: int, tree: Tree
) -> None:
    """The process lost the processor after the counter's answer, which would be dated too late."""
    directory = tree.zone("0", "package-0")
    now_ns, values = [0], iter(range(1, 10))

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        value = next(values)
        now_ns[0] += int(took_ms[value - 1] * 1e6)
        return b"%d\n" % (value * 1_000_000)

    zone = Zone("package0", 0, None, directory, None, math.inf)
    source = Powercap([zone], [0], "pread", {}, lambda: None, lambda: now_ns[0], pread)
    (reading,) = source.read()
    assert reading.value == reads
    assert reading.time_ns == now_ns[0] == int(sum(took_ms) * 1e6)


@dataclass
class Socket:
    """What one socket of a made-up machine shows."""

    number: int
    package_uj: int
    sub_uj: dict[str, int]
    mmio: bool


@st.composite
def sockets(draw: st.DrawFn) -> list[Socket]:
    numbers = draw(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=4))
    values = st.integers(1, RANGE_UJ)
    subs = st.dictionaries(st.sampled_from(["core", "uncore", "dram"]), values)
    return [Socket(n, draw(values), draw(subs), draw(st.booleans())) for n in numbers]


@given(
    machine=sockets(),
    zone_numbers=st.lists(st.integers(0, 30), unique=True, min_size=5, max_size=5),
    psys_uj=st.none() | st.integers(1, RANGE_UJ),
)
def test_any_machine_shows_each_domain_once_with_its_own_energy(
    machine: list[Socket], zone_numbers: list[int], psys_uj: int | None
) -> None:
    expected: dict[str, int] = {}
    with TemporaryDirectory() as directory:
        tree = Tree(Path(directory))
        if psys_uj is not None:
            tree.zone(str(zone_numbers[4]), "psys", str(psys_uj))
            expected["psys"] = psys_uj
        for socket, number in zip(machine, zone_numbers, strict=False):
            tree.zone(str(number), f"package-{socket.number}", str(socket.package_uj))
            expected[f"package{socket.number}"] = socket.package_uj
            if socket.mmio:
                name = f"package-{socket.number}"
                tree.zone(str(number), name, "1", control="intel-rapl-mmio")
            for place, (domain, value_uj) in enumerate(socket.sub_uj.items()):
                tree.zone(f"{number}:{place}", domain, str(value_uj))
                expected[f"{domain}{socket.number}"] = value_uj
        source, refused = tree.open()
        assert source is not None
        assert refused == []
        assert joules(source) == {
            name: pytest.approx(value_uj * 1e-6) for name, value_uj in expected.items()
        }
        assert totals(source) == {name for name in expected if name.startswith(("package", "dram"))}
        source.close()


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]{1,2}(:[0-9])?", fullmatch=True),
            st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12)
            | st.sampled_from(["package-0", "package-x", "package-0-die-", "psys", "dram", "core"]),
            st.text(st.characters(codec="ascii"), max_size=10),
        ),
        max_size=6,
        unique_by=lambda zone: zone[0],
    )
)
def test_a_tree_of_nonsense_gives_refusals_and_no_exception(
    zones: list[tuple[str, str, str]],
) -> None:
    with TemporaryDirectory() as directory:
        tree = Tree(Path(directory))
        for number, name, energy in zones:
            tree.zone(number, name, energy)
        source, refused = tree.open()
        assert source is not None or refused
        if source:
            names = [channel.name for channel in source.channels()]
            assert len(set(names)) == len(names)
            assert all(isinstance(value, float | Retry) for value in joules(source).values())
            source.close()


def test_a_channel_that_is_energy_has_joules_and_watts() -> None:
    assert Channel("package0", "J").columns == ("package0_J", "package0_W")
