"""Sysfs numbers as powers: what is a reading, what is a reason, and what a chip is known by."""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.channels import kind_of
from recorders.source import Gone, Retry, SourceError
from recorders.sources.families import FAMILIES, open_families
from recorders.sources.hwmon import failure, is_error_number
from recorders.sources.hwmon_chips import Chip, Found, find_chips
from recorders.sources.rails import rail_name
from tests.support.examples import examples
from tests.support.sysfs import Sysfs

WORDS = {
    errno.ENODATA: (Retry, "switched off"),
    errno.EPERM: (Gone, "asleep or being reset"),
    errno.EACCES: (Retry, "only root"),
    errno.ENODEV: (Gone, "gone"),
    errno.EIO: (Retry, "Input/output error"),
}


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def powers(found: Found) -> dict[str, float]:
    return {
        source.channels()[reading.channel].name: reading.value
        for source in found.sources
        for reading in source.read()
        if not isinstance(reading.value, SourceError)
    }


@pytest.mark.parametrize("number", WORDS)
def test_an_error_is_a_reason_in_words(number: int) -> None:
    kind, words = WORDS[number]
    error = failure(Path("in1_input"), OSError(number, "Input/output error"))
    assert type(error) is kind
    assert words in str(error)


def test_errors_printed_as_large_numbers_are_no_readings() -> None:
    assert is_error_number(2**64 - 61)
    assert is_error_number(2**32 - 1)
    assert not is_error_number(275_000_000)
    # A counter passes such a number on its way.
    assert not is_error_number(2**32 - 1, counts=True)


