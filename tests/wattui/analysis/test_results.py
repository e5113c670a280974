"""The results table of runs with known powers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.rows import FIXED_COLUMNS
from recorders.summary.figures import Value
from recorders.summary.summary import summarise
from tests.support.made_runs import B1, B8, IDLE, Part, finished
from wattui.analysis.results import COLUMNS, STATISTICS, ResultRow, row_dict, rows
from wattui.runs.reduce import reduce_csv

ARMED = Part("armed", 10, 30.0)


def table(tmp_path: Path, parts: list[Part], macs: dict[str, int] | None = None) -> list[ResultRow]:
    return rows(finished(tmp_path / "run.csv", parts).summary, macs)


def the(found: list[ResultRow], figure: str, domain: str = "total", **where: object) -> ResultRow:
    wanted = {"level": "run", "figure": figure, "domain": domain, **where}
    (row,) = [r for r in found if all(getattr(r, key) == value for key, value in wanted.items())]
    return row


def test_a_label_has_every_figure_that_follows_from_its_energy(tmp_path: Path) -> None:
    """50 W for 4 s and 100 inferences, idle at 10 W, armed at 30 W."""
    square = B1._replace(label="10x10")
    found = table(tmp_path, [IDLE, ARMED, square, B8], {"10x10": 1_000_000})
    values = {
        row.figure: row.known.value
        for row in found
        if row.level == "label" and row.label == "10x10" and row.domain in ("", "total")
    }
    total, dynamic, marginal = 2.0, 1.6, 0.8
    assert values == pytest.approx(
        {
            "running_s": 4.0,
            "inferences": 100.0,
            "inferences_per_s": 25.0,
            "energy_j": 200.0,
            "power_w": 50.0,
            "idle_w": 10.0,
            "armed_w": 30.0,
            "total_j_per_inference": total,
            "dynamic_j_per_inference": dynamic,
            "marginal_j_per_inference": marginal,
            "total_edp_js": total * 0.04,
            "dynamic_edp_js": dynamic * 0.04,
            "marginal_edp_js": marginal * 0.04,
            "total_j_per_mac": total / 1e6,
            "dynamic_j_per_mac": dynamic / 1e6,
            "marginal_j_per_mac": marginal / 1e6,
            "total_gmac_per_j": 1e-3 / total,
            "dynamic_gmac_per_j": 1e-3 / dynamic,
            "marginal_gmac_per_j": 1e-3 / marginal,
            "total_mj_per_pixel": total * 1e3 / 100,
            "dynamic_mj_per_pixel": dynamic * 1e3 / 100,
            "marginal_mj_per_pixel": marginal * 1e3 / 100,
        }
    )


def test_what_is_not_known_is_not_there(tmp_path: Path) -> None:
    uncounted = table(tmp_path, [B1._replace(count=0)])
    assert {row.figure for row in uncounted} == {"running_s", "energy_j", "power_w"}
    bare = table(tmp_path, [B1])
    assert {row.figure for row in bare if "dynamic" in row.figure or "mac" in row.figure} == set()
    assert table(tmp_path, [IDLE])[0].level == "phase"


def test_repeats_are_samples(tmp_path: Path) -> None:
    """2.0, 2.2 and 2.4 J an inference: mean 2.2, sd 0.2, t of 2 degrees 4.303."""
    parts = [IDLE, *(B1._replace(repeat=n, watts=45 + 5 * n) for n in (1, 2, 3))]
    found = table(tmp_path, parts)
    row = the(found, "total_j_per_inference", level="label", label="b1")
    assert row.samples == pytest.approx((2.0, 2.2, 2.4))
    described = row.described
    assert described is not None
    assert (described.mean, described.median, described.sd) == pytest.approx((2.2, 2.2, 0.2))
    assert row.best.plus_minus == pytest.approx(4.302653 * 0.2 / math.sqrt(3))
    each = [r.known.value for r in found if r.level == "repeat" and r.figure == row.figure]
    assert each == pytest.approx([2.0, 2.0, 2.2, 2.2, 2.4, 2.4] * 2)
    assert the(found, "dynamic_j_per_inference").samples == pytest.approx((1.6, 1.8, 2.0))


def test_the_sum_of_repeats_has_the_interval_of_a_sum(tmp_path: Path) -> None:
    parts = [IDLE, *(B1._replace(repeat=n, watts=45 + 5 * n) for n in (1, 2, 3))]
    run = finished(tmp_path / "run.csv", parts)
    row = the(rows(run.summary), "energy_j")
    assert row.known.value == pytest.approx(660.0)
    assert row.best.plus_minus == pytest.approx(
        run.summary.running.domains["total"].running_j.plus_minus
    )


def test_phases_of_one_label_without_repeat_numbers_are_samples_too(tmp_path: Path) -> None:
    found = table(tmp_path, [IDLE, B1, B1._replace(watts=60.0), B8])
    b1 = the(found, "total_j_per_inference", level="label", label="b1")
    assert b1.samples == pytest.approx((2.0, 2.4))
    # Different labels are not samples of one thing.
    assert the(found, "total_j_per_inference").samples == ()
    assert the(found, "total_j_per_inference", level="label", label="b8").samples == ()


def test_what_was_counted_beside_the_phases_is_found_by_repeat(tmp_path: Path) -> None:
    """`--inferences` is known when the command has ended: its count stands after the phase."""
    path = finished(tmp_path / "run.csv", [IDLE, *(B1._replace(repeat=n) for n in (1, 2))]).csv
    lines = path.read_text().splitlines()
    late = [line.replace(",end,100,", ",end,,").replace(",end,200,", ",end,100,") for line in lines]
    ends = [n for n, line in enumerate(late) if ",running," in line and ",end," in line]
    for end, count in zip(reversed(ends), (200, 100), strict=True):
        cells = late[end].split(",")
        time_s = float(cells[0]) + 0.5
        late.insert(end + 1, f"{time_s:.6f},,,,,note:counted,{count},{','.join(cells[7:])}")
    path.write_text("\n".join(late) + "\n")
    summary = summarise(reduce_csv(path))
    samples = the(rows(summary), "total_j_per_inference").samples
    assert samples == pytest.approx((2.0, 2.0))


def test_the_parts_of_the_error_are_apart(tmp_path: Path) -> None:
    found = table(tmp_path, [IDLE, B1])
    total = the(found, "total_j_per_inference", domain="package0").known
    dynamic = the(found, "dynamic_j_per_inference", domain="package0").known
    # One update of 1 ms at 50 W over 100 inferences; the idle power was the same every second.
    assert total.resolution == total.plus_minus == pytest.approx(50 * 1e-3 / 100)
    assert total.baseline_noise == 0
    assert dynamic.baseline_noise == pytest.approx(0.0, abs=1e-9)
    assert dynamic.resolution is not None
    assert dynamic.resolution > total.resolution


def test_every_phase_has_its_energy_and_power(tmp_path: Path) -> None:
    found = table(tmp_path, [IDLE, B1])
    idle = [r for r in found if r.level == "phase" and r.phase == "idle" and r.domain == "total"]
    assert {r.figure: r.known.value for r in idle} == pytest.approx(
        {"energy_j": 100.0, "power_w": 10.0}
    )
    assert {r.start_s for r in idle} == {0.0}


def test_a_phase_inside_a_running_one_is_not_counted_twice(tmp_path: Path) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, B1, B1])
    summary = run.summary
    summary.phases[2] = replace(summary.phases[1], inside=["running"])
    assert the(rows(summary), "total_j_per_inference").samples == ()


@given(
    st.floats(1e-9, 1e9),
    st.floats(0, 1e6) | st.none(),
    st.floats(1e-3, 1e12),
)
def test_errors_follow_their_figure(value: float, error: float | None, factor: float) -> None:
    figure = Value(value, error, error, None)
    for other in (figure.times(factor), figure.reciprocal(factor)):
        if error is None:
            assert other.plus_minus is None
        else:
            assert other.plus_minus == pytest.approx(other.value * error / value, rel=1e-6)
    assert figure.times(-1).plus_minus == error


def test_rows_as_data_have_the_documented_columns(tmp_path: Path) -> None:
    found = table(tmp_path, [IDLE, B1])
    assert {tuple(row_dict("run", row)) for row in found} == {COLUMNS}
    alone = row_dict("run", the(found, "total_j_per_inference"))
    assert [alone[name] for name in STATISTICS] == [None] * len(STATISTICS)


def test_phases_that_overlap_are_no_samples_and_are_counted_once(tmp_path: Path) -> None:
    """Two ranks of 100 W in each of three repeats: 200 J each, not 400."""
    path = tmp_path / "run.csv"
    lines = [",".join((*FIXED_COLUMNS, "package0_J", "total_J"))]
    for repeat in (1, 2, 3):
        for after_s, events in ((0, ("begin", "span:0", "begin")), (2, ("count:100", "end") * 2)):
            time_s, counted = 10 * repeat + after_s, 200 * (repeat - 1) + 100 * after_s
            where = f"{time_s}.0,2026-01-01T00:00:00.000Z,running,b32,{repeat}"
            energy_j = 100.0 * time_s
            lines += [f"{where},{event},{counted},{energy_j},{energy_j}" for event in events]
    path.write_text("\n".join(lines) + "\n")
    summary = summarise(reduce_csv(path))
    found = [row for row in rows(summary) if row.domain == "total" and row.figure == "energy_j"]
    by_level = {(row.level, row.repeat): row.known.value for row in found if row.level != "phase"}
    assert summary.running.inferences == 600
    assert by_level[("run", None)] == pytest.approx(600.0)
    assert by_level[("label", None)] == pytest.approx(600.0)
    assert [by_level[("repeat", n)] for n in (1, 2, 3)] == pytest.approx([200.0] * 3)
    (label,) = (row for row in found if row.level == "label")
    assert label.samples == pytest.approx((200.0, 200.0, 200.0))
