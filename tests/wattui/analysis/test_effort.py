"""Processor time, instructions and time of each repeat, by label, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from recorders.rows import FIXED_COLUMNS
from wattui.analysis.effort import EffortKey, compare_efforts, efforts, of_side, together
from wattui.runs.reduce import reduce_csv


def counted(path: Path, runs: Sequence[tuple[str, int, float, int]]) -> Path:
    """A run file in which each label and repeat takes 2 s, with this processor time and count."""
    lines = [",".join((*FIXED_COLUMNS, "perf_task_clock"))]
    time_s, clock_ns, count = 0.0, 0, 0
    for label, repeat, processor_s, inferences in runs:
        lines.append(f"{time_s},,running,{label},{repeat},begin,{count},{clock_ns}")
        time_s, clock_ns = time_s + 2, clock_ns + round(processor_s * 1e9)
        count += inferences
        lines.append(f"{time_s},,running,{label},{repeat},end,{count},{clock_ns}")
        time_s += 1
    path.write_text("\n".join(lines) + "\n")
    return path


def test_figures_are_per_inference_where_these_were_counted(tmp_path: Path) -> None:
    runs = [("b1", 1, 1.0, 10), ("b8", 1, 1.5, 0), ("b1", 2, 1.2, 10), ("b8", 2, 1.5, 0)]
    found = efforts(reduce_csv(counted(tmp_path / "run.csv", runs)))
    assert found[EffortKey("b1", "processor time")] == pytest.approx({1: 0.1, 2: 0.12})
    assert found[EffortKey("b1", "time")] == pytest.approx({1: 0.2, 2: 0.2})
    assert found[EffortKey("b8", "processor time")] == pytest.approx({1: 1.5, 2: 1.5})
    assert not any(key.figure == "instructions" for key in found)


def test_pairs_cancel_what_both_of_them_share(tmp_path: Path) -> None:
    drift = (1.0, 1.1, 1.2, 1.3)
    runs = [
        (label, n, share * factor, 0)
        for n, factor in enumerate(drift, 1)
        for label, share in (("old", 1.0), ("new", 1.1))
    ]
    found = efforts(reduce_csv(counted(tmp_path / "run.csv", runs)))
    old, new = of_side(found, "old"), of_side(found, "new")
    paired, alone = (compare_efforts(old, new, paired=each)[0] for each in (True, False))
    assert paired.ratio == alone.ratio == pytest.approx(1.1)
    assert (paired.verdict, alone.verdict) == ("clear", "within the error")


def test_several_runs_are_one_sample_each() -> None:
    key = EffortKey("", "time")
    runs = [{key: {1: 1.0, 2: 3.0}}, {key: {1: 4.0, 2: 4.0}}]
    assert together(runs) == {key: {1: 2.0, 2: 4.0}}
    assert together(runs[:1]) == runs[0]
