"""The command's shares in the summary: of the time that it ran, beside the joules."""

from __future__ import annotations

import io

from rich.console import Console

from recorders.summary.figures import CommandShare, Summary
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction
from wattui.show.summary import shares_line

ROWS = [
    event(0.0, "begin", "idle", {"total": 0.0}),
    event(10.0, "end", "idle", {"total": 200.0}),
    event(10.0, "begin", "running", {"total": 200.0}),
    event(20.0, "end", "running", {"total": 900.0}),
]
SECONDS = {
    "command_cpu_pct": [(5.0, 99.0), (12.0, 20.0), (13.0, 30.0), (25.0, 99.0)],
    "command_gpu0_pct": [(12.0, 90.0), (13.0, 100.0)],
    "command_gpu0_mem_MiB": [(12.0, 500.0), (13.0, 2048.0), (14.0, 100.0)],
    "command_gpu1_mem_MiB": [(12.0, 0.0)],
    "gpu0_util_pct": [(12.0, 100.0)],
}
SHARES = [
    CommandShare("cpu", 25.0, None),
    CommandShare("gpu0", 95.0, 2048.0),
    CommandShare("gpu1", None, 0.0),
]


def test_they_are_the_mean_of_time_and_the_most_memory_while_running() -> None:
    assert summarise(reduction(ROWS, ["total"], SECONDS)).shares == SHARES


def test_without_readings_there_are_none_and_not_zero() -> None:
    idle = {"command_cpu_pct": [(5.0, 99.0)]}
    assert summarise(reduction(ROWS, ["total"], idle)).shares == []


def test_they_are_in_run_json_and_an_older_one_has_none() -> None:
    found = summarise(reduction(ROWS, ["total"], SECONDS)).to_dict()
    assert found["shares"][1] == {"device": "gpu0", "time_pct": 95.0, "memory_mib": 2048.0}
    assert Summary.from_dict(found).shares == SHARES
    del found["shares"]
    assert Summary.from_dict(found).shares == []


def test_they_are_called_shares_and_have_no_joules() -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(shares_line(SHARES))
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        "share of the command while running: 25 % of CPU time · "
        "95 % of gpu0 time, 2,048 MiB of gpu0 · 0 MiB of gpu1\n"
    )
