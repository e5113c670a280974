"""A new kind of sensor is a source and a row of the table of channels: the rest follows.

A board with two lanes that are in the total, and a supply that contains them and is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorders import channels
from recorders.channels import Kind, Plotted, contains, kind_of
from recorders.rows import FIXED_COLUMNS
from recorders.source import Channel
from recorders.summary.summary import summarise
from tests.support.dashboards import dashboard_of, screen
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power, event, reduction
from wattui import cli
from wattui.analysis.repeats import Repeats
from wattui.analysis.sizes import Family, Size, Sizes, devices_of
from wattui.commands import report as report_command
from wattui.report.panels import panels
from wattui.runs.reduce import reduce_csv
from wattui.show.graphs import graphs
from wattui.show.palette import DARK
from wattui.tui.state.playback import Playback

LANES, SUPPLY = Plotted(20, "Board lanes", 3, "lanes"), Plotted(21, "Lane feed", 4)
ROWS = (
    Kind(
        "lane",
        r"lane_\w+",
        graph=LANES,
        in_total=True,
        inside=("feed",),
        nouns=("lane", "lanes"),
        short=("lane_", ""),
    ),
    Kind("feed", "feed", graph=SUPPLY),
)
CACHED = (channels.kind_of, channels.column_order, channels._around)
WATTS = {"lane_soc": 6.0, "lane_gpu": 4.0, "feed": 12.0}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The table as it would be with these rows."""
    monkeypatch.setattr(channels, "KINDS", (*ROWS, *channels.KINDS))
    for asked in CACHED:
        asked.cache_clear()
    yield
    for asked in CACHED:
        asked.cache_clear()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Ten seconds of idling and five of running, in which a hundred inferences are made."""
    clock = ManualClock()
    scripts = {
        Channel(name, "J", in_total=kind_of(name).in_total): constant_power(power_w)
        for name, power_w in WATTS.items()
    }
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, scripts)])
    rig.at(0.5, do="begin", phase="idle")
    rig.at(10.5, do="end", id=1)
    rig.at(11.0, do="begin", phase="running")
    rig.at(15.9, do="count", n=100)
    rig.at(16.0, do="end", id=2)
    rig.run(17.0)
    return rig


def test_it_has_columns_and_its_place_in_the_total(rig: Rig) -> None:
    lines = rig.path.read_text().splitlines()
    assert lines[0].split(",")[len(FIXED_COLUMNS) :] == [
        f"{name}_{unit}" for name in (*WATTS, "total") for unit in "JW"
    ]
    last = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    parts_j = float(last["lane_soc_J"]) + float(last["lane_gpu_J"])
    assert float(last["total_J"]) == pytest.approx(parts_j)


def test_it_is_in_the_summary_live_and_from_the_file(rig: Rig) -> None:
    live = summarise(rig.recorder.reduction)
    assert live.running is not None
    assert live.headline == "total"
    found = {
        name: domain.total_j_per_inference.value
        for name, domain in live.running.domains.items()
        if domain.total_j_per_inference
    }
    assert found == pytest.approx({"lane_soc": 0.3, "lane_gpu": 0.2, "feed": 0.6, "total": 0.5})
    assert summarise(reduce_csv(rig.path)).running == live.running


def test_a_part_that_is_missing_is_named() -> None:
    rows = [
        event(0, "note:missing lane_ddr: it is readable by root only"),
        event(0, "begin", "running", {"lane_soc": 0.0, "total": 0.0}, n=0),
        event(10, "end", "running", {"lane_soc": 60.0, "total": 60.0}, n=100),
    ]
    summary = summarise(reduction(rows, ["lane_soc", "total"]))
    assert summary.contents == "1 of 2 lanes"
    assert "incomplete" in [flag.name for flag in summary.flags]
    assert contains("feed", "lane_ddr")
    assert contains("meter_wall", "feed")


def test_it_has_graphs_with_colours(rig: Rig) -> None:
    columns = rig.layout.columns
    found = {spec.title: spec for spec in graphs(columns)}
    assert list(found) == ["Board lanes", "Lane feed"]
    lanes = found["Board lanes"]
    assert [series.name for series in lanes.series] == ["soc", "gpu"]
    colours = [DARK.of_series(s.colour, s.estimated) for s in lanes.series]
    assert colours == [DARK.series[3], DARK.series[4]]
    assert [panel.title for panel in panels(columns)] == ["Total", "Board lanes", "Lane feed"]


def test_it_is_in_the_tables(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["summary", str(rig.path), "--width", "120"]) == 0
    shown = capsys.readouterr().out
    assert "measured: lanes only (channel total)" in shown
    for name, joules in (("lane_soc", "30.00"), ("feed", "60.0"), ("total", "50.0")):
        assert re.search(rf"{name} .* {joules} ±", shown)


async def test_the_dashboard_shows_it(rig: Rig) -> None:
    app = dashboard_of(Playback(rig.path, math.inf))
    async with app.run_test(size=(200, 50)) as pilot:
        for _ in range(200):
            await pilot.pause(0.1)
            shown = screen(app)
            if "12.0 W" in shown:
                break
    assert "Board lanes  soc 6.00 W gpu 4.00 W" in shown
    assert "Lane feed  12.0 W" in shown


@pytest.mark.needs_report
def test_it_is_a_device_of_its_own_where_energy_is_drawn_by_size() -> None:
    from wattui.report.draw.sizes import energy_curves

    energies_j = dict.fromkeys(["lane_soc", "lane_gpu", "package0", "gpu0"], (2.0,))
    found = tuple(Size(f"b{n}", n, Repeats((1.0,), energies_j)) for n in (1, 8))
    devices = tuple(devices_of(energies_j, found, "total"))
    assert [device.title for device in devices] == [
        "2 lanes (lane_soc + lane_gpu)",
        "GPU (gpu0)",
        "CPU (package0)",
    ]
    curves = energy_curves(Sizes("batch", "total", "", devices, (Family("", found),)))
    assert [curve.medians for curve in curves] == [[4.0, 4.0], [2.0, 2.0], [2.0, 2.0]]
    assert len({curve.colour for curve in curves}) == len({curve.dash for curve in curves}) == 3


@pytest.mark.needs_report
def test_the_report_draws_it(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    asked = report_command.parser().parse_args([str(rig.path), "-o", str(out)])
    assert report_command.main(asked) == 0
    page = out.read_text()
    assert "Board lanes" in page
    assert "Lane feed" in page
