"""A sum states which parts of the machine it covers, which it lacks, and why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from recorders.summary.contents import headline
from recorders.summary.figures import Summary
from recorders.summary.reduction import EventRow
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction


def recorded(channels: Sequence[str], *notes: str) -> Summary:
    """Ten seconds of idling and ten of running at 50 W in every channel."""
    rows: list[EventRow] = [event(0, f"note:{note}") for note in notes]
    for name, start_s in (("idle", 0.0), ("running", 10.0)):
        rows.append(event(start_s, "begin", name, dict.fromkeys(channels, 50.0 * start_s), n=0))
        end_j = dict.fromkeys(channels, 50.0 * start_s + 500.0)
        rows.append(event(start_s + 10, "end", name, end_j, n=100))
    return summarise(reduction(rows, channels))


def missing(*parts: str) -> list[str]:
    return [f"missing {part}: {part} is readable by root only" for part in parts]


@pytest.mark.parametrize(
    ("channels", "notes", "words"),
    [
        ("package0 dram0 gpu0 total", [], ""),
        ("package0 package1 total", [], ""),
        ("dram0 total", missing("package0"), "DRAM only"),
        ("dram0 dram1 total", missing("package0", "package1"), "DRAM only"),
        ("dram0 total", missing("package0", "dram1"), "no package, 1 of 2 DRAM"),
        ("package0 total", missing("package1"), "1 of 2 packages"),
        ("package0 dram0 total", missing("package1", "dram1"), "1 of 2 packages, 1 of 2 DRAM"),
        ("package0 package1 total", missing("dram1"), "2 packages, no DRAM"),
        (
            "package0 package1 dram0 dram1 gpu0 total",
            missing("gpu1"),
            "2 packages, 2 DRAM, 1 of 2 GPUs",
        ),
        ("package0 total", missing("gpu"), "1 package, no GPU"),
        ("package0 gpu0 total", missing("gpu"), "1 package, 1 of more than 1 GPUs"),
        ("gpu0 total", [], "GPU only"),
        ("gpu0 gpu1 est_cpu total", [], "GPUs only"),
        ("package0 dram0 gpu0 gpu1 total", ["not_counted gpu0 gpu1"], "2 GPUs not counted"),
        (
            "package0 dram0 gpu0 total",
            ["not_counted package0 dram0"],
            "GPU only, 1 package, 1 DRAM not counted",
        ),
        (
            "package0 gpu0 total",
            ["not_counted gpu0", *missing("dram0", "gpu0")],
            "1 package, no DRAM, 1 GPU not counted",
        ),
    ],
)
def test_a_sum_that_is_not_whole_says_what_it_is_of(
    channels: str, notes: list[str], words: str
) -> None:
    summary = recorded(channels.split(), *notes)
    assert summary.headline == "total"
    assert summary.contents == words


def test_what_is_missing_is_flagged_first_with_its_reason() -> None:
    summary = recorded(["package0", "total"], *missing("package1", "dram1"))
    flag = summary.flags[0]
    assert (flag.name, flag.where) == ("incomplete", "package1, dram1")
    assert "without package1: package1 is readable by root only" in flag.text


def test_parts_with_one_reason_are_told_together() -> None:
    notes = [f"missing gpu{n}: the driver does not answer" for n in range(8)]
    (flag,) = recorded(["package0", "total"], *notes).flags
    assert (
        flag.text == f"without {', '.join(f'gpu{n}' for n in range(8))}: the driver does not answer"
    )


def test_what_was_left_out_on_purpose_is_no_flag() -> None:
    left_out = recorded(["package0", "gpu0", "total"], "not_counted gpu0", *missing("gpu0"))
    assert left_out.flags == []


def test_a_whole_sum_has_no_such_flag() -> None:
    assert recorded(["package0", "dram0", "total"]).flags == []


@pytest.mark.parametrize(
    ("channels", "quoted"),
    [
        ("package0 psys total", "total"),
        ("psys est_cpu", "psys"),
        ("dram0 psys est_cpu total", "psys"),
        ("dram0 est_cpu total", "total"),
        ("psys gpu0 total", "total"),
        ("est_cpu sim_cpu", "est_cpu"),
        ("est_cpu meter_wall", "est_cpu"),
        ("core0", "core0"),
    ],
)
def test_what_is_measured_is_quoted_before_an_estimate(channels: str, quoted: str) -> None:
    assert headline(channels.split()) == quoted


@pytest.mark.parametrize(
    ("channels", "where"),
    [("psys", ""), ("est_cpu", ""), ("psys gpu0 total", "package0"), ("sim_cpu", "")],
)
def test_a_channel_that_contains_the_missing_part_is_whole(channels: str, where: str) -> None:
    flags = {
        flag.name: flag.where for flag in recorded(channels.split(), *missing("package0")).flags
    }
    assert flags.get("incomplete", "") == where


def test_an_estimate_of_the_processor_lacks_the_gpu() -> None:
    flags = recorded(["est_cpu"], "missing gpu: the driver does not match").flags
    assert [flag.name for flag in flags] == ["incomplete", "estimated"]


def half_lost(lost_s: float) -> Summary:
    """A GPU that goes; the running phase ends at 20 s."""
    channels = ["package0", "gpu0", "gpu1", "total"]
    rows = [
        event(10, "begin", "running", dict.fromkeys(channels, 0.0), n=0),
        event(20, "end", "running", dict.fromkeys(channels[: 4 if lost_s > 20 else 2], 500.0), n=9),
    ]
    rows.append(event(lost_s, "lost:gpu1", "running" if lost_s < 20 else ""))
    return summarise(reduction(sorted(rows, key=lambda row: row.time_s), channels))


def test_a_part_that_is_lost_while_running_makes_the_sum_incomplete() -> None:
    summary = half_lost(12.34)
    assert summary.contents == "1 package, 1 of 2 GPUs"
    (flag,) = (flag for flag in summary.flags if flag.name == "incomplete")
    assert (flag.where, flag.text) == ("gpu1", "without gpu1: lost at 12.3 s")
    assert summary.running is not None
    assert summary.running.domains["total"].running_j is None


def test_a_part_that_is_lost_afterwards_is_in_the_sum() -> None:
    assert half_lost(25.0).contents == ""
