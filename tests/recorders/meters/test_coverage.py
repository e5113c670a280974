"""Coverage of a meter outside the machine, and a headline that was asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from recorders.summary.figures import Coverage, Summary
from recorders.summary.reduction import EventRow
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction
from tests.support.meters import CurveSpec, metered
from wattui import cli
from wattui.show.summary import coverage_text

CHANNELS = ("package0", "dram0", "meter_wall", "total")


def rows(wall_w: tuple[float, float], *first: EventRow) -> list[EventRow]:
    """Ten seconds of idling at 40 W and as much of running at 90 W inside, and what a meter saw."""

    def read(inside_j: float, wall_j: float) -> dict[str, float]:
        parts = {"package0": 0.9 * inside_j, "dram0": 0.1 * inside_j}
        return parts | {"meter_wall": wall_j, "total": inside_j}

    idle_j, ran_j = 10 * wall_w[0], 10 * wall_w[0] + 10 * wall_w[1]
    return [
        *first,
        event(0, "begin", "idle", read(0, 0), n=0),
        event(10, "end", "idle", read(400, idle_j), n=0),
        event(10, "begin", "running", read(400, idle_j), n=0),
        event(20, "end", "running", read(1300, ran_j), n=100),
    ]


def summary_of(events: Sequence[EventRow]) -> Summary:
    return summarise(reduction(events, CHANNELS))


def test_coverage_is_what_the_sensors_see_of_what_the_meter_sees() -> None:
    (found,) = summary_of(rows((80.0, 120.0))).coverage
    assert found.meter == "meter_wall"
    assert found.idle == pytest.approx(0.5)
    assert found.running is not None
    assert found.running.value == pytest.approx(0.75)
    # One update of each at both edges, of 900 J and of 1200 J.
    assert found.running.plus_minus == pytest.approx(0.75 * (0.01**2 + 0.01**2) ** 0.5, rel=0.01)
    assert (
        coverage_text(found)
        == "coverage: total is 75.0 ± 1.1 % running, 50.00 % idle of meter_wall"
    )


def test_it_is_in_the_json_and_may_be_missing_there() -> None:
    plain = summary_of(rows((80.0, 120.0))).to_dict()
    read = Summary.from_dict(json.loads(json.dumps(plain)))
    assert [type(each) for each in read.coverage] == [Coverage]
    del plain["coverage"]
    assert Summary.from_dict(plain).coverage == []


def test_a_meter_that_sees_less_than_the_sensors_is_flagged() -> None:
    summary = summary_of(rows((20.0, 45.0)))
    assert summary.coverage == []
    flags = {flag.where: flag.text for flag in summary.flags}
    assert flags["meter_wall"] == (
        "it read 45 W but the sensors inside 90 W: it does not see the whole machine"
    )


def test_without_a_sum_there_is_no_coverage() -> None:
    rows = [
        event(0, "begin", "running", {"meter_wall": 0.0}, n=0),
        event(10, "end", "running", {"meter_wall": 1000.0}, n=10),
    ]
    summary = summarise(reduction(rows, ["meter_wall"]))
    assert summary.coverage == []
    assert summary.headline == "meter_wall"


def test_a_headline_that_was_asked_for_is_quoted_and_said() -> None:
    asked = event(0, "note:headline meter_wall")
    usual, chosen = summary_of(rows((80.0, 120.0))), summary_of(rows((80.0, 120.0), asked))
    assert (usual.headline, chosen.headline) == ("total", "meter_wall")
    assert chosen.quoted is not None
    assert chosen.quoted.total_j_per_inference is not None
    assert chosen.quoted.total_j_per_inference.value == pytest.approx(12.0)
    assert chosen.quoted.dynamic_j_per_inference is not None
    assert chosen.quoted.dynamic_j_per_inference.value == pytest.approx(4.0)
    (flag,) = (flag for flag in chosen.flags if flag.name == "headline")
    assert flag.text.endswith("as asked for, and not from total")


def test_a_headline_that_was_never_read_is_said_too() -> None:
    asked = event(0, "note:headline meter_plug")
    summary = summarise(reduction(rows((80.0, 120.0), asked), [*CHANNELS, "meter_plug"]))
    assert summary.headline == "total"
    (flag,) = (flag for flag in summary.flags if flag.name == "headline")
    assert flag.text == "it was to be quoted, but was never read: energies are those of total"


@pytest.mark.needs_report
@pytest.mark.slow
def test_a_report_tells_it(tmp_path: Path) -> None:
    rig = metered(tmp_path, CurveSpec(lambda _: 100.0), 20.3)
    rig.at(1.0, do="begin", phase="running")
    rig.at(20.0, do="end", id=1)
    rig.run(20.3)
    page = tmp_path / "page.html"
    assert cli.main(["report", str(rig.path), "-o", str(page)]) == 0
    assert "Coverage: total is 50.0 ± " in page.read_text()


def test_the_file_alone_tells_coverage_and_headline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = metered(tmp_path, CurveSpec(lambda _: 100.0), 20.3)
    rig.recorder.note("headline meter_wall")
    rig.at(1.0, do="begin", phase="running")
    rig.at(19.0, do="count", n=100)
    rig.at(20.0, do="end", id=1)
    rig.run(20.3)
    live = summarise(rig.recorder.reduction)
    assert cli.main(["summary", str(rig.path), "--width", "120"]) == 0
    shown = capsys.readouterr().out
    assert "measured (channel meter_wall)" in shown
    assert coverage_text(live.coverage[0]) in shown
    assert cli.main(["summary", str(rig.path), "--json"]) == 0
    found = Summary.from_dict(json.loads(capsys.readouterr().out))
    assert (found.headline, found.coverage) == ("meter_wall", live.coverage)
