"""Phases with their energy: the difference of two rows, however phases nest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.summary.reduction import EventRow
from recorders.summary.spans import Span, blocks_w, mean_gauge, spans
from tests.support.doubles import event, reduction


def edge(
    time_s: float,
    what: str,
    phase: str,
    package_j: float | None = None,
    label: str = "",
    n: int | None = None,
    repeat: int | None = None,
) -> EventRow:
    energy_j = {} if package_j is None else {"package0": package_j}
    return event(time_s, what, phase, energy_j, label, repeat, n)


def found(*rows: EventRow) -> list[Span]:
    return spans(reduction(rows, ["package0"]))


def test_the_energy_of_a_phase_is_the_difference_of_its_edges() -> None:
    (span,) = found(edge(1, "begin", "running", 10.0), edge(3, "end", "running", 110.0))
    assert span.energy_j == {"package0": 100.0}
    assert (span.start_s, span.end_s, span.seconds, span.finished) == (1, 3, 2, True)


@pytest.mark.parametrize(
    ("told", "span_s"),
    [
        ("1.25 2.5", (1.25, 2.5)),
        ("1.0 3.0", (1.0, 3.0)),
        ("0.9 2.5", (1.0, 3.0)),
        ("1.25 3.1", (1.0, 3.0)),
        ("2.5 1.25", (1.0, 3.0)),
        ("nan 2.5", (1.0, 3.0)),
        ("1.25", (1.0, 3.0)),
        ("soon later", (1.0, 3.0)),
    ],
)
def test_a_block_of_code_lies_between_the_rows_of_its_phase(
    told: str, span_s: tuple[float, float]
) -> None:
    (span,) = found(
        edge(1, "begin", "running", 10.0),
        edge(3, f"block:{told}", "running", 110.0),
        edge(3, "end", "running", 110.0),
    )
    assert (span.start_s, span.end_s) == span_s
    assert not span.begin.is_late
    assert not span.end.is_late
    # Read at the rows only, its energy is taken to be spread evenly between them.
    assert span.energy_j == {"package0": 50 * (span_s[1] - span_s[0])}


def test_an_inner_phase_does_not_take_energy_from_the_outer_one() -> None:
    outer, inner = found(
        edge(0, "begin", "running", 0.0, "epoch 1"),
        edge(2, "begin", "running", 20.0, "epoch 1/train"),
        edge(5, "end", "running", 80.0, "epoch 1/train"),
        edge(6, "end", "running", 90.0, "epoch 1"),
    )
    assert (outer.label, outer.energy_j["package0"], outer.inside) == ("epoch 1", 90.0, ())
    assert (inner.label, inner.energy_j["package0"]) == ("epoch 1/train", 60.0)
    assert inner.inside == ("running",)


def test_phases_of_one_name_inside_each_other_pair_from_the_inside() -> None:
    outer, inner = found(
        edge(0, "begin", "running", 0.0),
        edge(1, "begin", "running", 1.0),
        edge(2, "end", "running", 2.0),
        edge(9, "end", "running", 9.0),
    )
    assert (outer.seconds, inner.seconds) == (9, 1)


def test_repeats_are_kept_apart() -> None:
    first, second = found(
        edge(0, "begin", "running", 0.0, repeat=1),
        edge(1, "end", "running", 5.0, repeat=1),
        edge(2, "begin", "running", 6.0, repeat=2),
        edge(3, "end", "running", 13.0, repeat=2),
    )
    assert (first.repeat, first.energy_j["package0"]) == (1, 5.0)
    assert (second.repeat, second.energy_j["package0"]) == (2, 7.0)


def test_a_phase_that_never_ended_is_closed_at_the_last_row_and_unfinished() -> None:
    (span,) = found(edge(1, "begin", "running", 10.0), edge(4, "", "running", 70.0))
    assert not span.finished
    assert (span.end_s, span.energy_j["package0"]) == (4, 60.0)


def test_an_end_without_a_beginning_is_no_phase() -> None:
    assert found(edge(1, "end", "running", 10.0)) == []


def test_inferences_are_those_counted_inside() -> None:
    (span,) = found(edge(0, "begin", "running", n=40), edge(1, "end", "running", n=100))
    assert span.inferences == 60


def test_a_count_that_began_inside_counts_from_nothing() -> None:
    (span,) = found(edge(0, "begin", "running"), edge(1, "end", "running", n=100))
    assert span.inferences == 100


def test_without_a_count_the_number_of_inferences_is_unknown() -> None:
    (span,) = found(edge(0, "begin", "running"), edge(1, "end", "running"))
    assert span.inferences is None


def test_an_edge_between_two_readings_is_interpolated_and_called_bridged() -> None:
    rows = [edge(1.5, "begin", "running"), edge(3.0, "end", "running", 300.0)]
    readings = {"package0": [(1.0, 100.0), (2.0, 200.0)]}
    (span,) = spans(reduction(rows, ["package0"], readings))
    assert span.energy_j["package0"] == pytest.approx(150.0)
    assert span.bridged_j == {"package0": 50.0}


def test_what_an_interpolated_edge_leaves_open_reaches_to_the_farther_reading() -> None:
    rows = [edge(3.0, "begin", "running"), edge(12.0, "end", "running", 900.0)]
    readings = {"package0": [(1.0, 0.0), (11.0, 800.0)]}
    (span,) = spans(reduction(rows, ["package0"], readings))
    assert span.energy_j["package0"] == pytest.approx(740.0)
    assert span.bridged_j == {"package0": pytest.approx(640.0)}


def test_an_edge_without_a_reading_on_both_sides_leaves_the_energy_unknown() -> None:
    (span,) = found(edge(1, "begin", "running", 10.0), edge(3, "end", "running"))
    assert span.energy_j == {"package0": None}
    assert span.bridged_j == {}


def test_a_phase_knows_the_gaps_resets_and_losses_inside_it() -> None:
    (span,) = found(
        event(0, "gap:dram0"),
        edge(1, "begin", "running", 0.0),
        event(2, "reset:package0"),
        event(3, "lost:gpu0"),
        event(3.5, "note:gap:none of these"),
        edge(4, "end", "running", 9.0),
        event(5, "gap:package0"),
    )
    assert span.happened == [("reset", "package0"), ("lost", "gpu0")]


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=12))
def test_every_phase_of_a_nest_has_its_own_energy_and_its_own_enclosure(
    steps: list[tuple[int, bool]],
) -> None:
    rows: list[EventRow] = []
    expected: dict[str, tuple[float, tuple[str, ...]]] = {}
    stack: list[tuple[str, float]] = []
    energy_j, time_s = 0.0, 0.0
    for number, (added_j, ends) in enumerate(steps):
        energy_j += added_j
        time_s += 1
        if stack and ends:
            name, begun_j = stack.pop()
            expected[name] = (energy_j - begun_j, tuple(outer for outer, _ in stack))
            rows.append(edge(time_s, "end", name, energy_j))
        else:
            stack.append((f"phase{number}", energy_j))
            rows.append(edge(time_s, "begin", f"phase{number}", energy_j))
    while stack:
        name, begun_j = stack.pop()
        expected[name] = (energy_j - begun_j, tuple(outer for outer, _ in stack))
        rows.append(edge(time_s + 1, "end", name, energy_j))
    got = {span.phase: (span.energy_j["package0"], span.inside) for span in found(*rows)}
    assert got == expected


def test_phases_that_overlap_do_not_enclose_each_other() -> None:
    first, second = found(
        edge(0, "begin", "running", 0.0, "worker a"),
        edge(1, "begin", "running", 10.0, "worker b"),
        edge(8, "end", "running", 80.0, "worker a"),
        edge(9, "end", "running", 90.0, "worker b"),
    )
    assert (first.label, second.label) == ("worker a", "worker b")
    assert first.inside == second.inside == ()


def test_power_is_known_second_by_second_between_the_edges() -> None:
    rows = [edge(0.0, "begin", "idle", 0.0), edge(3.0, "end", "idle", 60.0)]
    readings = {"package0": [(0.0, 0.0), (1.0, 10.0), (2.0, 30.0), (3.0, 60.0)]}
    recording = reduction(rows, ["package0"], readings)
    (span,) = spans(recording)
    assert blocks_w(recording, "package0", span) == ([0.5, 1.5, 2.5], [10.0, 20.0, 30.0])


def test_a_gauge_is_averaged_over_the_phase_only() -> None:
    rows = [edge(1.0, "begin", "idle", 0.0), edge(3.0, "end", "idle", 60.0)]
    readings = {"cpu_util_pct": [(0.0, 90.0), (1.0, 10.0), (2.0, 20.0), (3.0, 30.0), (4.0, 90.0)]}
    recording = reduction(rows, ["package0"], readings)
    (span,) = spans(recording)
    assert mean_gauge(recording, "cpu_util_pct", span) == pytest.approx(20.0)
    assert mean_gauge(recording, "cpu_temp_C", span) is None
