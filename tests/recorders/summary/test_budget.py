"""The parts of a ±: they amount to the ± that is printed, and what would halve it does."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.summary.bases import BY_NAME, ENERGY
from recorders.summary.budget import ALIGN, Budget, Part, budgets, together
from recorders.summary.figures import Group, Summary
from recorders.summary.reduction import EventRow, Reduction
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction

PERIODS = "note:update_period_s package0=0.02 gpu0=0.1"
PARTS = ("package0", "gpu0")
WHOLE = (*PARTS, "total")


def recorded(
    phases: Sequence[tuple[str, str, float, float, int | None]],
    channels: Sequence[str] = WHOLE,
    notes: Sequence[str] = (),
    wobble_w: float = 1.0,
    rise_w: float = 0.0,
) -> Reduction:
    """Phases (name, label, seconds, watts of a channel, repeat), with readings each second: idle
    power wobbles by so much, and rises by so much per second."""
    time_s = energy_j = 0.0
    n = 0
    events: list[EventRow] = [event(0.0, note) for note in (PERIODS, *notes)]
    seconds: dict[str, list[tuple[float, float]]] = {channel: [] for channel in channels}

    def read() -> dict[str, float]:
        parts = sum(channel in PARTS for channel in channels)
        return {c: energy_j * (parts if c == "total" else 1) for c in channels}

    for name, label, length_s, power_w, repeat in phases:
        events.append(event(time_s, "begin", name, read(), label, repeat, n or None))
        begun_s = time_s
        while time_s < begun_s + length_s:
            for channel, joules in read().items():
                seconds[channel].append((time_s, joules))
            step_s = min(1.0, begun_s + length_s - time_s)
            wobble = wobble_w * (1, -0.6, 0.2, -1, 0.9, -0.5)[int(time_s) % 6]
            now_w = power_w + (wobble + rise_w * time_s if name == "idle" else 0)
            energy_j += now_w * step_s
            time_s += step_s
        if name == "running":
            n += 100
        events.append(event(time_s, "end", name, read(), label, repeat, n or None))
        time_s = math.ceil(time_s + 0.1)
    return reduction(events, channels, seconds)


IDLE = ("idle", "", 10.0, 20.0, None)
RUN = ("running", "a", 5.0, 100.0, None)
REPEATS = [("running", "a", 5.0, 100.0 + w, n) for n, w in enumerate((0, 2, -1, 3, 1, -2), 1)]
ESTIMATE = ("est_cpu",)
RECORDINGS = {
    "one run": recorded([IDLE, RUN]),
    "idle on both sides": recorded([IDLE, RUN, IDLE]),
    "idle between runs": recorded([IDLE, RUN, IDLE, RUN, IDLE]),
    "armed": recorded([IDLE, ("armed", "a", 6.0, 40.0, None), RUN]),
    "a drift": recorded([IDLE, RUN], wobble_w=0.01, rise_w=0.2),
    "repeats": recorded([IDLE, *REPEATS]),
    "repeats that are all the same": recorded([IDLE, *((*RUN[:4], n) for n in (1, 2, 3))]),
    "labels": recorded([IDLE, RUN, ("running", "b", 3.0, 90.0, None)]),
    "integrated": recorded([IDLE, RUN], notes=["note:integrated gpu0"]),
    "an estimate": recorded([IDLE, RUN], ESTIMATE),
    "repeats of an estimate": recorded([IDLE, *REPEATS], ESTIMATE),
    "no scatter of idle known": recorded([("idle", "", 2.0, 20.0, None), RUN]),
    "a stuck counter": recorded([IDLE, RUN], notes=["note:stuck gpu0 since 11.0"]),
    "whole phases": recorded([IDLE, RUN], notes=["note:per_phase package0 gpu0 total"]),
    "nothing counted": recorded([IDLE, ("loading", "a", 5.0, 100.0, None)]),
}


def group_of(summary: Summary, label: str) -> Group:
    groups = {group.label: group for group in summary.labels}
    found = groups[label] if label else summary.running
    assert found is not None
    return found


def agrees(made: Reduction) -> list[Budget]:
    """All budgets of a recording, each of which amounts to the ± of the summary."""
    summary = summarise(made)
    labels = ["", *(group.label for group in summary.labels)]
    found = budgets(made, labels)
    for budget in found:
        domain = group_of(summary, budget.label).domains[budget.channel]
        value = {**BY_NAME, ENERGY.name: ENERGY}[budget.figure].of(domain)
        assert value is not None
        assert (budget.value, budget.plus_minus) == (value.value, value.plus_minus)
        amounts_to = together(budget.parts)
        if value.plus_minus is None:
            assert amounts_to is None, budget.parts
            assert any(p.why for p in budget.parts if p.plus_minus is None)
        else:
            assert amounts_to == pytest.approx(value.plus_minus, rel=1e-12)
        for cure in budget.cures:
            if cure.plus_minus is not None and budget.plus_minus is not None:
                assert cure.plus_minus <= budget.plus_minus / 2 * (1 + 1e-8)
    return found


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_parts_amount_to_the_uncertainty_of_the_summary(name: str) -> None:
    assert agrees(RECORDINGS[name]) or name == "nothing counted"


LENGTHS = st.floats(0.5, 12)
POWERS = st.floats(1, 300)
PHASES = st.lists(
    st.tuples(
        st.sampled_from(["idle", "armed", "running"]),
        st.sampled_from(["", "a", "b"]),
        LENGTHS,
        POWERS,
        st.sampled_from([None, 1, 2, 3]),
    ),
    min_size=1,
    max_size=8,
)
NOTES = st.lists(
    st.sampled_from(
        [
            "note:integrated gpu0",
            "note:stuck gpu0 since 9.0",
            "reset:package0",
            "note:per_phase package0",
        ]
    ),
    max_size=2,
    unique=True,
)


@given(PHASES, NOTES, st.floats(0, 3), st.floats(-0.3, 0.3))
def test_they_do_for_any_recording(
    phases: list[tuple[str, str, float, float, int | None]],
    notes: list[str],
    wobble_w: float,
    rise_w: float,
) -> None:
    agrees(recorded(phases, WHOLE, notes, wobble_w, rise_w))


def budget(name: str, figure: str) -> Budget:
    return next(each for each in budgets(RECORDINGS[name]) if each.figure == figure)


def errors(found: Budget) -> dict[tuple[str, str, str], float | None]:
    return {(part.name, part.phase, part.of): part.plus_minus for part in found.parts}


def test_resolution_is_an_update_of_each_counter_and_these_are_added() -> None:
    found = budget("one run", "total")
    # 100 W for 20 ms and for 100 ms, over 100 inferences.
    assert errors(found) == {
        ("resolution", "running", "package0"): pytest.approx(0.02),
        ("resolution", "running", "gpu0"): pytest.approx(0.1),
    }
    assert {part.joins for part in found.parts} == {"added"}
    assert found.plus_minus == pytest.approx(0.12)
    assert found.largest == found.parts[1]
    assert [cure.text for cure in found.cures] == ["run 2× longer"]
    assert found.cures[0].plus_minus == pytest.approx(0.06)


def test_integrated_power_lags_by_its_window_and_says_what_it_cannot_cover() -> None:
    found = budget("integrated", "total")
    # 100 W for 0.1 s and half of the second that it may be averaged over.
    part = next(part for part in found.parts if part.name == "integration")
    assert part.plus_minus == pytest.approx(0.6)
    assert part.of == "gpu0, up to 0.6 s behind"
    assert "part of the time" in found.not_covered
    assert budget("one run", "total").not_covered == ""


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("one run", {"scatter"}),
        ("idle on both sides", {"scatter", "windows"}),
        ("a drift", {"scatter", "drift"}),
    ],
)
def test_the_baseline_is_split(name: str, parts: set[str]) -> None:
    found = budget(name, "dynamic")
    assert {part.of for part in found.parts if part.name == "baseline"} == parts


def test_a_baseline_that_drifts_is_not_advised_to_be_longer() -> None:
    assert budget("a drift", "dynamic").cures == ()


def dynamic(made: Reduction) -> Budget:
    return next(each for each in budgets(made) if each.figure == "dynamic")


def longer_idle(seconds: float) -> Reduction:
    idle = ("idle", "", seconds, 20.0, None)
    return recorded([idle, ("running", "a", 60.0, 100.0, None)], wobble_w=8)


def test_what_is_said_to_halve_it_halves_it_in_a_recording() -> None:
    before = dynamic(longer_idle(6))
    cure = before.cures[0]
    assert cure.text.startswith("idle "), before
    after = dynamic(longer_idle(float(cure.text.split()[1])))
    assert before.plus_minus is not None
    assert after.plus_minus is not None
    assert after.plus_minus <= before.plus_minus / 2
    assert after.plus_minus == pytest.approx(cure.plus_minus, rel=0.35)


def test_more_repeats_are_those_of_students_t() -> None:
    found = budget("repeats", "total")
    assert found.largest is not None
    assert found.largest.name == "repeats"
    # Of 6 repeats, t is 2.571; t / √n must halve, from 1.049 to 0.525: that is 17, or 21 in the
    # steps that are tried.
    assert [cure.text for cure in found.cures] == ["15 more repeats"]


def test_repeats_beside_a_stuck_counter_are_expected_to_have_their_scatter_alone() -> None:
    notes = ["note:update_period_s package0=1.0 gpu0=0.1", "note:stuck gpu0 since 11.0"]
    made = recorded([IDLE, *REPEATS], notes=notes)
    found = next(each for each in budgets(made) if each.figure == "total")
    (cure,) = found.cures
    assert cure.text == "15 more repeats"
    assert cure.plus_minus is not None
    assert found.plus_minus is not None
    # t / √n of 21 repeats, and of 6.
    expected = (2.086 / math.sqrt(21)) / (2.571 / math.sqrt(6))
    assert cure.plus_minus / found.plus_minus == pytest.approx(expected, rel=1e-3)


def test_longer_and_both_are_combined_where_neither_is_enough_alone() -> None:
    part_a, part_b = Part("resolution", "running", "x", 3.0), Part("baseline", "idle", "y", 4.0)
    assert together([part_a, part_b]) == 5.0
    idle = ("idle", "", 6.0, 20.0, None)
    found = dynamic(recorded([idle, ("running", "a", 8.0, 400.0, None)], wobble_w=4))
    assert [cure.text for cure in found.cures] == ["run 2× longer and idle 20 s"]


def test_an_unknown_uncertainty_says_which_part_and_why() -> None:
    found = budget("an estimate", "total")
    assert found.plus_minus is None
    assert [part.why for part in found.parts] == [
        "it is an estimate, and the error of its model is unknown"
    ]
    assert found.cures == (), "nothing helps"
    short = budget("no scatter of idle known", "dynamic")
    (part,) = [part for part in short.parts if part.plus_minus is None]
    assert (part.name, part.of) == ("baseline", "scatter")
    assert [(cure.text, cure.plus_minus) for cure in short.cures] == [("idle 10 s", None)]


def test_repeats_of_an_estimate_have_their_scatter_alone() -> None:
    found = budget("repeats of an estimate", "total")
    known = [part for part in found.parts if part.plus_minus is not None]
    assert [part.name for part in known] == ["repeats"]
    assert found.plus_minus == pytest.approx(known[0].plus_minus)


def hint(seconds: float, told: str = "block") -> str:
    """The hint for a phase of 100 W, of which a program said when its code ran."""
    end_s, end_j = 1.0 + seconds, 100 * (1.0 + seconds)
    block = f"block:1.0 {end_s - 1e-4:.6f}" if "block" in told else "count:1"
    quiet = ["quiet:before", "quiet:after"] if "quiet" in told else ["count:1", "count:1"]
    edges = (
        (0.0, PERIODS, 0.0),
        *((1.0, what, 100.0) for what in (quiet[0], "begin")),
        *((end_s, what, end_j) for what in (quiet[1], block, "end")),
    )
    (found,) = budgets(
        reduction([event(t, what, "running", {"gpu0": j}) for t, what, j in edges], ["gpu0"])
    )
    return found.hint


def test_a_program_is_told_how_to_mark_code_that_is_short_for_its_counter() -> None:
    of_long = hint(5.0)
    assert of_long.startswith("in the program, wattui.repeat(")
    assert hint(0.3) == f"{of_long}; {ALIGN}"
    assert hint(0.3, "block quiet") == of_long


def test_a_command_that_marks_nothing_is_not_told_how_to_mark() -> None:
    assert hint(0.3, told="") == ""
