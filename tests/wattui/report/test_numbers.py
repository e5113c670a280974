"""The data behind a report's figures."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from recorders.rows import FIXED_COLUMNS
from recorders.summary.figures import PhaseFigures, Value
from tests.support.made_runs import IDLE, Part, finished, written
from wattui.analysis.rates import rates_of
from wattui.analysis.run_fits import FitSource, choose_against, fits_of
from wattui.report.draw.style import tick_text
from wattui.report.joules import is_wide, reach, rows_of
from wattui.report.panels import fitting, label_stretches, panels, spread, stretches
from wattui.runs.latencies import NoLatenciesError, ecdf, percentile, read_latencies
from wattui.runs.run_file import NotARunFileError
from wattui.runs.traces import Trace, read_traces
from workloads.result import percentile as printed_percentile

HEAD = "label,repeat,kind,seconds\n"


def rows_file(path: Path, columns: str, rows: list[str]) -> Path:
    path.write_text("\n".join([",".join((*FIXED_COLUMNS, columns)), *rows]) + "\n")
    return path


def trace(times: list[float], count: int = 1) -> Trace:
    t, ones = tuple(times), (1.0,) * len(times)
    return Trace(t, t, ones, ones, ones, (count,) * len(times))


def test_every_reading_of_a_short_run_is_drawn(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", [IDLE, Part("running", 4, 50.0, "b1", 100)])
    shown = read_traces(path)
    package = shown.traces["package0_W"]
    assert package.high[:2] == (10.0, 10.0)
    assert package.mean[1:11] == package.low[1:11] == (10.0,) * 10
    assert package.mean[11:] == package.low[11:] == package.high[11:] == (50.0,) * 5
    assert (shown.start_s, shown.end_s) == (0.0, 15.0)


def test_bins_keep_the_least_and_the_largest_reading(tmp_path: Path) -> None:
    rows = [f"{n * 0.01:.6f},,,,,,,{500 if n == 4321 else 10 + n % 3}" for n in range(10_000)]
    found = read_traces(rows_file(tmp_path / "r.csv", "gpu0_W", rows), bins=100).traces["gpu0_W"]
    assert len(found.mean) <= 100
    assert sum(found.count) == 10_000
    assert (min(found.low), max(found.high)) == (10.0, 500.0)
    assert max(found.mean) < 16, "a spike of one reading is no mean"
    place = found.high.index(500.0)
    assert found.first_s[place] <= 43.21 <= found.last_s[place]
    assert found.segments() == [slice(0, len(found.mean))]


def test_bins_across_blocks_of_the_reader_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{n * 0.01:.6f},,,,,,,{n}" for n in range(2000)]
    path = rows_file(tmp_path / "r.csv", "gpu0_W", rows)
    whole = read_traces(path, bins=50)
    monkeypatch.setattr("wattui.runs.blocks.BLOCK_BYTES", 1000)
    assert read_traces(path, bins=50) == whole


def test_a_silence_is_a_gap(tmp_path: Path) -> None:
    times = [n / 10 for n in range(100) if not 40 <= n < 60]
    rows = [f"{t:.6f},,,,,,,20" for t in times]
    found = read_traces(rows_file(tmp_path / "r.csv", "gpu0_W", rows)).traces["gpu0_W"]
    first, second = found.segments()
    assert found.last_s[first.stop - 1] == pytest.approx(3.9)
    assert found.first_s[second.start] == pytest.approx(6.0)


def test_a_slow_sensor_has_no_gaps() -> None:
    assert trace([0, 1, 2, 3.1, 4]).segments() == [slice(0, 5)]
    assert trace([0, 1, 2, 9, 10, 11]).segments() == [slice(0, 3), slice(3, 6)]
    assert trace([5.0]).segments() == [slice(0, 1)]


def test_a_meter_read_by_hand_is_points(tmp_path: Path) -> None:
    rows = ["0,,,,,note:x,,,50,1,10", "1,,,,,note:x,,,70,2,10"]
    path = rows_file(tmp_path / "r.csv", "meter_wall_J,meter_wall_W,gpu0_J,gpu0_W", rows)
    found = read_traces(path).traces
    assert found["meter_wall_W"].by_hand
    assert not found["gpu0_W"].by_hand


def test_a_broken_last_line_is_not_drawn(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", [IDLE])
    path.write_text(path.read_text() + "11.0,,idle,,,,,999,99")
    shown = read_traces(path)
    assert max(shown.traces["package0_W"].high) == 10.0
    assert "cut off" in shown.remarks[0]


def test_what_is_no_run_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(NotARunFileError):
        read_traces(path)


def test_panels_are_of_kinds_with_a_total_where_there_are_parts() -> None:
    names = ["package0_W", "core0_W", "gpu0_W", "gpu1_W", "cpu_util_pct", "total_W"]
    found = panels(names)
    assert [panel.title for panel in found] == ["Total", "CPU package", "GPU board"]
    assert [curve.name for curve in found[2].curves] == ["gpu0", "gpu1"]
    assert [panel.title for panel in panels(["package0_W", "total_W"])] == ["CPU package"]


def test_panels_say_what_is_not_measured() -> None:
    (wall,) = panels(["meter_wall_W"])
    (typed,) = panels(["meter_wall_W"], ["meter_wall_W"])
    assert (wall.origins, typed.origins) == (("measured",), ("manual",))
    (panel,) = panels(["est_cpu_W", "sim_cpu_W"])
    assert panel.origins == ("estimated", "simulated")
    assert [curve.name for curve in panel.curves] == ["estimated", "simulated"]


def phase(
    name: str, start_s: float, end_s: float, label: str = "", n: int | None = None
) -> PhaseFigures:
    return PhaseFigures(name, label, None, [], start_s, end_s, n, True, False, False, {})


def test_phases_inside_of_others_are_drawn_after_them() -> None:
    found = stretches([phase("running", 2, 3, "b1"), phase("sweep", 0, 9), phase("idle", 4, 4)])
    assert [s.phase for s in found] == ["sweep", "running"]
    assert found[1].texts == ("running b1", "b1", "running")


def test_a_label_reaches_over_its_running_phases() -> None:
    rows = [phase("warmup", 0, 1, "b1"), phase("running", 1, 2, "b1"), phase("running", 2, 4, "b1")]
    (found,) = label_stretches([*rows, phase("armed", 5, 6, "b1")])
    assert (found.start_s, found.end_s, found.texts) == (1, 4, ("b1",))


def test_the_longest_text_that_fits_is_written() -> None:
    assert fitting(("running b1", "b1"), 2, len) == "b1"
    assert fitting(("running b1", "b1"), 1, len) == ""


def test_names_beside_curves_are_moved_apart_inside_their_panel() -> None:
    found = spread([5.0, 5.1, 19.9], 3, 0, 20)
    assert sorted(found) == found
    assert all(b - a >= 3 - 1e-9 for a, b in pairwise(found))
    assert spread([10.0], 3, 0, 20) == [10.0]
    crowded = spread([1.0] * 10, 3, 0, 20)
    assert min(crowded) >= 0
    assert max(crowded) <= 20


def test_rows_are_the_figures_of_the_summary(tmp_path: Path) -> None:
    run = finished(tmp_path / "r.csv", [IDLE, Part("running", 4, 50.0, "b1", 100)])
    found = rows_of([(g.label, g) for g in run.summary.labels], "package0")
    assert found is not None
    values = found.rows[0].values
    assert values["total"].value == pytest.approx(2.0)
    assert values["dynamic"].value == pytest.approx(1.6)
    assert found.figures == ["total", "dynamic"]
    assert " ± " in found.words(found.rows[0], "total")


def test_one_figure_alone(tmp_path: Path) -> None:
    run = finished(tmp_path / "r.csv", [IDLE, Part("running", 4, 50.0, "b1", 100)])
    groups = [("b1", run.summary.running)]
    found = rows_of(groups, "total", "dynamic")
    assert found is not None
    assert found.figures == ["dynamic"]
    assert rows_of(groups, "total", "marginal") is None
    assert rows_of(groups, "gpu7") is None


def test_an_unknown_uncertainty_is_said(tmp_path: Path) -> None:
    run = finished(tmp_path / "r.csv", [Part("running", 4, 50.0, "b1", 100)])
    found = rows_of([("b1", run.summary.running)], "package0")
    assert found is not None
    unknown = replace(found.rows[0], values={"total": Value(2.0)})
    assert found.words(unknown, "total").endswith("± ?")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.001, "0.001"), (-2.5, "−2.5"), (120_000, "120\u2009000"), (1e7, "10⁷"),
        (1.2e8, "1.2·10⁸"), (2e-5, "2·10⁻⁵"),
    ],
)  # fmt: skip
def test_ticks_are_said_exactly(value: float, text: str) -> None:
    assert tick_text(value) == text


def test_values_of_over_two_decades_are_wide() -> None:
    assert is_wide([1, 101])
    assert not is_wide([1, 99])
    assert not is_wide([-5, 0, 1])
    assert reach(Value(2.0, 0.5)) == (1.5, 2.5)
    assert reach(Value(2.0)) == (2.0, 2.0)


def test_distribution_is_of_all_calls() -> None:
    found = ecdf([1.0, 2.0, 2.0, 4.0])
    assert found == [(1.0, 0.25), (2.0, 0.5), (2.0, 0.75), (4.0, 1.0)]
    many = ecdf([float(n) for n in range(100_000)], steps=200)
    assert 150 < len(many) <= 320
    assert many[-1] == (99_999.0, 1.0)
    assert all(share == pytest.approx((value + 1) / 100_000) for value, share in many)


def test_percentiles_are_those_that_workloads_print() -> None:
    values = sorted((n * 7919) % 1009 / 7 for n in range(500))
    for share in (0.5, 0.9, 0.99):
        assert percentile(values, share) == printed_percentile(values, share)


def test_single_calls_are_preferred_to_means_of_chunks(tmp_path: Path) -> None:
    path = tmp_path / "lat.csv"
    rows = ['"b,1",,chunk mean,9', '"b,1",,latency pass,1', '"b,1",,latency pass,3', "b2,1,call,5"]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    first, second = read_latencies(path)
    assert (first.label, first.kind, first.calls, first.at(50)) == ("b,1", "latency pass", 2, 2.0)
    assert (second.label, second.kind, second.at(99)) == ("b2", "call", 5.0)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", HEAD, HEAD + "b1,,call,nan\n", HEAD + "b1,,?,1"]
)
def test_a_file_without_times_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lat.csv"
    path.write_text(text)
    with pytest.raises(NoLatenciesError):
        read_latencies(path)


def test_rates_are_of_running_phases_with_a_count() -> None:
    rows = [
        phase("running", 0, 2, "b1", 10), phase("running", 2, 4, "b1", 20),
        phase("running", 4, 6, "b1", 60), phase("warmup", 6, 8, "b1", 9), phase("running", 8, 9),
    ]  # fmt: skip
    (found,) = rates_of(rows)
    assert (found.name, found.per_s, found.median) == ("b1", (5.0, 10.0, 30.0), 10.0)


def source(tmp_path: Path, joules: dict[str, float]) -> FitSource:
    parts = [Part("running", 10, 10 * j, label, 100) for label, j in joules.items()]
    run = finished(tmp_path / "r.csv", [IDLE, *parts])
    return FitSource("", "r", run.summary, {})


def test_lines_are_fitted_against_what_labels_carry(tmp_path: Path) -> None:
    found = source(tmp_path, {"32x32": 1.024, "64x64": 4.096, "128x128": 16.384})
    assert choose_against([found]) == "pixels"
    fits = fits_of([found], "pixels", "total", "total", "measured")
    line = fits.series[0].ordinary
    assert line is not None
    assert line.line.slope == pytest.approx(1e-3, rel=1e-4)


def test_no_line_is_laid_over_batches_unasked(tmp_path: Path) -> None:
    assert choose_against([source(tmp_path, {"b1": 1.0, "b8": 0.5, "b64": 0.2})]) is None


def test_too_few_points_are_said(tmp_path: Path) -> None:
    found = source(tmp_path, {"32": 1.0, "64": 2.0})
    fits = fits_of([found], "size", "total", "total", "measured")
    assert fits.series == ()
    assert "2 of the 3 points" in fits.remarks[-1]
