"""A row of readings becomes a line that any CSV reader understands."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.channel_state import Meter
from recorders.rows import Layout, Row, UtcText, quote, time_text, where_text
from recorders.source import Channel, Reading, Retry

SECOND_NS = 1_000_000_000
PACKAGE = Channel("package0", "J", in_total=True)
DRAM = Channel("dram0", "J", in_total=True)
PSYS = Channel("psys", "J")
GPU = Channel("gpu0", "W", in_total=True)
UTIL = Channel("cpu_util", "pct")


def filled(channels: Sequence[Channel], *readings: tuple[Channel, float]) -> dict[str, str]:
    """Cells of a row that was read one second after the first."""
    layout = Layout(channels)
    meters = {channel: Meter(channel, layout) for channel in channels}
    before, row = (Row(0, "", None, layout.width) for _ in range(2))
    for channel, value in readings:
        if channel.unit == "J":
            meters[channel].take(Reading(0, 0, 0.0), before)
        else:
            meters[channel].take(Reading(0, 0, value), before)
        meters[channel].take(Reading(0, SECOND_NS, value), row)
    return dict(zip(layout.columns, layout.finish(row), strict=True))


def test_columns_come_domain_by_domain_with_the_unit_last() -> None:
    names = ("gpu10", "psys", "dram1", "dram0", "gpu2", "uncore0", "core0", "package1_die1",
             "package1_die0", "package0")  # fmt: skip
    layout = Layout([UTIL, *[Channel(name, "J") for name in names]])
    energies = [column for column in layout.columns if column.endswith("_J")]
    assert energies == [
        "package0_J", "package1_die0_J", "package1_die1_J", "core0_J", "uncore0_J",
        "dram0_J", "dram1_J", "psys_J", "gpu2_J", "gpu10_J",
    ]  # fmt: skip
    assert layout.columns[-1] == "cpu_util_pct"


def test_a_gpu_has_its_gauges_beside_its_energy() -> None:
    gauges = [Channel("gpu0_clock", "MHz"), Channel("gpu0_temp", "C"), Channel("gpu0_mem", "MiB")]
    layout = Layout([*gauges, Channel("gpu0_util", "pct"), GPU, Channel("gpu1", "J")])
    assert layout.columns[:8] == [
        "gpu0_J", "gpu0_W", "gpu0_util_pct", "gpu0_mem_MiB", "gpu0_temp_C", "gpu0_clock_MHz",
        "gpu1_J", "gpu1_W",
    ]  # fmt: skip


def test_the_header_begins_with_the_fixed_columns() -> None:
    assert Layout([PACKAGE]).header == (
        "time_s,time_utc,phase,label,repeat,event,inferences,"
        "package0_J,package0_W,total_J,total_W\n"
    )


def test_there_is_no_total_where_nothing_is_part_of_it() -> None:
    assert "total" not in Layout([Channel("est_cpu", "J", "estimated"), PSYS]).header


def test_the_total_is_packages_memory_and_gpus_and_nothing_else() -> None:
    channels = [PACKAGE, DRAM, PSYS, GPU]
    cells = filled(channels, (PACKAGE, 100.0), (DRAM, 20.0), (PSYS, 900.0), (GPU, 3.0))
    assert float(cells["total_J"]) == 123.0
    assert float(cells["total_W"]) == 123.0


def test_the_total_is_empty_where_a_part_was_not_read() -> None:
    cells = filled([PACKAGE, DRAM], (PACKAGE, 100.0))
    assert (cells["package0_J"], cells["dram0_J"], cells["total_J"]) == ("100.000000", "", "")


def test_the_total_power_is_empty_where_a_part_has_none() -> None:
    cells = filled([PACKAGE, DRAM], (PACKAGE, 100.0), (DRAM, 0.0))
    assert (float(cells["total_J"]), cells["dram0_W"], cells["total_W"]) == (100.0, "", "")


def test_an_unread_row_has_empty_cells_only() -> None:
    assert set(filled([PACKAGE, UTIL]).values()) == {""}


def test_a_gauge_is_written_as_it_was_read() -> None:
    assert filled([UTIL], (UTIL, 12.5)) == {"cpu_util_pct": "12.50"}


def test_a_failed_reading_is_an_empty_cell_and_never_a_number() -> None:
    layout = Layout([PACKAGE, UTIL])
    row = Row(0, "", None, layout.width)
    assert Meter(PACKAGE, layout).take(Reading(0, 0, Retry("EIO")), row) == ["gap:package0"]
    assert Meter(UTIL, layout).take(Reading(1, 0, Retry("EIO")), row) == []
    assert set(layout.finish(row)) == {""}


@given(st.integers(0, 10**18))
def test_times_have_six_decimals_and_are_never_rounded_up(since_ns: int) -> None:
    whole, _, decimals = time_text(since_ns).partition(".")
    assert len(decimals) == 6
    assert int(whole) * 10**6 + int(decimals) == since_ns // 1000


@given(st.lists(st.integers(0, 4_000_000_000_000_000_000), min_size=1, max_size=5))
def test_dates_are_iso_8601_in_milliseconds(moments_ns: list[int]) -> None:
    text = UtcText()
    for utc_ns in moments_ns:
        expected = datetime.fromtimestamp(utc_ns // 10**9, UTC).replace(
            microsecond=utc_ns // 10**6 % 1000 * 1000
        )
        assert text(utc_ns).endswith("Z")
        assert datetime.fromisoformat(text(utc_ns)) == expected


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_text_is_one_cell_of_one_line(texts: list[str]) -> None:
    line = ",".join(map(quote, texts)) + ",end"
    rows = list(csv.reader(io.StringIO(line + "\n", newline="")))
    assert len(rows) == 1
    assert len(rows[0]) == len(texts) + 1
    assert rows[0][-1] == "end"
    for text, cell in zip(texts, rows[0], strict=False):
        assert cell == text or "\n" in text or "\r" in text


@pytest.mark.parametrize(
    ("phase", "label", "repeat", "cells"),
    [
        ("running", "b32", 2, "running,b32,2"),
        ("", "", None, ",,"),
        ("running", 'conv 1,"same"', None, 'running,"conv 1,""same""",'),
        ("idle", "two\nlines", 1, "idle,two lines,1"),
    ],
)
def test_where_a_row_belongs(phase: str, label: str, repeat: int | None, cells: str) -> None:
    assert where_text(phase, label, repeat) == cells


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        (Channel("cpu_temp", "C"), -263.2),
        (Channel("gpu0_temp", "C"), 4_294_967_295.0),
        (Channel("gpu0_util", "pct"), 4_294_967_295.0),
        (Channel("gpu0_mem", "MiB"), float(2**64 // 2**20)),
        (Channel("cpu_freq", "MHz"), -1.0),
        (Channel("gpu0", "W", bound_w=1400.0), 4_294_967.295),
        (Channel("gpu0", "W"), float("nan")),
    ],
)
def test_a_reading_that_cannot_be_true_is_left_out_and_said_once(
    channel: Channel, value: float
) -> None:
    layout = Layout([channel])
    meter, row = Meter(channel, layout), Row(0, "", None, layout.width)
    told = meter.take(Reading(0, 0, value), row)
    assert told[0].startswith(f"note:implausible {channel.name}: ")
    assert not any("implausible" in event for event in meter.take(Reading(0, 1, value), row))
    assert set(layout.finish(row)) == {""}


def test_a_channel_whose_kind_is_in_no_total_cannot_be_in_it() -> None:
    with pytest.raises(ValueError, match="core0"):
        Layout([Channel("package0", "J", in_total=True), Channel("core0", "J", in_total=True)])
