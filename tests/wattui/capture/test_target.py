"""Repeats until the headline is known well enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.summary.stats import t95
from tests.support.made_runs import B1, IDLE, written
from wattui.capture.target import Reached, progress_text, reached, read_reached


def test_three_repeats_are_the_least_whatever_their_interval() -> None:
    assert not Reached(2, 0.001).meets(0.01)
    assert Reached(3, 0.009).meets(0.01)
    assert not Reached(3, 0.011).meets(0.01)
    assert not Reached(9, None).meets(0.01)


def test_the_scatter_falls_with_more_repeats_and_the_rest_of_it_stays() -> None:
    """3 repeats at 4.303 / √3: 5 have 2.776 / √5, which is 0.4998 of that."""
    assert t95(4) / 5**0.5 < 0.5 * t95(2) / 3**0.5 < t95(3) / 4**0.5
    assert Reached(3, 0.02, 0.02).more(0.01, 30) == 2
    assert Reached(3, 0.0224, 0.02).more(0.01, 30) is None  # 1 % of it is the instrument's
    assert Reached(3, 0.02, 0.02).more(0.01, 4) is None
    assert Reached(1, 0.02).more(0.01, 30) is None


def test_progress_says_how_many_more_and_how_long() -> None:
    said = progress_text(Reached(3, 0.02, 0.02), 0.01, 27, each_s=15)
    assert said == "repeats so far: 3: ± is 2 %, 1 % is wanted: about 2 more, 30 s"
    said = progress_text(Reached(3, 0.5, 0.5), 0.01, 2, each_s=15)
    assert said.endswith("not expected within 2 more")
    assert reached([], 4) == Reached(4, None)


@pytest.mark.parametrize("watts", [(50.0, 50.5, 49.5)])
def test_the_file_says_how_well_the_headline_is_known(
    tmp_path: Path, watts: tuple[float, ...]
) -> None:
    """1 % scatter of three repeats: t = 4.303 of 0.577 %."""
    parts = [IDLE, *(B1._replace(repeat=n, watts=w) for n, w in enumerate(watts, 1))]
    csv = written(tmp_path / "run.csv", parts)
    assert read_reached(csv, 3) is None
    end = "{}.5,,,,,note:command ended with exit 0 in repeat {},,,,,\n"
    begun = csv.read_text().splitlines(keepends=True)
    added = []
    for row in begun:
        added.append(row)
        cells = row.split(",")
        if cells[2] == "running" and cells[5] == "end":
            added.append(end.format(cells[0].partition(".")[0], cells[4]))
    csv.write_text("".join(added))
    found = read_reached(csv, 3)
    assert found is not None
    assert found.repeats == 3
    assert found.share == pytest.approx(4.302653 * 0.01 / 3**0.5, rel=0.02)
