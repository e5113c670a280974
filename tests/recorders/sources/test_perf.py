"""RAPL through perf: joules, names and rights, and never beside powercap for one counter."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Gone, Refusal
from recorders.sources.perf import find_events, open_perf
from recorders.sources.perf_event import KernelEvents
from recorders.sources.powercap import Powercap
from recorders.sources.rapl import open_rapl
from tests.support.perf import PMU_TYPE, FakeEvents, perf_tree

PKG, RAM, CORES = 2, 3, 1


class QuickClock:
    """Moves by 0.1 ms at each look, so that looking at counters takes no time."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 100_000
        return self.now_ns


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


def powercap_zone(root: Path, number: int, name: str, energy_uj: str) -> None:
    directory = root / f"sys/class/powercap/intel-rapl:{number}"
    directory.mkdir(parents=True)
    (directory / "name").write_text(f"{name}\n")
    (directory / "max_energy_range_uj").write_text("262143328850\n")
    if energy_uj:
        (directory / "energy_uj").write_text(energy_uj)


def masked_zone(root: Path) -> None:
    links = root / "sys/class/powercap"
    links.mkdir(parents=True)
    (links / "intel-rapl:0").symlink_to("../../devices/virtual/powercap/intel-rapl:0")


def watts(source: Powercap, clock: QuickClock) -> dict[str, float]:
    """Mean power of each channel over 10 s."""
    first = source.read()
    clock.now_ns += 10_000_000_000
    names = [channel.name for channel in source.channels()]
    return {
        name: (float(b.value) - float(a.value)) / ((b.time_ns - a.time_ns) * 1e-9)  # type: ignore[arg-type]
        for name, a, b in zip(names, first, source.read(), strict=True)
    }


def test_known_joules_of_two_packages(tmp_path: Path, clock: QuickClock) -> None:
    perf_tree(tmp_path, {0: (0, 0), 28: (1, 0)})
    powers = {(PKG, 0): 90.0, (PKG, 28): 70.0, (RAM, 0): 8.0, (RAM, 28): 6.0}
    events = FakeEvents(clock, powers)
    source, refused = open_perf(tmp_path, events, clock)
    assert source is not None
    assert refused == []
    expected = {"package0": 90.0, "dram0": 8.0, "package1": 70.0, "dram1": 6.0}
    assert watts(source, clock) == pytest.approx(expected, rel=1e-3)
    assert {c.name for c in source.channels() if c.in_total} == set(expected)
    assert (source.name, source.reader) == ("perf", "perf_event")
    assert {pmu for pmu, _, _ in events.asked} == {PMU_TYPE}
    source.close()
    assert events.descriptors == []


def test_a_count_that_does_not_wrap_is_not_called_unbounded(
    tmp_path: Path, clock: QuickClock
) -> None:
    perf_tree(tmp_path)
    source, _ = open_perf(tmp_path, FakeEvents(clock, {(PKG, 0): 90.0, (RAM, 0): 8.0}), clock)
    assert source is not None
    assert [(c.range_j, c.remarks) for c in source.channels()] == [(None, ())] * 2


def test_dies_of_one_package_are_named_as_powercap_names_them(
    tmp_path: Path, clock: QuickClock
) -> None:
    perf_tree(tmp_path, {0: (0, 0), 8: (0, 1)}, {"energy-pkg": PKG})
    source, _ = open_perf(tmp_path, FakeEvents(clock, {(PKG, 0): 50.0, (PKG, 8): 40.0}), clock)
    assert source is not None
    assert watts(source, clock) == pytest.approx(
        {"package0_die0": 50.0, "package0_die1": 40.0}, rel=1e-3
    )


def test_unknown_events_are_skipped_and_named(tmp_path: Path, clock: QuickClock) -> None:
    pmu = perf_tree(tmp_path, events={"energy-pkg": PKG, "energy-npu": 9, "energy-ram": RAM})
    (pmu / "events/energy-ram.unit").write_text("Btu\n")
    source, refused = open_perf(tmp_path, FakeEvents(clock, {(PKG, 0): 30.0}), clock)
    assert source is not None
    assert [c.name for c in source.channels()] == ["package0"]
    assert [r.source for r in refused] == ["perf energy-npu", "perf energy-ram"]


def test_an_event_the_kernel_refuses_leaves_the_others(tmp_path: Path, clock: QuickClock) -> None:
    perf_tree(tmp_path)
    events = FakeEvents(clock, {(PKG, 0): 30.0}, {RAM: errno.EINVAL})
    source, (refusal,) = open_perf(tmp_path, events, clock)
    assert source is not None
    assert [c.name for c in source.channels()] == ["package0"]
    assert refusal.part == "dram0"


@pytest.mark.parametrize(
    ("code", "reason", "remedy"),
    [
        (errno.EACCES, "perf_event_paranoid is 4", "sudo sysctl kernel.perf_event_paranoid=0"),
        (errno.EPERM, "seccomp", "--cap-add PERFMON"),
    ],
)
def test_a_lacking_right_is_said_once_with_its_fix(
    tmp_path: Path, clock: QuickClock, code: int, reason: str, remedy: str
) -> None:
    perf_tree(tmp_path)
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/perf_event_paranoid").write_text("4\n")
    source, (refusal,) = open_perf(tmp_path, FakeEvents(clock, {}, {-1: code}), clock)
    assert source is None
    assert reason in refusal.reason
    assert remedy in refusal.remedy
    assert refusal.kind == "right"


