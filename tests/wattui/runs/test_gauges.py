"""Means of utilisation and memory by label, from the file alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.made_runs import B1, B8, IDLE, written
from wattui.runs.gauges import gauge_means
from wattui.runs.run_file import NotARunFileError


def with_gauge(path: Path, last: str) -> Path:
    """b1 at 10 % and b8 at 30 %, and `last` at the end of the file, without a line end."""
    header, *rows = written(path, [IDLE, B1, B8]).read_text().splitlines()
    busy = {"b1": "10", "b8": "30"}
    lines = [f"{row},{busy.get(row.split(',')[3], '99')}" for row in rows]
    path.write_text("\n".join([f"{header},gpu0_util_pct", *lines, last.format(row=rows[-1])]))
    return path


@pytest.mark.parametrize(
    ("last", "b8_pct"),
    [("{row},54", 32.0), ("{row}", 30.0), ("{row},nan", 30.0), ("{row},1e300", 30.0)],
)
def test_a_last_line_without_its_end_counts_if_it_is_whole(
    tmp_path: Path, last: str, b8_pct: float
) -> None:
    """b8 has 11 rows: with one more of 54 they are 384 / 12."""
    path = with_gauge(tmp_path / "run.csv", last)
    assert gauge_means(path) == {"b1": {"gpu0_util_pct": 10}, "b8": {"gpu0_util_pct": b8_pct}}


def test_what_is_not_a_run_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.csv").write_text("gpu0_util_pct\n7\n")
    with pytest.raises(NotARunFileError):
        gauge_means(tmp_path / "run.csv")
