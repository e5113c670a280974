"""Boards, rails and power meters: their names, what contains what, and what is no reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.channels import contains, total_parts
from recorders.source import SourceError
from recorders.sources.families import open_families
from recorders.sources.hwmon_chips import Found
from recorders.summary.contents import headline
from tests.support.sysfs import Sysfs


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def read(found: Found) -> dict[str, float | str]:
    """Each channel's reading, or why there is none."""
    read: dict[str, float | str] = {}
    for source in found.sources:
        for reading in source.read():
            value = reading.value
            name = source.channels()[reading.channel].name
            read[name] = str(value) if isinstance(value, SourceError) else round(value, 6)
    return read


def test_the_board_of_an_orin_nx_is_its_supply(sysfs: Sysfs) -> None:
    sysfs.ina3221(
        3, "1-0040", ("VDD_IN", 5000, 1200), ("VDD_CPU_GPU_CV", 5000, 300), ("VDD_SOC", 5000, 200)
    )
    found = open_families(sysfs.root)
    assert read(found) == {"board": 6.0, "rail_VDD_CPU_GPU_CV": 1.5, "rail_VDD_SOC": 1.0}
    assert found.refused == []
    assert found.sources[0].update_periods_s() == dict.fromkeys(read(found), 0.02)
    assert contains("board", "rail_VDD_SOC")
    assert headline([*read(found), "est_cpu"]) == "board"


def test_a_nano_draws_5_w_and_not_the_sum_with_its_parts(sysfs: Sysfs) -> None:
    sysfs.write(
        "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0",
        rail_name_0="POM_5V_IN", in_power0_input=5000,
        rail_name_1="POM_5V_GPU", in_power1_input=800,
        rail_name_2="POM_5V_CPU", in_power2_input=1500,
    )  # fmt: skip
    found = open_families(sysfs.root)
    assert read(found) == {"board": 5.0, "rail_POM_5V_GPU": 0.8, "rail_POM_5V_CPU": 1.5}


def test_an_agx_orin_has_rails_and_no_total(sysfs: Sysfs) -> None:
    sysfs.ina3221(
        1,
        "1-0040",
        ("VDD_GPU_SOC", 19_000, 270),
        ("VDD_CPU_CV", 19_000, 172),
        ("VIN_SYS_5V0", 5000, 1100),
    )
    sysfs.ina3221(2, "1-0041", ("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 100), ("NC", 0, 0))
    found = open_families(sysfs.root)
    assert read(found) == {
        "rail_VDD_GPU_SOC": 5.13,
        "rail_VDD_CPU_CV": 3.268,
        "rail_VIN_SYS_5V0": 5.5,
        "rail_VDDQ_VDD2_1V8AO": 0.5,
    }
    assert [refusal.source for refusal in found.refused] == ["board"]


def test_the_board_of_an_agx_xavier_is_the_sum_of_its_rails(sysfs: Sysfs) -> None:
    sysfs.ina3221(1, "1-0040", ("GPU", 19_000, 100), ("CPU", 19_000, 100), ("SOC", 19_000, 100))
    sysfs.ina3221(2, "1-0041", ("CV", 19_000, 10), ("VDDRQ", 19_000, 10), ("SYS5V", 5000, 400))
    power_w = read(open_families(sysfs.root))
    assert power_w["board"] == pytest.approx(3 * 1.9 + 2 * 0.19 + 2.0)
    assert len(power_w) == 7


@pytest.mark.parametrize("label_file", ["label", "power1_label"])
def test_the_board_of_a_thor_is_its_supply_by_ina238_monitors(
    sysfs: Sysfs, label_file: str
) -> None:
    powers_w = {"VIN": 61.5, "VDD_GPU": 22.0, "VDD_CPU_SOC_MSS": 17.25, "VIN_SYS_5V0": 9.125}
    for number, (label, power_w) in enumerate(powers_w.items()):
        files = {label_file: label, "power1_input": round(power_w * 1e6)}
        # Volts times amperes would be another number: the chip's own power is read.
        files |= {"in0_input": 3, "in1_input": 19_000, "curr1_input": 100, "update_interval": 20}
        sysfs.chip(number, "ina238", f"1-004{number}", **files)
    sysfs.write("sys/class/power_supply/ucsi-source-psy-1", type="USB", voltage_now=20_000_000)
    found = open_families(sysfs.root)
    assert read(found) == {
        "board": 61.5,
        "rail_VDD_GPU": 22.0,
        "rail_VDD_CPU_SOC_MSS": 17.25,
        "rail_VIN_SYS_5V0": 9.125,
    }
    assert found.refused == []
    assert total_parts(read(found)) == []
    assert headline([*read(found), "gpu0", "total", "est_cpu"]) == "board"


def test_an_ina238_of_another_maker_is_no_jetson(sysfs: Sysfs) -> None:
    sysfs.chip(0, "ina238", "1-0040", label="VIN", power1_input=12_000_000)
    assert read(open_families(sysfs.root)) == {"rail_VIN": 12.0}


def test_a_module_contains_the_grace_socket_and_its_parts(sysfs: Sysfs) -> None:
    for number, (part, power_w) in enumerate(
        {"SysIO": 20, "CPU": 150, "Grace": 210, "Module": 640}.items()
    ):
        label = f"{part} Power Socket 0"
        sysfs.acpi_meter(number, f"ACPI000D:0{number}", power_w * 1_000_000, label)
    found = open_families(sysfs.root)
    assert read(found) == {
        "board": 640.0, "rail_cpu0": 150.0, "rail_grace0": 210.0, "rail_sysio0": 20.0
    }  # fmt: skip
    assert not any(channel.in_total for channel in found.sources[0].channels())
    assert contains("board", "gpu0")
    assert headline([*read(found), "gpu0", "total"]) == "board"
    assert set(found.sources[0].update_periods_s().values()) == {0.05}


def test_a_switched_off_channel_has_a_reason_and_no_power(sysfs: Sysfs) -> None:
    chip = sysfs.chip(0, "ina226", "1-0040", power1_input=12_500_000)
    found = open_families(sysfs.root)
    assert read(found) == {"rail_ina226_1_0040": 12.5}
    (chip / "power1_input").write_text(f"{2**64 - 61}\n")
    (value,) = read(found).values()
    assert "an error and no reading" in str(value)