def test_without_the_pmu_the_module_is_named(tmp_path: Path, clock: QuickClock) -> None:
    source, (refusal,) = open_perf(tmp_path, FakeEvents(clock, {}), clock)
    assert source is None
    assert (refusal.remedy, refusal.kind) == ("sudo modprobe rapl", "absent")


def test_masked_powercap_is_read_through_perf_and_lacks_nothing(
    tmp_path: Path, clock: QuickClock
) -> None:
    masked_zone(tmp_path)
    perf_tree(tmp_path)
    events = FakeEvents(clock, {(PKG, 0): 40.0, (RAM, 0): 4.0})
    (source,), (refusal,) = open_rapl(tmp_path, events, clock)
    assert source.name == "perf"
    assert "hides the machine's RAPL zones" in refusal.reason
    assert refusal.part == ""


def test_perf_is_not_opened_where_powercap_reads_everything(
    tmp_path: Path, clock: QuickClock
) -> None:
    powercap_zone(tmp_path, 0, "package-0", "1000000")
    perf_tree(tmp_path)
    events = FakeEvents(clock, {(PKG, 0): 40.0, (RAM, 0): 4.0})
    (source,), refused = open_rapl(tmp_path, events, clock)
    assert (source.name, refused, events.asked) == ("powercap", [], [])


def test_powercap_is_read_where_perf_has_no_rapl_events(tmp_path: Path, clock: QuickClock) -> None:
    powercap_zone(tmp_path, 0, "package-0", "1000000")
    (source,), refused = open_rapl(tmp_path, FakeEvents(clock, {}), clock)
    assert (source.name, refused) == ("powercap", [])


def test_perf_reads_only_what_powercap_refuses(tmp_path: Path, clock: QuickClock) -> None:
    powercap_zone(tmp_path, 0, "package-0", "1000000")
    powercap_zone(tmp_path, 1, "package-1", "")
    perf_tree(tmp_path, {0: (0, 0), 4: (1, 0)}, {"energy-pkg": PKG})
    events = FakeEvents(clock, {(PKG, 0): 40.0, (PKG, 4): 35.0})
    sources, refused = open_rapl(tmp_path, events, clock)
    names = [(source.name, c.name) for source in sources for c in source.channels()]
    assert names == [("powercap", "package0"), ("perf", "package1")]
    assert [r.part for r in refused] == [""]


def test_a_part_that_neither_reads_is_missing_once(tmp_path: Path, clock: QuickClock) -> None:
    masked_zone(tmp_path)
    perf_tree(tmp_path)
    sources, refused = open_rapl(tmp_path, FakeEvents(clock, {}, {-1: errno.EPERM}), clock)
    assert sources == []
    assert [(r.source, r.part) for r in refused] == [("powercap", "package"), ("perf", "")]


@given(
    st.dictionaries(
        st.sampled_from(["cpumask", "type", "energy-pkg", "scale", "unit", "id"]),
        st.text(max_size=12),
        max_size=6,
    )
)
def test_no_text_in_the_tree_crashes_it_or_invents_an_event(texts: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        pmu = perf_tree(root)
        paths = {
            "cpumask": pmu / "cpumask",
            "type": pmu / "type",
            "energy-pkg": pmu / "events/energy-pkg",
            "scale": pmu / "events/energy-pkg.scale",
            "unit": pmu / "events/energy-pkg.unit",
            "id": root / "sys/devices/system/cpu/cpu0/topology/physical_package_id",
        }
        for name, text in texts.items():
            paths[name].write_text(text, errors="replace")
        found, refused = find_events(root)
        for zone, cpu, config, joules in found:
            assert zone.channel.startswith(("package", "dram"))
            assert 0 <= cpu < 1 << 16
            assert 0 <= config <= 255
            assert joules > 0
        assert all(isinstance(refusal, Refusal) for refusal in refused)


def test_an_event_that_stopped_is_gone_in_words(
    tmp_path: Path, clock: QuickClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    perf_tree(tmp_path)
    events = FakeEvents(clock, {(PKG, 0): 90.0, (RAM, 0): 8.0})
    source, _ = open_perf(tmp_path, events, clock)
    assert source is not None
    with open(os.devnull) as ended:
        stopped = ended.fileno()
        monkeypatch.setattr(events, "read", lambda descriptor: KernelEvents().read(stopped))
        values = [reading.value for reading in source.read()]
    assert all(isinstance(value, Gone) for value in values)
    assert "no longer counts" in str(values[0])


def test_the_kernel_counts_a_software_event() -> None:
    software, cpu_clock = 1, 0
    events = KernelEvents()
    try:
        descriptor = events.open(software, cpu_clock, 0)
    except OSError as error:
        pytest.skip(f"perf events are not permitted here: {os.strerror(error.errno or 0)}")
    try:
        first = events.read(descriptor)
        assert events.read(descriptor) > first
    finally:
        events.close(descriptor)


def test_the_counters_of_each_core_are_refused_and_the_package_is_read(tmp_path: Path) -> None:
    pmu = perf_tree(tmp_path)
    each_core = pmu.with_name("power_core") / "events"
    each_core.mkdir(parents=True)
    (each_core / "energy-core").write_text("event=0x01\n")
    zones, (refusal,) = find_events(tmp_path)
    assert [zone.channel for zone, *_ in zones] == ["package0", "dram0"]
    assert refusal.source == "perf power_core"
    assert "wake idle cores" in refusal.reason
