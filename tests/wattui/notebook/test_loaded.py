"""`wattui.load`: summary, rows, picture and what a notebook shows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import wattui
from tests.support.made_runs import B1, IDLE, finished, written
from wattui.errors import UsageError


def test_a_run_has_the_summary_of_its_file_and_all_its_rows(tmp_path: Path) -> None:
    made = finished(tmp_path / "run.csv", [IDLE, B1])
    run = wattui.load(tmp_path / "run.csv")
    assert run.summary == made.summary
    assert run.frame.height == len((tmp_path / "run.csv").read_text().splitlines()) - 1
    edges = run.frame.filter(pl.col("phase") == "running", pl.col("event") != "")
    assert edges["package0_J"].to_list() == [100.0, 300.0]
    assert run.frame.schema["repeat"] == pl.Int64


def test_a_notebook_shows_its_figures_and_nothing_that_a_label_could_do(tmp_path: Path) -> None:
    evil = B1._replace(label="<script>alert(1)</script>\x1b[31m")
    finished(tmp_path / "run.csv", [IDLE, evil])
    shown = wattui.load(str(tmp_path / "run.csv"))._repr_html_()
    assert "<strong>2.00000 ± 0.00050 J</strong>" in shown
    assert "<script" not in shown
    assert "\x1b" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_its_text_is_one_line(tmp_path: Path) -> None:
    written(tmp_path / "run.csv", [IDLE, B1])
    assert "\n" not in repr(wattui.load(tmp_path / "run.csv"))


def test_a_run_without_rows_has_an_empty_frame(tmp_path: Path) -> None:
    header, *_ = written(tmp_path / "run.csv", [IDLE]).read_text().splitlines()
    (tmp_path / "run.csv").write_text(header + "\n")
    frame = wattui.load(tmp_path / "run.csv").frame
    assert frame.height == 0
    assert frame.columns == header.split(",")


@pytest.mark.needs_report
def test_its_picture_is_a_figure_that_is_saved_once(tmp_path: Path) -> None:
    finished(tmp_path / "run.csv", [IDLE, B1])
    plot = wattui.load(tmp_path / "run.csv").plot()
    assert plot._repr_svg_().startswith("<?xml")
    plot.save(tmp_path / "power.svg")
    assert (tmp_path / "power.svg").read_text() == plot.svg
    with pytest.raises(UsageError, match=r"power\.svg"):
        plot.save(tmp_path / "power.svg")


def test_what_is_no_run_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        wattui.load(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"other\.csv is not a run file"):
        wattui.load(tmp_path / "other.csv")
    with pytest.raises(UsageError, match="is a folder: fix: name a run file in it"):
        wattui.load(".")
