"""The figures shown after a recording that lost rows."""

from __future__ import annotations

import json
from pathlib import Path

from recorders.client import Finished
from tests.support.made_runs import B1, B8, IDLE, finished, written
from wattui.capture.kept import of_its_file


def test_figures_are_those_of_the_file_and_a_flag_says_how_many_rows_it_lacks(
    tmp_path: Path,
) -> None:
    whole = finished(tmp_path / "run.csv", [IDLE, B1, B8]).summary
    kept = written(tmp_path / "run.csv", [IDLE, B1])
    done = of_its_file(Finished(whole, {"lost_rows": 11, "file": {"csv": str(kept)}}, "disk full"))
    assert [group.label for group in done.summary.labels] == ["b1"]
    flag = json.loads(json.dumps(done.summary.to_dict()))["flags"][0]
    assert flag["name"] == "run_file"
    assert flag["text"].startswith("11 rows are not in the file (disk full): the figures are those")
