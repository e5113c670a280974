"""Parts that are left out of the sum: recorded, but not in `total`, live and in the CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.source import Channel
from recorders.summary.summary import summarise
from recorders.summing import not_counted
from recorders.texts import OwnNote
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power
from wattui.runs.reduce import reduce_csv

PARTS = ["package0", "package1", "dram0", "gpu0", "gpu1", "core0", "psys"]


@pytest.mark.parametrize(
    ("wanted", "without"),
    [
        ([], []),
        (["cpu"], ["gpu0", "gpu1"]),
        (["gpus"], ["package0", "package1", "dram0"]),
        (["cpu", "gpu1"], ["gpu0"]),
        (["package1", "gpus"], ["package0", "dram0"]),
    ],
)
def test_what_was_not_asked_for_is_left_out(wanted: list[str], without: list[str]) -> None:
    assert list(not_counted(wanted, PARTS)) == without


def test_what_is_missing_is_only_missed_if_it_was_asked_for() -> None:
    assert not_counted(["cpu"], ["package0"], ["gpu", "dram0", "perf"]) == ("gpu",)


@pytest.mark.parametrize("name", ["gpu7", "psys", "core0", "cpus"])
def test_a_name_of_no_part_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be counted: there is only cpu, dram0"):
        not_counted([name], PARTS)


def test_the_sum_is_of_what_counts_and_the_csv_alone_has_the_same_summary(tmp_path: Path) -> None:
    clock = ManualClock()
    powers = {"package0": 50.0, "dram0": 5.0, "gpu0": 300.0}
    curves = {Channel(n, "J", in_total=True): constant_power(w) for n, w in powers.items()}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, curves)], left_out=["gpu0"])
    rig.recorder.note(f"{OwnNote.NOT_COUNTED} gpu0")
    rig.at(1.0, do="mark", phase="idle")
    rig.at(11.0, do="mark", phase="running")
    rig.at(20.0, do="count", n=10)
    rows = rig.run(21.0)
    found = summarise(rig.recorder.reduction)
    assert found.running is not None
    domains = found.running.domains
    total, gpu = domains["total"].running_j, domains["gpu0"].running_j
    parts = [domains[name].running_j for name in ("package0", "dram0")]
    assert total is not None
    assert gpu is not None
    assert total.value == pytest.approx(550.0)
    assert gpu.value == pytest.approx(3000.0)
    errors_j = [part.plus_minus for part in parts if part and part.plus_minus is not None]
    assert total.plus_minus == pytest.approx(sum(errors_j))
    assert found.contents == "1 GPU not counted"
    assert float(rows[-1]["total_J"]) == pytest.approx(55 * 21.0, rel=1e-3)
    assert summarise(reduce_csv(rig.path)).to_dict() == found.to_dict()
