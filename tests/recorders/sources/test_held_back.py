"""The reasons that hold the clocks of AMD and Intel GPUs back, from the files of their drivers."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.held_back import HeldBack, of_amd
from recorders.source import Retry
from recorders.sources.families import open_families
from recorders.sources.gpu_metrics import GpuMetrics
from recorders.sources.intel_gpu import Throttle
from tests.recorders.sources.test_boards import read
from tests.support.sysfs import Sysfs

CARD, ARC = "0000:03:00.0", "0x8086:0xe211"


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def table(form: int, content: int, size: int, at: int, *fields: int, kind: str = "Q") -> bytes:
    """A metrics table whose other fields are not filled, as the driver leaves them."""
    made = bytearray(b"\xff" * size)
    struct.pack_into("<HBB", made, 0, size, form, content)
    struct.pack_into(f"<{len(fields)}{kind}", made, at, *fields)
    return bytes(made)


@pytest.mark.parametrize(
    ("bit", "held"),
    [
        (0, HeldBack.POWER_CAP),
        (5, HeldBack.POWER_CAP),
        (16, HeldBack.CURRENT),
        (22, HeldBack.CURRENT),
        (36, HeldBack.THERMAL),
        (44, HeldBack.THERMAL),
        (47, HeldBack.HARDWARE),
        (57, HeldBack.RELIABILITY),
    ],
)
def test_each_bit_of_a_radeon_is_its_reason(bit: int, held: HeldBack) -> None:
    assert GpuMetrics(Path()).held_by(table(1, 3, 120, 112, 1 << bit)) == held


def test_several_reasons_of_a_radeon_and_none() -> None:
    metrics = GpuMetrics(Path())
    both = metrics.held_by(table(1, 3, 120, 112, 1 << 1 | 1 << 40))
    assert both == HeldBack.POWER_CAP | HeldBack.THERMAL
    assert metrics.held_by(table(1, 3, 120, 112, 0)) == HeldBack(0)


@pytest.mark.parametrize(
    "content",
    [
        table(1, 3, 120, 112, 2**64 - 1),  # not filled by the driver
        table(1, 3, 120, 112, 1 << 30),  # a reason that nobody has named
        table(1, 3, 120, 112, 1)[:100],
        table(1, 3, 96, 0x50, 1),
        table(1, 4, 272, 40, 1),
        table(1, 9, 120, 112, 1),
        b"",
        b"\x78",
    ],
)
def test_a_table_that_does_not_say_is_no_reading(content: bytes) -> None:
    with pytest.raises(Retry):
        GpuMetrics(Path()).held_by(content)


@pytest.mark.parametrize(("revision", "size", "at"), [(6, 1664, 36), (7, 2208, 44), (8, 3360, 44)])
def test_an_mi300_is_held_by_what_has_held_it_since_the_last_reading(
    revision: int, size: int, at: int
) -> None:
    metrics = GpuMetrics(Path())

    def held(*residencies: int) -> HeldBack:
        return metrics.held_by(table(1, revision, size, at, *residencies, kind="I"))

    with pytest.raises(Retry, match="first"):
        held(0, 500, 7, 0, 0)
    assert held(0, 500, 7, 0, 0) == HeldBack(0)
    assert held(0, 620, 7, 0, 0) == HeldBack.POWER_CAP
    assert held(0, 620, 7, 0, 3) == HeldBack.THERMAL


@given(st.binary(max_size=200))
def test_any_table_is_known_reasons_or_no_reading(content: bytes) -> None:
    try:
        held = GpuMetrics(Path()).held_by(content)
    except Retry:
        return
    assert held in HeldBack(0x1FF)


@given(st.integers(1, 2**64 - 1))
def test_a_status_with_a_reason_is_never_none(status: int) -> None:
    assert of_amd(status) != HeldBack(0)


def test_a_radeon_records_what_holds_it_back_in_words(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=300_000_000)
    path = sysfs.root / f"sys/devices/platform/{CARD}/gpu_metrics"
    path.write_bytes(table(1, 3, 120, 112, 1 << 0))
    assert read(open_families(sysfs.root)) == {"gpu0": 300.0, "gpu0_held": 1.0}


def test_a_radeon_whose_table_is_not_known_has_no_such_channel(sysfs: Sysfs) -> None:
    sysfs.card(0, "amdgpu", CARD, power1_average=300_000_000)
    path = sysfs.root / f"sys/devices/platform/{CARD}/gpu_metrics"
    path.write_bytes(table(1, 4, 272, 40, 1))
    assert read(open_families(sysfs.root)) == {"gpu0": 300.0}


def test_an_arc_is_held_back_by_any_of_its_tiles(sysfs: Sysfs) -> None:
    sysfs.card(0, "xe", CARD, ARC, energy1_input=9_000_000)
    device = f"sys/devices/platform/{CARD}"
    quiet = {"status": 0, "reason_pl1": 0, "reason_thermal": 0, "reason_vr_tdc": 0}
    sysfs.write(f"{device}/tile0/gt0/freq0/throttle", **quiet)
    sysfs.write(f"{device}/tile0/gt1/freq0/throttle", **quiet)
    assert read(open_families(sysfs.root)) == {"gpu0": 9.0, "gpu0_held": 0.0}
    sysfs.write(f"{device}/tile0/gt0/freq0/throttle", status=1, reason_pl1=1)
    sysfs.write(f"{device}/tile0/gt1/freq0/throttle", status=1, reason_thermal=1, reason_vr_tdc=1)
    held = HeldBack.POWER_CAP | HeldBack.THERMAL | HeldBack.CURRENT
    assert read(open_families(sysfs.root)) == {"gpu0": 9.0, "gpu0_held": float(held)}


def test_i915_shows_the_same_beside_its_card(sysfs: Sysfs) -> None:
    sysfs.card(0, "i915", CARD, ARC, energy1_input=9_000_000)
    sysfs.write(
        f"sys/devices/platform/{CARD}/drm/card1/gt/gt0",
        throttle_reason_status=1, throttle_reason_prochot=1, throttle_reason_pl1=0,
        rps_act_freq_mhz=300,
    )  # fmt: skip
    assert read(open_families(sysfs.root)) == {"gpu0": 9.0, "gpu0_held": HeldBack.HARDWARE}


@pytest.mark.parametrize(
    "files", [{"status": 1, "reason_new": 1}, {"status": 1}, {"status": "?", "reason_pl1": 1}]
)
def test_reasons_that_are_not_known_are_no_reading(sysfs: Sysfs, files: dict[str, object]) -> None:
    directory = sysfs.write("throttle", **files)
    with pytest.raises(Retry):
        Throttle([directory], "reason_", "status").read()
