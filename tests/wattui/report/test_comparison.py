"""A report of several runs compares them as `wattui compare` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.made_runs import IDLE, Part, finished
from wattui.analysis.compare import compare
from wattui.report.comparison import comparison_blocks
from wattui.report.document import Block, Heading, Notes, PageTable, Picture, Words
from wattui.report.draw.style import WIDE_MM
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.runs.recorded import Run
from wattui.runs.traces import read_traces
from wattui.show.result_sets import figures_of


def loaded(run: Run) -> ReportRun:
    return ReportRun(run.csv.stem, run, read_traces(run.csv), "", {})


def repeated(path: Path, watts: Sequence[float], channel: str = "package0") -> ReportRun:
    parts = [Part("running", 4, w, "b1", 100, n) for n, w in enumerate(watts, 1)]
    return loaded(finished(path, [IDLE, *parts], [channel]))


def of_kind(blocks: Sequence[Block], kind: type) -> list[Block]:
    return [block for block in blocks if isinstance(block, kind)]


@pytest.mark.needs_report
def test_ratio_interval_and_p_are_those_of_compare(tmp_path: Path) -> None:
    a = repeated(tmp_path / "a.csv", (50, 52, 51, 49, 50))
    b = repeated(tmp_path / "b.csv", (40, 41, 39, 40, 42))
    blocks = list(comparison_blocks([a, b], ReportOptions()))
    (table,) = of_kind(blocks, PageTable)
    assert isinstance(table, PageTable)
    (row,) = table.rows
    sides = (figures_of(run.run, run.name).side for run in (a, b))
    (known,) = (
        each
        for each in compare(*sides, [("total", "total")])
        if each.label and each.figure == "total"
    )
    assert known.ratio is not None
    assert known.ratio_interval is not None
    assert row[0] == "b1"
    assert row[4] == f"{known.ratio:.3f}"
    assert row[5] == " … ".join(f"{end:.3f}" for end in known.ratio_interval)
    assert row[6].startswith(("<", "0.000"))
    assert row[-1] == "clear"
    (picture,) = of_kind(blocks, Picture)
    assert isinstance(picture, Picture)
    assert f">{known.ratio:.3f} ({row[5]})<" in picture.svg(WIDE_MM)
    assert table.caption == "b against a, total energy per inference, channel total"


def test_a_run_of_other_labels_is_not_compared(tmp_path: Path) -> None:
    a = repeated(tmp_path / "a.csv", (50, 51))
    b = repeated(tmp_path / "b.csv", (50, 52))
    parts = [IDLE, Part("running", 4, 90.0, "224", 3), Part("running", 4, 95.0, "448", 2)]
    c = loaded(finished(tmp_path / "c.csv", parts))
    blocks = list(comparison_blocks([a, b, c], ReportOptions()))
    (table,) = of_kind(blocks, PageTable)
    assert isinstance(table, PageTable)
    assert [row[0] for row in table.rows] == ["b1"]
    assert table.caption.startswith("b against a, total")
    notes = [note.text for block in blocks if isinstance(block, Notes) for note in block.notes]
    assert "c is not compared: it has no label of a" in notes
    assert not list(comparison_blocks([a, c], ReportOptions()))


def test_single_runs_have_no_p(tmp_path: Path) -> None:
    runs = [repeated(tmp_path / f"{n}.csv", [40 + n]) for n in (1, 2, 3)]
    blocks = list(comparison_blocks(runs, ReportOptions()))
    (table,) = of_kind(blocks, PageTable)
    assert isinstance(table, PageTable)
    assert table.head[0] == "run"
    assert [row[0] for row in table.rows] == ["2", "3"]
    assert {row[-2] for row in table.rows} == {"–"}
    assert {row[-1] for row in table.rows} == {"unclear: one run each"}
    assert any("no p and no verdict" in b.text for b in blocks if isinstance(b, Words))


def test_an_estimate_is_not_compared_with_a_measurement(tmp_path: Path) -> None:
    a = repeated(tmp_path / "a.csv", (50, 51))
    b = repeated(tmp_path / "b.csv", (50, 51))
    c = repeated(tmp_path / "c.csv", (50, 51), "est_cpu")
    blocks = list(comparison_blocks([a, b, c], ReportOptions()))
    notes = [note.text for block in blocks if isinstance(block, Notes) for note in block.notes]
    assert "c is not compared: its channel is est_cpu, not total" in notes
    assert not list(comparison_blocks([a, c], ReportOptions()))
    assert not list(comparison_blocks([a], ReportOptions()))
    assert [block.text for block in blocks if isinstance(block, Heading)] == ["Compared with a"]
