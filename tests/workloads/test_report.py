"""Text for the user: plans, rows, differences, sums."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.plan import Cell, ModelCells, Plan
from workloads.report import (
    ResultLines,
    cell_lines,
    duration,
    end_lines,
    estimated_s,
    number,
    plan_lines,
    short,
)
from workloads.result import CellResult, Latency
from workloads.runner import RunSettings


def cell(label: str, **changes: object) -> Cell:
    return Cell(
        **{  # type: ignore[arg-type]
            "label": label,
            "batch": 1,
            "macs": 172_800,
            "parameters": 173_341,
            "needed_bytes": 101 << 20,
            "seconds": 5.0,
            **changes,
        }
    )


def plan(*cells: Cell, real_time_hz: float | None = None) -> Plan:
    return Plan("Test", (ModelCells("model", cells, lambda _: None),), real_time_hz)  # type: ignore[arg-type,return-value]


def result(label: str, call_s: float = 2e-5, **changes: object) -> CellResult:
    return CellResult(
        **{  # type: ignore[arg-type]
            "label": label,
            "repeat": None,
            "batch": 1,
            "macs": 172_800,
            "parameters": 173_341,
            "inferences": 50_000,
            "seconds": 1.0,
            "latency": Latency("every call", 9, call_s, 2 * call_s, 3 * call_s),
            "call_s": call_s,
            "call_error_s": call_s / 100,
            "checksum": 123.456,
            **changes,
        }
    )


def test_a_row_has_throughput_latency_size_and_checksum_under_its_titles() -> None:
    rows = ResultLines(plan(cell("b1")))
    titles, row = rows.header.split(), rows.row(result("b1")).split()
    assert row == [
        "b1",
        "1",
        "50,000",
        "1.000",
        "50000",
        "0.02000",
        "0.04000",
        "0.06000",
        "172.8k",
        "173.3k",
        "1.2346e+02",
    ]
    assert len(" ".join(titles).replace(" ms", "").split()) == len(row)
    assert len(rows.header) == len(rows.row(result("b1")))


def test_the_real_time_factor_is_the_rate_over_that_of_live_input() -> None:
    rows = ResultLines(plan(cell("b1"), real_time_hz=100.0))
    assert "× real" in rows.header
    assert rows.row(result("b1")).split()[5] == "500.0"


def test_a_skipped_cell_has_its_reason_and_no_figures() -> None:
    row = ResultLines(plan(cell("4096"))).row(result("4096", skipped="needs about 9 GiB"))
    assert row == "4096 skipped: needs about 9 GiB"


def test_an_interrupted_cell_says_so() -> None:
    assert ResultLines(plan(cell("a"))).row(result("a", interrupted=True)).endswith(" interrupted")


def test_a_plan_says_how_many_cells_how_long_and_what_needs_most() -> None:
    told = plan(cell("b1"), cell("b64", needed_bytes=300 << 20))
    first, second = plan_lines(told, RunSettings(5, 0.5, 1), 2, "numpy")
    assert first == "Test · numpy"
    assert second == (
        "2 cells × 2 repeats in fresh processes · estimated 34 s · largest: b64, about 300 MiB"
    )


def test_the_estimate_of_counted_cells_follows_their_macs() -> None:
    short_s = estimated_s(plan(cell("a", seconds=0, count=1000)), RunSettings(0, 0, 0))
    long_s = estimated_s(plan(cell("a", seconds=0, count=2000)), RunSettings(0, 0, 0))
    assert long_s == pytest.approx(2 * short_s)
    assert short_s > 0


def test_every_cell_of_a_plan_has_exact_macs_and_parameters() -> None:
    header, row = cell_lines(plan(cell("b1")))
    assert row.split() == ["b1", "1", "172,800", "173,341", "101", "MiB"]
    assert len(header) == len(row)


def test_equal_sizes_are_told_exactly_once() -> None:
    lines = list(end_lines(plan(cell("a"), cell("b")), [result("a"), result("b")]))
    assert lines == ["172,800 MACs and 173,341 parameters"]


def test_a_negative_difference_is_shown_with_its_uncertainty() -> None:
    cells = cell("one"), cell("two", minus="one")
    results = [result("one", 3e-3, call_error_s=4e-4), result("two", 1e-3, call_error_s=3e-4)]
    lines = list(end_lines(plan(*cells), results))
    assert lines[-1].split() == ["two", "−", "one", "−2.000", "±", "0.5000"]


def test_a_difference_is_per_inference_not_per_call() -> None:
    cells = cell("one"), cell("two", minus="one")
    results = [result("one", 1e-3, batch=10), result("two", 3e-3, batch=20)]
    assert list(end_lines(plan(*cells), results))[-1].split()[3] == "0.05000"


def test_a_difference_to_a_cell_that_was_skipped_is_left_out() -> None:
    cells = cell("one"), cell("two", minus="one")
    results = [result("one", skipped="too large"), result("two")]
    assert not any("difference" in line for line in end_lines(plan(*cells), results))


def test_the_sum_of_the_layers_stands_beside_the_whole() -> None:
    cells = cell("net"), cell("conv", part_of="net"), cell("fc", part_of="net")
    results = [result("net", 4e-3), result("conv", 3e-3), result("fc", 2e-3)]
    (line,) = [line for line in end_lines(plan(*cells), results) if line.startswith("sum")]
    assert "2 single layers 5.000 ms" in line
    assert "4.000 ms" in line
    assert "1.25 times" in line


def test_medians_are_over_repeats() -> None:
    results = [
        result("a", repeat=number, inferences=n) for number, n in ((1, 100), (2, 900), (3, 200))
    ]
    assert list(end_lines(plan(cell("a")), results))[-1].split()[:3] == ["a", "200.0", "inf/s"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (0.01234567, "0.01235"), (1234.5, "1234"), (-2.5, "−2.500")],
)
def test_numbers_have_four_digits_and_no_exponent(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(1e-5, 1e9))
def test_a_number_is_true_to_four_digits(value: float) -> None:
    assert math.isclose(float(number(value)), value, rel_tol=6e-4)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0, "0"), (999, "999"), (714_188_480, "714.2M")]
)
def test_counts_have_prefixes(value: int | None, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(34.2, "34 s"), (300, "5 min"), (272_880, "75.8 h")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
