"""Laptop batteries: only what the machine draws from them, and nothing while they charge."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Gone, Retry, SourceError
from recorders.sources.battery import SLOWEST_S, open_battery
from recorders.sources.hwmon import NumberFile
from tests.support.doubles import ManualClock
from tests.support.sysfs import Sysfs, forbid


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def battery(sysfs: Sysfs, name: str = "BAT0", status: str = "Discharging", **files: object) -> Path:
    return sysfs.write(
        f"sys/class/power_supply/{name}", type="Battery", scope="System", status=status, **files
    )


def power_w(sysfs: Sysfs) -> float | SourceError | None:
    found = open_battery(sysfs.root)
    if not found.sources:
        return None
    (reading,) = found.sources[0].read()
    return reading.value


def test_a_negative_current_is_what_the_machine_draws(sysfs: Sysfs) -> None:
    battery(sysfs, current_now=-1_250_000, voltage_now=11_400_000)
    assert power_w(sysfs) == pytest.approx(14.25)


def test_power_is_taken_before_current_whatever_its_sign(sysfs: Sysfs) -> None:
    battery(sysfs, power_now=-9_500_000, current_now=1, voltage_now=12_000_000)
    assert power_w(sysfs) == pytest.approx(9.5)


def test_two_batteries_add_and_one_that_rests_counts_nothing(sysfs: Sysfs) -> None:
    battery(sysfs, "BAT0", power_now=6_000_000)
    battery(sysfs, "BAT1", power_now=4_000_000)
    assert power_w(sysfs) == pytest.approx(10.0)
    (sysfs.root / "sys/class/power_supply/BAT1/status").write_text("Not charging\n")
    assert power_w(sysfs) == pytest.approx(6.0)


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown"])
def test_a_battery_that_does_not_discharge_has_a_reason_and_no_power(
    sysfs: Sysfs, status: str
) -> None:
    battery(sysfs, status=status, power_now=0)
    found = open_battery(sysfs.root)
    assert found.sources == []
    (refusal,) = found.refused
    assert "the battery is" in refusal.reason
    assert refusal.remedy == "unplug the charger"
    assert refusal.part == ""


def test_a_discharging_battery_whose_power_cannot_be_read_is_not_to_be_unplugged(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = battery(sysfs, current_now=1_250_000, voltage_now=11_400_000)
    forbid(monkeypatch, own / "voltage_now")
    found = open_battery(sysfs.root)
    (refusal,) = found.refused
    assert (found.sources, refusal.kind) == ([], "right")
    assert "only root may read it" in refusal.reason
    assert refusal.remedy == f"sudo chmod a+r {own / 'voltage_now'}"


def test_batteries_of_mice_and_negotiations_of_usb_are_not_the_machines(sysfs: Sysfs) -> None:
    mouse = battery(sysfs, "hidpp_battery_0", power_now=1_000_000)
    (mouse / "scope").write_text("Device\n")
    battery(sysfs, "ucsi-source-psy-USBC000:001", current_now=3_000_000, voltage_now=20_000_000)
    sysfs.write("sys/class/power_supply/AC", type="Mains", online=1)
    found = open_battery(sysfs.root)
    assert (found.sources, found.refused) == ([], [])


def test_a_battery_without_power_or_current_is_refused(sysfs: Sysfs) -> None:
    battery(sysfs, charge_now=1)
    found = open_battery(sysfs.root)
    assert found.sources == []
    assert "neither" in found.refused[0].reason


def test_an_empty_bay_hides_no_battery(sysfs: Sysfs) -> None:
    battery(sysfs, "BAT0", power_now=9_000_000)
    battery(sysfs, "BAT1", status="Unknown", present=0)
    assert power_w(sysfs) == pytest.approx(9.0)


def test_the_channel_ends_when_the_charger_is_plugged_in(sysfs: Sysfs) -> None:
    directory = battery(sysfs, power_now=8_000_000)
    (source,) = open_battery(sysfs.root).sources
    (directory / "status").write_text("Charging\n")
    (reading,) = source.read()
    assert isinstance(reading.value, Gone)
    assert "the battery is charging" in str(reading.value)
    (directory / "status").write_text("Discharging\n")
    assert source.read() == []


def test_a_state_that_is_not_known_for_a_moment_is_a_gap(sysfs: Sysfs) -> None:
    directory = battery(sysfs, power_now=8_000_000)
    (source,) = open_battery(sysfs.root).sources
    (directory / "status").write_text("Unknown\n")
    (reading,) = source.read()
    assert isinstance(reading.value, Retry)


def test_the_update_period_of_the_firmware_is_measured(sysfs: Sysfs) -> None:
    clock = ManualClock()
    directory = battery(sysfs, power_now=8_000_000)
    (source,) = open_battery(sysfs.root, clock=clock.monotonic_ns).sources
    assert source.update_periods_s() == {"battery": SLOWEST_S}
    begun_ns = clock.monotonic_ns()
    while (wait_s := source.calibrate()) is not None:
        clock.advance(wait_s)
        refreshes = (clock.monotonic_ns() - begun_ns) // 4_000_000_000
        (directory / "power_now").write_text(f"{8_000_000 + refreshes * 1000}\n")
    assert source.update_periods_s() == {"battery": pytest.approx(4.0)}


@given(text=st.one_of(st.binary(max_size=40), st.integers().map(lambda n: str(n).encode())))
def test_a_file_is_its_number_or_a_reason(
    text: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "number"
    path.write_bytes(text)
    file = NumberFile(path, counts=True)
    value = reading_of(file)
    file.close()
    if isinstance(value, SourceError):
        assert str(path) in str(value)
    else:
        assert value == int(text) < 2**63


def reading_of(file: NumberFile) -> float | SourceError:
    try:
        return file.read()
    except SourceError as error:
        return error