def test_a_chip_is_the_same_whatever_its_number(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.chip(4, "ina226", "1-0040", power1_input=1_000_000)
    sysfs.chip(5, "ina226", "1-0041", power1_input=2_000_000)
    again = Sysfs(tmp_path / "again")
    again.chip(5, "ina226", "1-0040", power1_input=1_000_000)
    again.chip(4, "ina226", "1-0041", power1_input=2_000_000)
    expected = {"rail_ina226_1_0040": 1.0, "rail_ina226_1_0041": 2.0}
    assert powers(open_families(sysfs.root)) == powers(open_families(again.root)) == expected


def test_volts_and_amperes_are_multiplied_only_where_they_belong_together(sysfs: Sysfs) -> None:
    sysfs.chip(0, "ina219", "1-0040", in0_input=10, in1_input=5000, curr1_input=400)
    sysfs.chip(1, "max20730", "1-0050", in1_input=12_000, in2_input=1000, curr1_input=3000)
    sysfs.chip(2, "ltc2947", "1-005c", in0_input=24_000, in1_input=1, curr1_input=500)
    sysfs.chip(3, "unknown", "1-0060", in1_input=5000, curr1_input=400, power1_input=1)
    assert powers(open_families(sysfs.root)) == pytest.approx(
        {"rail_ina219_1_0040": 2.0, "rail_ltc2947_1_005c": 12.0, "rail_max20730_1_0050": 3.0}
    )


def test_an_energy_counter_that_counts_is_read_before_power(sysfs: Sysfs) -> None:
    sysfs.chip(0, "ina228", "1-0040", energy1_input=5_000_000, power1_input=1_000_000)
    sysfs.chip(1, "ina228", "1-0041", energy1_input=0, power1_input=1_000_000)
    channels = [source.channels()[0] for source in open_families(sysfs.root).sources]
    assert [(channel.unit, channel.remarks) for channel in channels] == [
        ("J", ("no_range",)),
        ("W", ("integrated",)),
    ]


def test_rails_with_one_label_are_told_apart_by_their_chips(sysfs: Sysfs) -> None:
    for number in (0, 1):
        sysfs.chip(number, "ina260", f"1-004{number}", power1_input=10**6, power1_label="12V")
    assert sorted(powers(open_families(sysfs.root))) == [
        "rail_12V_ina260_1_0040_1",
        "rail_12V_ina260_1_0041_1",
    ]


def test_a_board_without_one_of_its_modules_is_no_board(sysfs: Sysfs) -> None:
    sysfs.acpi_meter(0, "ACPI000D:00", 600_000_000, "Module Power Socket 0")
    sysfs.acpi_meter(1, "ACPI000D:01", 2**64 - 1, "Module Power Socket 1")
    found = open_families(sysfs.root)
    assert powers(found) == {"rail_module0": 600.0}
    assert "an error" in found.refused[0].reason


def test_grace_sockets_without_a_module_are_packages(sysfs: Sysfs) -> None:
    for number in (0, 1):
        label = f"Grace Power Socket {number}"
        sysfs.acpi_meter(number, f"ACPI000D:0{number}", 200_000_000, label)
    sysfs.acpi_meter(2, "ACPI000D:02", 150_000_000, "CPU Power Socket 0")
    found = open_families(sysfs.root)
    assert powers(found) == {"package0": 200.0, "package1": 200.0, "rail_cpu0": 150.0}
    in_total = [channel.name for s in found.sources for channel in s.channels() if channel.in_total]
    assert in_total == ["package0", "package1"]


def test_a_meter_of_a_server_is_a_rail_in_no_total(sysfs: Sysfs) -> None:
    sysfs.acpi_meter(0, "ACPI000D:00", 320_000_000)
    found = open_families(sysfs.root)
    assert powers(found) == {"rail_power_meter_ACPI000D_00": 320.0}
    assert not found.sources[0].channels()[0].in_total


def test_a_sensor_that_hangs_at_the_start_costs_only_those_after_it(sysfs: Sysfs) -> None:
    sysfs.chip(0, "ina226", "1-0040", power1_input=1_000_000)
    ended = threading.Event()

    def hangs(root: Path, chips: Sequence[Chip]) -> Found:
        ended.wait(10)
        return Found(left=chips)

    found = open_families(sysfs.root, (*FAMILIES, hangs), answer_s=0.3)
    ended.set()
    assert list(powers(found)) == ["rail_ina226_1_0040"]
    assert "has not answered" in found.refused[0].reason


def test_a_machine_without_sensors_has_nothing_to_say(tmp_path: Path) -> None:
    found = open_families(tmp_path)
    assert (found.sources, found.refused) == ([], [])


@given(label=st.text(max_size=20))
def test_every_label_is_the_name_of_a_rail(label: str) -> None:
    name = rail_name(label)
    assert re.fullmatch(r"rail_[A-Za-z0-9_]+", name)
    assert kind_of(name).name == "rail"


@examples(60)
@given(st.dictionaries(
    st.sampled_from(["name", "in1_input", "in1_label", "curr1_input", "power1_input",
                     "power1_average", "energy1_input", "update_interval", "power1_oem_info"]),
    st.one_of(st.binary(max_size=40), st.integers().map(lambda n: str(n).encode())),
), st.sampled_from([b"ina3221", b"ina226", b"power_meter"]))  # fmt: skip
def test_whatever_a_chip_shows_is_a_number_of_its_files_or_a_reason(
    files: dict[str, bytes], name: bytes
) -> None:
    with TemporaryDirectory() as folder:
        chip = Path(folder) / "sys/class/hwmon/hwmon0"
        chip.mkdir(parents=True)
        for file, content in {**files, "name": name}.items():
            (chip / file).write_bytes(content)
        assert find_chips(Path(folder))
        found = open_families(Path(folder))
        for value in powers(found).values():
            numbers = [int(text) for text in files.values() if _is_number(text)]
            products = [a * b for a in numbers for b in numbers]
            assert any(value == pytest.approx(n * 1e-6) for n in numbers + products)
        for source in found.sources:
            source.close()


def _is_number(text: bytes) -> bool:
    return re.fullmatch(rb"\s*-?[0-9]+\s*", text) is not None


def test_a_switch_that_cannot_be_read_hides_no_other_chip(sysfs: Sysfs) -> None:
    broken = sysfs.chip(0, "ina226", "1-0040", power1_input="none")
    (broken / "power1_enable").mkdir()
    sysfs.chip(1, "ina226", "1-0041", power1_input=3_000_000)
    found = open_families(sysfs.root)
    assert powers(found) == {"rail_ina226_1_0041": 3.0}
    assert [refusal.source for refusal in found.refused] == ["hwmon ina226 1-0040"]
