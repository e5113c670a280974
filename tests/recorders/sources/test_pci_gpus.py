"""AMD and Intel GPUs: what each driver shows, what lies in what, and cards that sleep."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.channels import is_counted_again, total_parts
from recorders.counter import Counter
from recorders.source import Gone, SourceError
from recorders.sources.amdgpu import POWERS
from recorders.sources.families import open_families
from recorders.sources.hwmon import NumberFile
from recorders.sources.hwmon_chips import find_chips
from recorders.sources.pci_gpus import CardSensor, Driver, cards_on_bus, open_cards
from tests.recorders.sources.test_boards import read
from tests.support.doubles import ManualClock
from tests.support.sysfs import Sysfs, forbid

CARD, SECOND = "0000:03:00.0", "0000:83:00.0"
ARC = "0x8086:0xe211"


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


@pytest.mark.parametrize(
    ("files", "power_w", "measures"),
    [
        ({"power1_input": 35_000_000}, 35.0, "instantaneous power"),
        ({"power1_average": 34_000_000}, 34.0, "mean power"),
        ({"power1_average": 34_000_000, "power1_input": 35_000_000}, 34.0, "mean power"),
    ],
)
def test_a_radeon_has_one_power_and_says_which(
    sysfs: Sysfs, files: dict[str, object], power_w: float, measures: str
) -> None:
    sysfs.card(4, "amdgpu", CARD, **files)
    found = open_families(sysfs.root)
    assert read(found) == {"gpu0": power_w}
    assert total_parts(read(found)) == ["gpu0"]
    facts = found.sources[0].facts()["gpu0"]
    assert isinstance(facts, dict)
    assert (facts["vendor"], facts["pci_id"], facts["measures"]) == (
        "AMD", "0x1002:0x744c", measures
    )  # fmt: skip


def test_a_gpu_in_the_processor_is_in_no_sum(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", "0000:c4:00.0", power1_average=17_000_000, in1_input=900)
    assert read(open_families(sysfs.root)) == {"igpu0": 17.0}
    assert total_parts(["package0", "igpu0"]) == ["package0"]
    assert is_counted_again("igpu0")


def test_the_second_die_of_an_mi250_has_no_reading(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, "0x1002:0x740c", power1_average=420_000_000)
    sysfs.card(1, "amdgpu", "0000:04:00.0", "0x1002:0x740c", power1_average=0)
    found = open_families(sysfs.root)
    assert read(found) == {"gpu0": 420.0}
    (refusal,) = found.refused
    assert "second die of an MI250" in refusal.reason
    assert refusal.part == ""


def test_another_card_that_shows_0_w_is_missing_from_the_total(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=0)
    found = open_families(sysfs.root)
    assert read(found) == {}
    assert [refusal.part for refusal in found.refused] == ["gpu0"]


def test_a_sleeping_card_is_neither_opened_nor_0_w(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=9_000_000)
    status = sysfs.root / f"sys/devices/platform/{CARD}/power/runtime_status"
    found = open_families(sysfs.root)
    assert read(found) == {"gpu0": 9.0}
    found.sources[0].close()
    status.write_text("suspended\n")
    opened: list[Path] = []
    monkeypatch.setattr(NumberFile, "read", lambda file: opened.append(file.path))
    assert "asleep" in str(read(found)["gpu0"])
    again = open_families(sysfs.root)
    assert read(again) == {}
    (refusal,) = again.refused
    assert (refusal.part, "asleep" in refusal.reason) == ("gpu0", True)
    assert refusal.remedy.endswith(f"{CARD}/power/control")
    assert opened == []


def test_a_driver_that_refuses_ends_the_channel_as_asleep(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=9_000_000)
    (source,) = open_families(sysfs.root).sources

    def refused(*_: object) -> bytes:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("recorders.sources.hwmon.os.pread", refused)
    (reading,) = source.read()
    assert isinstance(reading.value, Gone)
    assert "asleep" in str(reading.value)


@pytest.mark.parametrize(
    ("used_j", "seconds", "power_w"), [(95.0, 0.5, 190.0), (414.0, 2.01, 205.97)]
)
def test_an_arc_counts_its_card_once_and_beyond_32_bits(
    sysfs: Sysfs, used_j: float, seconds: float, power_w: float
) -> None:
    chip = sysfs.card(
        2, "xe", CARD, ARC,
        energy1_input=710_520_000_000_000, energy1_label="card",
        energy2_input=977_130_000_000_000, energy2_label="pkg", power1_cap=275_000_000,
    )  # fmt: skip
    found = open_families(sysfs.root)
    (source,) = found.sources
    (channel,) = source.channels()
    assert (channel.name, channel.unit, channel.bound_w) == ("gpu0", "J", 550.0)
    counter = Counter(None, channel.bound_w)
    counter.update(read(found)["gpu0"], 0)  # type: ignore[arg-type]
    (chip / "energy1_input").write_text(f"{710_520_000_000_000 + round(used_j * 1e6)}\n")
    counter.update(read(found)["gpu0"], round(seconds * 1e9))  # type: ignore[arg-type]
    assert counter.energy_j == pytest.approx(used_j)
    assert counter.power_w == pytest.approx(power_w, abs=0.01)


def test_the_package_of_a_gpu_in_an_intel_processor_is_in_no_sum(sysfs: Sysfs) -> None:
    sysfs.card(0, "xe", "0000:00:02.0", "0x8086:0x64a0", energy2_input=5_000_000)
    assert read(open_families(sysfs.root)) == {"igpu0": 5.0}


def test_a_gpu_in_the_processor_moves_no_cards_number(sysfs: Sysfs) -> None:
    sysfs.card(0, "xe", "0000:00:02.0", "0x8086:0x64a0", energy2_input=5_000_000)
    sysfs.card(1, "amdgpu", CARD, power1_average=34_000_000)
    assert read(open_families(sysfs.root)) == {"igpu0": 5.0, "gpu0": 34.0}
    assert cards_on_bus(sysfs.root) == [CARD]


def test_an_arc_whose_card_counter_cannot_be_read_has_its_package_and_says_why(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    energies = {"energy1_input": 9_000_000, "energy2_input": 6_000_000}
    chip = sysfs.card(0, "xe", CARD, ARC, **energies)
    forbid(monkeypatch, chip / "energy1_input")
    found = open_families(sysfs.root)
    assert read(found) == {"gpu0": 6.0}
    (refusal,) = found.refused
    assert "energy1_input: only root may read it; energy2_input is read instead" in refusal.reason
    assert refusal.remedy == f"sudo chmod a+r {chip / 'energy1_input'}"
    assert (refusal.kind, refusal.part, refusal.warns) == ("right", "", True)
    assert refusal.flag == "only_package"
    assert refusal.reason.startswith("gpu0: ")
    facts = found.sources[0].facts()["gpu0"]
    assert isinstance(facts, dict)
    assert facts["measures"] == "energy of the package"


def test_tiles_of_i915_lie_in_the_device(sysfs: Sysfs) -> None:
    sysfs.card(0, "i915", CARD, ARC, energy1_input=9_000_000)
    sysfs.card(1, "i915_gt0", SECOND, ARC, energy1_input=4_000_000)
    assert read(open_families(sysfs.root)) == {"gpu0": 9.0}


def test_a_counter_that_was_not_read_long_enough_to_lap_ends(sysfs: Sysfs) -> None:
    chip = sysfs.card(0, "xe", CARD, ARC, energy1_input=9_000_000)
    clock = ManualClock()
    file = (chip / "energy1_input", 1e-6)
    sensor = CardSensor(chip, "J", file, most_unread_s=87.0, clock=clock.monotonic_ns)
    assert sensor.read() == 9.0
    clock.advance(60.0)
    assert sensor.read() == 9.0
    clock.advance(88.0)
    with pytest.raises(Gone, match="may have lapped"):
        sensor.read()


def test_cards_of_all_vendors_are_numbered_in_pci_order(sysfs: Sysfs) -> None:
    sysfs.card(0, "xe", SECOND, ARC, energy1_input=7_000_000)
    sysfs.card(1, "amdgpu", CARD, power1_average=34_000_000)
    sysfs.write("sys/bus/pci/devices/0000:41:00.0", vendor="0x10de", **{"class": "0x030200"})
    sysfs.write("sys/bus/pci/devices/0000:41:00.1", vendor="0x10de", **{"class": "0x040300"})
    assert read(open_families(sysfs.root)) == {"gpu0": 34.0, "gpu2": 7.0}
    assert cards_on_bus(sysfs.root) == [CARD, SECOND]


def test_gauges_of_a_radeon(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=34_000_000, temp1_input=61_000)
    sysfs.write(f"sys/devices/platform/{CARD}", gpu_busy_percent=83, mem_info_vram_used=512 * 2**20)
    found = open_families(sysfs.root)
    assert read(found) == {
        "gpu0": 34.0, "gpu0_util": 83.0, "gpu0_mem": 512.0, "gpu0_temp": 61.0
    }  # fmt: skip


def test_gauges_are_read_once_a_second_and_never_at_an_edge(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=34_000_000, temp1_input=61_000)
    clock = ManualClock()
    driver, chips = Driver("amdgpu", POWERS), find_chips(sysfs.root)
    (source,) = open_cards(sysfs.root, chips, driver, clock=clock.monotonic_ns).sources

    def read_channels(counters_only: bool = False) -> list[int]:
        return [reading.channel for reading in source.read(counters_only)]

    assert read_channels(counters_only=True) == [0]
    assert read_channels() == [0, 1]
    clock.advance(0.9)
    assert read_channels() == [0]
    clock.advance(0.2)
    assert read_channels(counters_only=True) == [0]
    assert read_channels() == [0, 1]


@given(st.binary(max_size=40))
def test_any_content_is_its_number_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("card") / "power1_average"
    path.write_bytes(content)
    sensor = CardSensor(path.parent, "W", (path, 1e-6))
    try:
        value = sensor.read()
    except SourceError:
        return
    finally:
        sensor.close()
    assert value == pytest.approx(int(content) * 1e-6)
