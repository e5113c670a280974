"""Apple silicon through a library that publishes in batches."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.channels import contains, is_counted_again, total_parts
from recorders.counter import Counter
from recorders.source import Gone, Implausible, Retry
from recorders.sources import apple
from recorders.sources.apple import AppleSilicon, counts_of, open_apple
from testbench.curves import Constant, Sine
from testbench.fakeapple import FakeChip
from tests.support.doubles import ManualClock

CURVES = {
    "core0": Sine(12.0, 6.0, 9.0),
    "igpu0": Constant(20.0),
    "npu0": Constant(4.0),
    "dram0": Constant(3.0),
    "sram": Constant(0.5),
}


def chip_on(clock: ManualClock, **fields: object) -> FakeChip:
    begun_ns = clock.now_ns
    parts: dict[str, object] = {"curves": CURVES, **fields}
    return FakeChip(seconds=lambda: (clock.now_ns - begun_ns) * 1e-9, **parts)  # type: ignore[arg-type]


def opened(clock: ManualClock, **fields: object) -> AppleSilicon:
    source, refused = open_apple(chip_on(clock, **fields), clock.monotonic_ns, clock.advance)
    assert refused == []
    assert source is not None
    return source


def learned(source: AppleSilicon, clock: ManualClock) -> float:
    """The period after looking for it."""
    while (wait_s := source.calibrate()) is not None:
        clock.advance(wait_s)
    (period_s,) = set(source.update_periods_s().values())
    return period_s


def test_the_package_contains_cpu_gpu_and_engine_and_no_part_is_counted_twice() -> None:
    source = opened(ManualClock())
    names = [channel.name for channel in source.channels()]
    assert names == ["package0", "core0", "igpu0", "npu0", "dram0"]
    assert total_parts(names) == ["package0", "dram0"]
    assert [c.name for c in source.channels() if c.in_total] == ["package0", "dram0"]
    for part in ("core0", "igpu0", "npu0"):
        assert contains("package0", part)
        assert is_counted_again(part)
    assert source.facts()["package0"] == {"reading": "cpu_total_mj + gpu_mj + ane_mj"}


@pytest.mark.parametrize(("publish_s", "share"), [(2.1, 0.02), (0.02, 0.2)])
def test_joules_and_watts_of_a_chip_that_publishes_in_batches(
    publish_s: float, share: float
) -> None:
    clock = ManualClock()
    begun_ns = clock.now_ns
    source = opened(clock, publish_s=publish_s)
    assert learned(source, clock) == pytest.approx(publish_s, rel=share)
    periods_s = source.update_periods_s()
    counters = {c.name: Counter(None, c.bound_w, c.always_moves, c.settle_s) for c in
                source.channels()}  # fmt: skip
    for name, counter in counters.items():
        counter.learn(periods_s[name])
    names, powers_w, span_s = list(counters), [], []
    for _ in range(300):
        for reading in source.read():
            assert isinstance(reading.value, float)
            counter = counters[names[reading.channel]]
            assert counter.update(reading.value, reading.time_ns, reading.over_s) is None
            if names[reading.channel] == "igpu0" and counter.power_w is not None:
                powers_w.append(counter.power_w)
        span_s.append((clock.now_ns - begun_ns) * 1e-9)
        clock.advance(0.1)
    shown_s = [math.floor(s / publish_s) * publish_s for s in (span_s[0], span_s[-1])]
    for name, parts in (("core0", ["core0"]), ("package0", ["core0", "igpu0", "npu0"])):
        true_j = sum(CURVES[p].energy_j(shown_s[1]) - CURVES[p].energy_j(shown_s[0]) for p in parts)
        assert counters[name].energy_j == pytest.approx(true_j, rel=1e-3, abs=0.01)
    # Never 0 W in one reading and double in the next.
    assert len(powers_w) >= 10
    assert powers_w == pytest.approx([20.0] * len(powers_w), rel=0.06)


def test_a_chip_without_some_counters_has_the_sum_of_the_others() -> None:
    curves = {"core0": Constant(5.0), "igpu0": Constant(2.0)}
    source = opened(ManualClock(), curves=curves)
    assert [channel.name for channel in source.channels()] == ["package0", "core0", "igpu0"]
    assert source.facts()["package0"] == {"reading": "cpu_total_mj + gpu_mj"}


def test_a_cpu_counter_that_stands_still_is_refused() -> None:
    clock = ManualClock()
    chip = chip_on(clock, frozen={"core0"})
    source, (refusal,) = open_apple(chip, clock.monotonic_ns, clock.advance)
    assert source is None
    assert refusal.reason == "cpu_total_mj stands still"
    assert refusal.part == "package"


def test_a_cpu_counter_that_freezes_ends_its_channels_and_no_others() -> None:
    clock = ManualClock()
    curves = CURVES | {"core0": Constant(12.0)}
    chip = chip_on(clock, curves=curves)
    source, _ = open_apple(chip, clock.monotonic_ns, clock.advance)
    assert source is not None
    chip.frozen = {"core0"}
    for _ in range(150):
        readings = source.read()
        clock.advance(0.1)
    gone = [isinstance(reading.value, Gone) for reading in readings]
    assert gone == [True, True, False, False, False]


def test_a_part_that_is_missing_later_is_no_reading() -> None:
    clock = ManualClock()
    chip = chip_on(clock)
    source, _ = open_apple(chip, clock.monotonic_ns, clock.advance)
    assert source is not None
    chip.curves = {part: curve for part, curve in CURVES.items() if part != "npu0"}
    values = [reading.value for reading in source.read()]
    assert [isinstance(value, Retry) for value in values] == [True, False, False, True, False]


def test_without_the_library_the_reason_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(apple.importlib, "import_module", fail)
    source, (refusal,) = open_apple()
    assert source is None
    assert refusal.remedy == "pip install 'wattui[apple]'"


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()))
def test_any_value_is_its_millijoules_or_no_reading(value: object) -> None:
    try:
        counts = counts_of(SimpleNamespace(cpu_total_mj=value))
    except Implausible:
        assert type(value) is not int or value < 0
        return
    assert counts == ({} if value is None else {"cpu_total_mj": value})
