"""The estimate: idle power always, the rest in proportion to the busy time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.sources.estimate import (
    Estimate,
    PowerModel,
    busy_seconds,
    choose_model,
    open_estimate,
)
from tests.support.doubles import ManualClock

MODEL = PowerModel(idle_w=20.0, max_w=100.0, basis="a test")


class Processor:
    """Busy seconds that a test adds to."""

    def __init__(self, busy_s: float = 12_345.0) -> None:
        self.busy_s = busy_s

    def __call__(self) -> float:
        return self.busy_s


def cpuinfo(name: str, sockets: int = 1, hypervisor: bool = False) -> str:
    flags = "flags : fpu hypervisor\n" if hypervisor else "flags : fpu\n"
    return "".join(
        f"processor : {n}\nmodel name : {name}\nphysical id : {n}\n{flags}\n"
        for n in range(sockets)
    )


def estimated_j(cpus: int, seconds: float, busy_cpu_s: float) -> float:
    clock, processor = ManualClock(), Processor()
    source = Estimate(MODEL, cpus, processor, clock.monotonic_ns)
    clock.advance(seconds)
    processor.busy_s += busy_cpu_s
    (reading,) = source.read()
    assert isinstance(reading.value, float)
    return reading.value


def test_it_is_called_estimated_and_is_in_no_total() -> None:
    (channel,) = Estimate(MODEL, 4, Processor()).channels()
    assert (channel.name, channel.unit) == ("est_cpu", "J")
    assert (channel.origin, channel.in_total) == ("estimated", False)


@pytest.mark.parametrize(("share", "power_w"), [(0.0, 20.0), (0.5, 60.0), (1.0, 100.0)])
def test_power_goes_from_idle_to_full_with_utilisation(share: float, power_w: float) -> None:
    assert estimated_j(8, 10.0, busy_cpu_s=8 * 10.0 * share) == pytest.approx(10 * power_w)


@given(st.integers(1, 256), st.floats(0.001, 1e5), st.floats(0, 1))
def test_the_estimate_lies_between_idle_and_full_power(
    cpus: int, seconds: float, share: float
) -> None:
    energy_j = estimated_j(cpus, seconds, cpus * seconds * share)
    assert 20 * seconds * 0.999999 - 1e-6 <= energy_j <= 100 * seconds * 1.000001 + 1e-6


def test_work_before_the_recording_is_not_counted() -> None:
    source = Estimate(MODEL, 4, Processor(9e9), ManualClock().monotonic_ns)
    assert source.read()[0].value == 0.0


def test_a_given_tdp_wins_over_everything() -> None:
    model = choose_model(cpuinfo("Intel Core i7-9700K", hypervisor=True), 8, 8, 65.0)
    assert (model.max_w, model.idle_w) == pytest.approx((65.0, 0.3 * 65))
    assert "--tdp 65" in model.basis


@pytest.mark.parametrize(
    ("name", "watts"),
    [
        ("Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz", 95),
        ("AMD Ryzen 9 7950X 16-Core Processor", 170),
        ("AMD EPYC 7763 64-Core Processor", 280),
        ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", 270),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 120),
    ],
)
def test_a_known_processor_has_the_power_of_its_data_sheet(name: str, watts: int) -> None:
    model = choose_model(cpuinfo(name), 16, 8, None)
    assert model.max_w == watts
    assert str(watts) in model.basis


def test_two_sockets_draw_twice_as_much() -> None:
    assert choose_model(cpuinfo("AMD EPYC 7763", sockets=2), 256, 128, None).max_w == 560


def test_a_model_number_is_not_found_inside_a_longer_one() -> None:
    assert "not in the table" in choose_model(cpuinfo("Core i7-9700KF"), 8, 8, None).basis


def test_a_virtual_machine_has_a_share_of_a_server_for_each_of_its_processors() -> None:
    model = choose_model(cpuinfo("AMD EPYC 7763", hypervisor=True), 4, 2, None)
    assert (model.idle_w, model.max_w) == pytest.approx((4 * 0.74, 4 * 3.5))
    assert "virtual" in model.basis


def test_an_unknown_processor_is_guessed_by_its_cores_and_says_so() -> None:
    model = choose_model(cpuinfo("Brand New 9000"), 16, 8, None)
    assert model.max_w == 80.0
    assert "Brand New 9000 not in the table" in model.basis


@given(st.text(), st.integers(1, 512), st.one_of(st.none(), st.floats(1, 1000)))
def test_any_processor_gets_a_model_with_less_power_idle_than_busy(
    text: str, cpus: int, tdp_w: float | None
) -> None:
    model = choose_model(text, cpus, max(1, cpus // 2), tdp_w)
    assert 0 < model.idle_w < model.max_w
    assert model.basis


def test_the_processor_of_a_root_directory_is_looked_up(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo("Intel(R) Core(TM) i9-13900K"))
    assert open_estimate(tmp_path).facts()["max_w"] == 125.0


def test_without_cpuinfo_there_is_still_an_estimate(tmp_path: Path) -> None:
    facts = open_estimate(tmp_path).facts()
    assert "unknown processor" in str(facts["basis"])


def test_busy_time_of_this_machine_grows_with_work() -> None:
    before_s = busy_seconds()
    while busy_seconds() == before_s:
        sum(range(100_000))
    assert busy_seconds() > before_s
