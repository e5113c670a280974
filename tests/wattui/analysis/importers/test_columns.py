"""A log read and written in columns gives what it gives one row at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.counter import Integrator
from tests.support.examples import examples
from tests.wattui.analysis.importers.test_bad_input import CUTS, GOOD, TABLES, damaged
from wattui.analysis.importers import nvidia_smi, plain_rows, samples, table
from wattui.analysis.importers.any_table import CountClock
from wattui.analysis.importers.joining import joined, whole
from wattui.analysis.importers.log import UnreadableError
from wattui.analysis.importers.named_columns import SecondsClock
from wattui.analysis.importers.plain_rows import PlainRows
from wattui.analysis.importers.registry import read
from wattui.analysis.importers.run_text import RunText
from wattui.analysis.importers.stamps import Clock
from wattui.analysis.importers.table import CsvTable, number, numbers
from wattui.analysis.importers.text import LogText

CELLS = st.one_of(
    st.floats(-1e6, 1e16).map(str),
    st.decimals(0, 5000, places=2).map(lambda watts: f" {watts} W"),
    st.text("0123456789.,+-eE W", max_size=12),
    st.sampled_from(["[N/A]", "", "5 W ", "1,234", "inf", "nan W", "9" * 400, "٣"]),
)
STAMPS = st.one_of(
    st.datetimes().map(lambda at: at.strftime("%Y/%m/%d %H:%M:%S.%f")),
    st.datetimes().map(lambda at: f" {at.isoformat()}"),
    st.datetimes().map(lambda at: f"{at.isoformat()}+05:30"),
    st.floats(0, 2e10).map(lambda s: f"{s:.3f}"),
    st.integers(0, 10**19).map(str),
    st.text("0123456789:/. ,TZ+-", max_size=24),
    st.sampled_from(["2024-01-01 10:00", "2024-01-01 10:00.5", "2024-01-01 10:00:00.5.25", ""]),
)


@examples(100)
@given(st.lists(CELLS, max_size=8), st.sampled_from(["", "W"]), st.sampled_from([1e6, 1e15]))
def test_figures_in_a_column_are_those_of_its_cells(
    cells: list[str], unit: str, most: float
) -> None:
    found = numbers(pl.Series(cells, dtype=pl.String), unit, most).to_list()
    assert found == [number(cell, unit, most) for cell in cells]


@examples(100)
@given(
    st.sampled_from([Clock, SecondsClock, lambda: CountClock(1e6)]), st.lists(STAMPS, max_size=8)
)
def test_times_in_a_column_are_those_of_its_stamps(
    clock: Callable[[], Clock], stamps: list[str]
) -> None:
    one, many = clock(), clock()
    found = many.times_ns(pl.Series(stamps, dtype=pl.String)).to_list()
    assert found == [one.time_ns(stamp) for stamp in stamps]
    assert many.utc == one.utc


@given(
    st.lists(st.tuples(st.none() | st.floats(0, 1e6), st.integers(1, 10**9)), max_size=20),
    st.booleans(),
    st.integers(0, 20),
)
def test_many_powers_are_integrated_as_one_after_the_other(
    readings: list[tuple[float | None, int]], means: bool, cut: int
) -> None:
    one, many = Integrator(means=means), Integrator(means=means)
    times_ns, expected = [], []
    for power_w, step_ns in readings:
        times_ns.append((times_ns or [0])[-1] + step_ns)
        if power_w is not None:
            one.update(power_w, times_ns[-1])
        expected.append(None if power_w is None else one.energy_j)
    powers_w = [power_w for power_w, _ in readings]
    found = many.update_all(powers_w[:cut], times_ns[:cut])
    found += many.update_all(powers_w[cut:], times_ns[cut:])
    assert found == expected
    assert many.power_w == one.power_w


def outcome(text: str) -> Any:
    """All that is made of a log: readings, remarks, and the text of the run file; or a refusal."""
    try:
        log = read(LogText(text))
        recording = joined([whole(log, "running", "", None)])
        return list(log.samples), "".join(RunText(recording).lines()), recording.remarks
    except UnreadableError as error:
        return str(error)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that a short log has many."""
    monkeypatch.setattr(table, "BATCH_LINES", 7)
    monkeypatch.setattr(samples, "BLOCK", 5)
    monkeypatch.setattr(nvidia_smi, "PROBED", 3)
    monkeypatch.setattr(plain_rows, "SHORTEST_RUN", 1)


def both(text: str) -> tuple[Any, Any]:
    """What is made of a log in columns, and one row at a time."""
    in_columns = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        plain = CsvTable._plain
        patch.setattr(CsvTable, "_plain", lambda self, _, places: plain(self, [], places))
        patch.setattr(PlainRows, "runs", one_run)
        return in_columns, outcome(text)


def one_run(_: PlainRows, block: pl.DataFrame, __: Sequence[int]) -> Iterator[Any]:
    yield False, block


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_log_gives_the_same_in_columns_and_by_rows(name: str) -> None:
    in_columns, by_rows = both(GOOD[name])
    assert in_columns == by_rows


@pytest.mark.usefixtures("small")
@examples(40)
@given(st.sampled_from(TABLES), CUTS)
def test_a_damaged_log_gives_the_same_in_columns_and_by_rows(
    name: str, cuts: list[tuple[float, str]]
) -> None:
    in_columns, by_rows = both(damaged(GOOD[name], cuts))
    assert in_columns == by_rows


GPU_ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 5, 40, 900, 20_000]),
        st.integers(0, 2),
        st.sampled_from(["60.25 W", "[N/A]", "71 W", "-1", "2000000 W"]),
        st.sampled_from(["5 %", "[Not Supported]", "300 %"]),
    ),
    min_size=2,
    max_size=40,
)


@pytest.mark.usefixtures("small")
@examples(40)
@given(GPU_ROWS, st.sampled_from(["index", "uuid", "name"]))
def test_rows_of_several_gpus_give_the_same_in_columns_and_by_rows(
    rows: list[tuple[int, int, str, str]], identity: str
) -> None:
    at_ms, lines = 0, [f"timestamp, {identity}, power.draw [W], utilization.gpu [%]\n"]
    for step_ms, gpu, power, utilisation in rows:
        at_ms += step_ms
        minutes, milliseconds = divmod(at_ms, 60_000)
        stamp = f"2024/01/01 {minutes // 60:02d}:{minutes % 60:02d}:{milliseconds / 1000:06.3f}"
        lines.append(f"{stamp}, {gpu}, {power}, {utilisation}\n")
    in_columns, by_rows = both("".join(lines))
    assert in_columns == by_rows
