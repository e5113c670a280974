"""A count stated after the recording gives what `--inferences` would have."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.fingerprint import fingerprint
from recorders.summary.reduction import Reduction
from recorders.summary.stated import with_count
from recorders.summary.summary import summarise
from tests.support.made_runs import B1, B8, IDLE, Part, written
from wattui.runs.notes import Notes, write_notes
from wattui.runs.recorded import load_run
from wattui.runs.reduce import reduce_csv


def reduced(path: Path, *parts: Part) -> Reduction:
    return reduce_csv(written(path, parts))


def test_the_figures_are_those_of_a_run_that_counted(tmp_path: Path) -> None:
    """All but the flag, and the count of the phase: what was stated is of the whole."""
    counted = summarise(reduced(tmp_path / "a.csv", IDLE, B1))
    found = summarise(with_count(reduced(tmp_path / "b.csv", IDLE, B1._replace(count=0)), 100))
    assert found.running == counted.running
    assert found.labels == counted.labels
    assert [flag.name for flag in found.flags] == ["stated_count"]
    assert found.flags[0].text == "100 inferences, stated by hand after the recording"


def test_a_count_of_its_own_is_kept(tmp_path: Path) -> None:
    reduction = reduced(tmp_path / "run.csv", IDLE, B1)
    assert with_count(reduction, 7) is reduction


def test_no_label_of_several_gets_the_count_of_all(tmp_path: Path) -> None:
    parts = [part._replace(count=0) for part in (B1, B8)]
    found = summarise(with_count(reduced(tmp_path / "run.csv", IDLE, *parts), 100))
    assert found.running is not None
    assert found.running.inferences == 100
    assert [group.inferences for group in found.labels] == [None, None]


@pytest.mark.parametrize("count", [0, 100])
def test_a_loaded_run_has_it_unless_it_counted(tmp_path: Path, count: int) -> None:
    csv = written(tmp_path / "run.csv", [IDLE, B1._replace(count=count)])
    write_notes(csv, Notes(inferences=50, csv=fingerprint(csv)))
    run = load_run(csv)
    assert run.summary.running is not None
    assert run.summary.running.inferences == (count or 50)
    assert any("counted inferences itself" in remark for remark in run.remarks) == bool(count)
