"""The energy counters of AMD GPUs: used where they agree with the driver's power, else refused."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.counter import Counter
from recorders.source import Channel, Implausible
from recorders.sources import amd_smi
from recorders.sources.amd_smi import energy_j, use_counters
from recorders.sources.families import open_families
from recorders.sources.hwmon_chips import Found
from testbench.curves import Constant, Sine
from testbench.fakeamdsmi import FakeAmdSmi, Fault, SmiCard
from tests.support.doubles import ManualClock
from tests.support.sysfs import Sysfs

CARD, SECOND = "0000:03:00.0", "0000:83:00.0"


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def library_of(clock: ManualClock, *cards: SmiCard) -> FakeAmdSmi:
    begun_ns = clock.now_ns
    return FakeAmdSmi(cards, lambda: (clock.now_ns - begun_ns) * 1e-9)


def counted(sysfs: Sysfs, library: object, clock: ManualClock) -> Found:
    sources = open_families(sysfs.root).sources
    return use_counters(sources, library, clock.monotonic_ns, clock.advance)


def channels(found: Found) -> dict[str, Channel]:
    return {channel.name: channel for source in found.sources for channel in source.channels()}


def test_a_counter_that_agrees_has_the_joules_of_the_card(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000, temp1_input=60_000)
    curve, clock = Sine(200.0, 40.0, 3.0), ManualClock()
    begun_ns = clock.now_ns
    found = counted(sysfs, library_of(clock, SmiCard(CARD, curve)), clock)
    assert found.refused == []
    assert {(name, c.unit) for name, c in channels(found).items()} == {
        ("gpu0", "J"), ("gpu0_temp", "C")
    }  # fmt: skip
    source = next(source for source in found.sources if source.name == "amdsmi")
    assert "integrated" not in channels(found)["gpu0"].remarks
    facts = source.facts()["gpu0"]
    assert isinstance(facts, dict)
    assert (facts["vendor"], facts["measures"]) == ("AMD", "energy counter")
    assert source.update_periods_s()["gpu0"] <= 0.006
    counter, times_s = Counter(None), []
    for _ in range(101):
        (reading,) = source.read()
        assert isinstance(reading.value, float)
        counter.update(reading.value, reading.time_ns)
        times_s.append((reading.time_ns - begun_ns) * 1e-9)
        clock.advance(0.1)
    true_j = curve.energy_j(times_s[-1]) - curve.energy_j(times_s[0])
    assert counter.energy_j == pytest.approx(true_j, rel=1e-3)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("still", "stood still for 2.0 s"),
        ("double", "rose by 400 W while the driver showed 200 to 200 W"),
        ("none", "'N/A' times 15.259 µJ"),
        ("refuses", "AMDSMI_STATUS_NOT_SUPPORTED"),
    ],
)
def test_a_counter_that_does_not_is_refused_and_power_is_integrated(
    sysfs: Sysfs, fault: Fault, reason: str
) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000)
    clock = ManualClock()
    found = counted(sysfs, library_of(clock, SmiCard(CARD, Constant(200.0), fault)), clock)
    (refusal,) = found.refused
    assert reason in refusal.reason
    assert "power is integrated" in refusal.reason
    assert "\n" not in refusal.reason
    assert refusal.part == ""
    assert channels(found)["gpu0"].unit == "W"


def test_a_counter_before_6_2_1_is_called_power(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000)
    clock = ManualClock()
    found = counted(sysfs, library_of(clock, SmiCard(CARD, Constant(200.0), "old")), clock)
    assert channels(found)["gpu0"].unit == "J"


def test_the_second_die_of_an_mi250_is_in_the_first(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, "0x1002:0x740c", power1_average=420_000_000)
    sysfs.card(1, "amdgpu", "0000:04:00.0", "0x1002:0x740c", power1_average=0)
    clock = ManualClock()
    both = SmiCard(CARD, Constant(420.0)), SmiCard("0000:04:00.0", Constant(0.0), "still")
    found = counted(sysfs, library_of(clock, *both), clock)
    assert {name: c.unit for name, c in channels(found).items()} == {"gpu0": "J"}
    assert found.refused == []


def test_two_cards_are_asked_one_after_the_other(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000)
    sysfs.card(1, "amdgpu", SECOND, power1_average=90_000_000)
    clock = ManualClock()
    library = library_of(clock, SmiCard(CARD, Constant(200.0)), SmiCard(SECOND, Constant(90.0)))
    found = counted(sysfs, library, clock)
    # One source has one thread.
    assert [source.name for source in found.sources] == ["amdsmi"]
    assert [c.name for c in found.sources[0].channels()] == ["gpu0", "gpu1"]
    assert not library.overlapped


def test_a_card_that_falls_asleep_is_not_asked(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000)
    clock = ManualClock()
    found = counted(sysfs, library_of(clock, SmiCard(CARD, Constant(200.0))), clock)
    status = sysfs.root / f"sys/devices/platform/{CARD}/power/runtime_status"
    status.write_text("suspended\n")
    (reading,) = found.sources[0].read()
    assert "asleep" in str(reading.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'amdsmi'"), "not installed"),
        (
            OSError("libamd_smi.so: cannot open shared object file"),
            "libamd_smi.so cannot be loaded",
        ),
        (AttributeError("undefined symbol: amdsmi_free"), "undefined symbol"),
        (KeyError("libamd_smi.so"), "KeyError"),
        (RuntimeError("what nobody expected"), "what nobody expected"),
    ],
)
def test_a_library_that_does_not_load_is_a_reason(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(name: str) -> object:
        raise error

    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000)
    monkeypatch.setattr(amd_smi.importlib, "import_module", fail)
    found = counted(sysfs, None, ManualClock())
    (refusal,) = found.refused
    assert reason in refusal.reason
    assert channels(found)["gpu0"].unit == "W"


def test_a_library_that_hangs_is_left_behind_and_power_is_integrated(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=200_000_000)
    clock, answers = ManualClock(), threading.Event()
    library = library_of(clock, SmiCard(CARD, Constant(200.0)))
    monkeypatch.setattr(library, "amdsmi_init", lambda: answers.wait(10))
    monkeypatch.setattr(amd_smi, "ANSWER_S", 0.05)
    monkeypatch.setattr(amd_smi, "CHECK_S", 0.0)
    found = counted(sysfs, library, clock)
    answers.set()
    (refusal,) = found.refused
    assert "no answer" in refusal.reason
    assert channels(found)["gpu0"].unit == "W"


def test_it_is_imported_only_where_there_is_an_amd_card(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(amd_smi.importlib, "import_module", asked.append)
    sysfs.card(0, "xe", CARD, "0x8086:0xe211", energy1_input=9_000_000)
    sysfs.card(1, "amdgpu", "0000:c4:00.0", power1_average=17_000_000, in1_input=900)
    found = counted(sysfs, None, ManualClock())
    assert asked == []
    assert set(channels(found)) == {"gpu0", "igpu0"}
    assert "amdsmi" not in sys.modules


answers = st.dictionaries(
    st.sampled_from(["energy_accumulator", "power", "counter_resolution"]),
    st.one_of(st.none(), st.just("N/A"), st.integers(-(2**70), 2**70), st.floats(), st.booleans()),
)


@given(answers)
def test_any_answer_is_its_joules_or_no_reading(counted: dict[str, object]) -> None:
    try:
        found_j = energy_j(counted)
    except Implausible:
        return
    count = counted.get("energy_accumulator", counted.get("power"))
    step_uj = counted["counter_resolution"]
    assert isinstance(count, int)
    assert isinstance(step_uj, float)
    assert found_j == count * step_uj * 1e-6
    assert found_j >= 0
