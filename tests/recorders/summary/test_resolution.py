"""± at the edges: what is independent, what cancels, and what is added."""

from __future__ import annotations

import pytest

from recorders.summary.figures import Value
from recorders.summary.reduction import EventRow
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction

PERIODS = event(0.0, "note:update_period_s package0=0.001 dram0=0.001")


def found(time_s: float, *channels: tuple[str, float, float]) -> EventRow:
    texts = (f"{name}={energy_j}±{error_j}" for name, energy_j, error_j in channels)
    return event(time_s + 0.002, f"located:{time_s:.6f} {' '.join(texts)}")


def edge(time_s: float, what: str, package_j: float, dram_j: float = 0.0) -> EventRow:
    parts = {"package0": package_j, "dram0": dram_j}
    return event(time_s, what, "running", {**parts, "total": package_j + dram_j}, "a")


def figure(events: list[EventRow], channel: str) -> Value:
    summary = summarise(reduction([PERIODS, *events], ("package0", "dram0", "total")))
    assert summary.running
    value = summary.running.domains[channel].running_j
    assert value
    return value


BACK_TO_BACK = [
    edge(1.0, "begin", 10.0, 1.0),
    found(1.0, ("package0", 10.03, 0.003), ("dram0", 1.01, 0.001)),
    edge(2.0, "end", 60.0, 5.0),
    edge(2.0, "begin", 60.0, 5.0),
    found(2.0, ("package0", 60.04, 0.02), ("dram0", 5.02, 0.02)),
    edge(3.0, "end", 110.0, 9.0),
    found(3.0, ("package0", 110.02, 0.004), ("dram0", 9.0, 0.002)),
]


def test_edges_are_independent_and_one_between_two_phases_cancels() -> None:
    value = figure(BACK_TO_BACK, "package0")
    assert value.value == pytest.approx(99.99)
    assert value.plus_minus == pytest.approx(0.005)


def test_parts_of_the_total_are_refreshed_together_so_their_errors_are_added() -> None:
    value = figure(BACK_TO_BACK, "total")
    assert value.value == pytest.approx(99.99 + 7.99)
    assert value.plus_minus == pytest.approx(0.005 + (0.001**2 + 0.002**2) ** 0.5)


def test_edges_within_one_refresh_are_not_independent() -> None:
    within = [
        edge(1.0, "begin", 10.0),
        found(1.0, ("package0", 10.01, 0.003)),
        edge(1.0004, "end", 10.0),
        found(1.0004, ("package0", 10.03, 0.004)),
    ]
    value = figure(within, "package0")
    assert value.value == pytest.approx(0.02)
    assert value.plus_minus == pytest.approx(0.007)


def test_an_edge_that_was_not_found_leaves_an_update_open() -> None:
    half = [edge(1.0, "begin", 10.0), found(1.0, ("package0", 10.03, 0.003))]
    value = figure([*half, edge(2.0, "end", 60.0)], "package0")
    assert value.value == pytest.approx(50.0)
    assert value.plus_minus == pytest.approx(50.0 * 0.001)


def test_a_text_that_cannot_be_read_is_left_out() -> None:
    broken = [event(1.5, "located:1.000000 package0=ten±1"), event(1.5, "located:soon x=1±1")]
    value = figure([edge(1.0, "begin", 10.0), *broken, edge(2.0, "end", 60.0)], "package0")
    assert value.value == pytest.approx(50.0)


def test_a_short_window_whose_edges_were_found_claims_no_error_of_an_update() -> None:
    short = [edge(1.0, "begin", 10.0), edge(1.01, "end", 10.5)]
    ends = [found(row.time_s, ("package0", row.energy_j["package0"], 0.001)) for row in short]
    for events, has_share in ((short, True), ([short[0], ends[0], short[1], ends[1]], False)):
        summary = summarise(reduction([PERIODS, *events], ("package0", "total")))
        texts = {flag.where: flag.text for flag in summary.flags if flag.name == "short_window"}
        assert ("±" in texts["package0"]) == has_share
