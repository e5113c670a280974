"""Values of a counter, against those that Linux shows on real machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbench import topologies
from testbench.curves import Constant
from testbench.zones import (
    AMD,
    INTEL,
    BenchZone,
    Register,
    Topology,
    ZoneFault,
    counter_uj,
    energy_text,
)


def test_ranges_are_the_kernels() -> None:
    assert INTEL.max_energy_range_uj == 262_143_328_850
    assert AMD.max_energy_range_uj == 65_532_610_987


@given(st.integers(1_000, 10**9))
def test_a_range_can_be_chosen(range_uj: int) -> None:
    shown_uj = INTEL.with_range_uj(range_uj).max_energy_range_uj
    assert range_uj - 62 <= shown_uj <= range_uj


@given(st.floats(0.01, 300), st.floats(0.1, 50), st.integers(10_000, 10**9))
def test_a_wrap_comes_when_asked(level_w: float, at_s: float, range_uj: int) -> None:
    counter = INTEL.with_range_uj(range_uj).wrapping_at(Constant(level_w), at_s)
    units = counter.units(Constant(level_w).energy_j(at_s))
    assert counter.shown_uj(counter.start_raw + units) == 0
    assert counter.shown_uj(counter.start_raw + units - 1) == counter.max_energy_range_uj


def test_a_counter_moves_once_per_refresh() -> None:
    zone = BenchZone("0", "package-0", "package0", Constant(100.0), Register(refresh_s=0.001))
    assert counter_uj(zone, 1.0) == counter_uj(zone, 1.000_999)
    assert counter_uj(zone, 1.001) - counter_uj(zone, 1.0) == pytest.approx(100_000, abs=62)


def test_stuck_then_true_again() -> None:
    zone = BenchZone(
        "0", "package-0", "package0", Constant(10.0), faults=(ZoneFault("stuck", 1.0, 2.0),)
    )
    assert counter_uj(zone, 1.9) == counter_uj(zone, 1.0) == pytest.approx(10e6, rel=1e-5)
    assert counter_uj(zone, 2.0) == pytest.approx(20e6, rel=1e-5)


def test_a_reset_counts_from_nothing() -> None:
    zone = BenchZone(
        "0", "package-0", "package0", Constant(10.0), faults=(ZoneFault("reset", 1.0),)
    )
    assert counter_uj(zone, 0.999) == pytest.approx(9.99e6, rel=1e-5)
    assert counter_uj(zone, 1.0) == 0
    assert counter_uj(zone, 3.0) == pytest.approx(20e6, rel=1e-5)


def test_texts() -> None:
    faults = (
        ZoneFault("empty", 1, 2),
        ZoneFault("garbage", 2, 3, text="??\n"),
        ZoneFault("eio", 3, 4),
    )
    zone = BenchZone("0", "package-0", "package0", Constant(0.0), faults=faults)
    assert [energy_text(zone, t_s) for t_s in (0.5, 1.5, 2.5, 4.5)] == ["0\n", "", "??\n", "0\n"]
    with pytest.raises(OSError, match="package-0"):
        energy_text(zone, 3.5)


@pytest.mark.parametrize("make", topologies.ALL, ids=lambda make: make.__name__)
def test_topologies_agree_with_themselves(make: Callable[[], Topology]) -> None:
    topology = make()
    assert topology.name == make.__name__
    assert set(topology.counted) <= set(topology.curves)
    assert not {"psys", "core0", "uncore0"} & set(topology.counted)


def test_one_domain_has_one_curve() -> None:
    zones = (
        BenchZone("0", "package-0", "package0", Constant(1.0)),
        BenchZone("1", "package-0", "package0", Constant(2.0)),
    )
    with pytest.raises(ValueError, match="two curves"):
        _ = Topology("wrong", zones).curves


def test_a_bench_that_is_up_before_its_time_0_shows_the_same_from_then_on() -> None:
    wraps = INTEL.wrapping_at(Constant(50.0), 2.0)
    for counter, faults in ((INTEL, ()), (wraps, ()), (INTEL, (ZoneFault("scaled", factor=4.0),))):
        zone = BenchZone("0", "package-0", "package0", Constant(50.0), counter, faults=faults)
        (early,) = Topology("early", (zone,)).up_before(10.0).zones
        shown = [counter_uj(early, t_s) for t_s in (-9.0, -5.0, 0.0, 1.0)]
        assert shown == sorted(shown)
        for t_s in (1.0, 3.0):
            moved = counter_uj(early, t_s) - counter_uj(early, 0.0)
            expected = counter_uj(zone, t_s) - counter_uj(zone, 0.0)
            assert moved == pytest.approx(expected, abs=2 * counter.unit_nj / 1000)
