"""The live state of a recording against the recorder's own: what it wrote, and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from doubles import ManualClock, Rig, ScriptedSource, constant_power, read_rows
from fakes import COLUMNS, row
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Recorded, play, recording

from recorders.source import Channel
from recorders.wire import Message
from wattui.tui.live import Live

PACKAGE = Channel("package0", "J", in_total=True)


def live(recorded: Recorded, until_s: float = float("inf")) -> Live:
    state = Live(recorded.columns)
    for message in recorded.messages:
        if float(message.get("time", 0)) <= until_s:
            state.take(message)
    return state


def recorded(
    asked: Sequence[tuple[float, Message]], until_s: float, rate_hz: float = 10.0
) -> tuple[Recorded, list[dict[str, str]]]:
    """A package at 50 W under these requests: what was sent, and what was written."""
    clock = ManualClock()
    with TemporaryDirectory() as directory:
        source = ScriptedSource(clock, {PACKAGE: constant_power(50)})
        rig = Rig(Path(directory), clock, [source], rate_hz, follows=True)
        sent = play(rig, until_s, asked=tuple(asked))
        return sent, read_rows(rig.path)


# ------------------------------------------------------------ joules


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=30), st.data())
def test_joules_are_the_newest_reading_less_the_one_at_the_zero(
    steps_j: list[float], data: st.DataObject
) -> None:
    state, total_j, zero_j = Live(["package0_J", "package0_W"]), 0.0, 0.0
    zero_after = data.draw(st.integers(-1, len(steps_j) - 1))
    for number, step_j in enumerate(steps_j):
        total_j += step_j
        state.take({**row(number / 10, 0.0), "cells": [f"{total_j:.6f}", ""]})
        if number == zero_after:
            state.set_zero()
            zero_j = total_j
            assert state.energy_j("package0") == 0.0
    assert state.energy_j("package0") == pytest.approx(total_j - zero_j, abs=2e-6)


def test_a_channel_that_was_not_read_has_no_joules_and_zero_does_not_give_it_any() -> None:
    state = Live(COLUMNS)
    state.set_zero()
    assert state.energy_j("package0") is None
    state.take({**row(3, 40), "cells": ["", "", "12.5", "", "", "", ""]})
    assert state.energy_j("package0") is None
    assert state.energy_j("dram0") == 12.5


def test_an_empty_cell_leaves_the_joules_as_they_were() -> None:
    state = Live(COLUMNS)
    state.take(row(1, 40))
    state.take({**row(2, 40), "cells": [""] * len(COLUMNS)})
    assert state.energy_j("package0") == 40
    assert state.time_s == 2


def test_a_row_that_comes_late_does_not_turn_the_time_back() -> None:
    state = Live(COLUMNS)
    state.take(row(5, 40))
    state.take(row(4.9, 40))
    assert state.time_s == 5


@pytest.mark.xfail(strict=True, reason="a late row's joules replace those of a newer row")
def test_a_row_that_comes_late_does_not_take_joules_back() -> None:
    state = Live(COLUMNS)
    state.take(row(5, 40))
    state.take(row(4.9, 40))
    assert state.energy_j("package0") == 200


# ------------------------------------------------------------ the ribbon

NAMES = ("idle", "armed", "running", "decode")


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[float, Message]]:
    """Requests that open, nest, end and mark phases, each a while after the one before."""
    asked: list[tuple[float, Message]] = []
    time_s, begun = 0.05, 0
    for _ in range(draw(st.integers(1, 7))):
        time_s += draw(st.integers(1, 12)) / 8
        kind = draw(st.sampled_from(("begin", "end", "mark", "command", "command_end")))
        message: Message = {"do": kind}
        if kind in ("begin", "mark"):
            label = draw(st.sampled_from(("", "a", "b")))
            message |= {"phase": draw(st.sampled_from(NAMES)), "label": label}
        if kind == "end":
            message["id"] = draw(st.integers(1, max(begun, 1)))
        begun += kind in ("begin", "mark", "command")
        asked.append((time_s, message))
    return asked


@settings(max_examples=40)
@given(scripts())
def test_the_ribbon_shows_at_every_moment_what_the_file_says(
    asked: list[tuple[float, Message]],
) -> None:
    sent, rows = recorded(asked, asked[-1][0] + 0.5)
    state = live(sent)
    for line in rows:
        if line["event"]:
            continue
        time_s = float(line["time_s"])
        shown = [
            (each.phase, each.label)
            for each in state.stretches
            if each.start_s <= time_s and (each.end_s is None or time_s < each.end_s)
        ]
        assert shown == ([(line["phase"], line["label"])] if line["phase"] else []), time_s


def test_after_an_inner_phase_the_outer_one_goes_on() -> None:
    asked = (
        (0.55, {"do": "begin", "phase": "running", "label": "all"}),
        (1.05, {"do": "begin", "phase": "latency", "label": "one"}),
        (1.55, {"do": "end", "id": 2}),
        (2.05, {"do": "end", "id": 1}),
    )
    sent, _ = recorded(asked, 2.5)
    found = [(each.title, each.start_s, each.end_s) for each in live(sent).stretches]
    assert found == [
        ("all", pytest.approx(0.55), pytest.approx(1.05)),
        ("one", pytest.approx(1.05), pytest.approx(1.55)),
        # The outer one is seen again with the next row.
        ("all", pytest.approx(1.6), pytest.approx(2.05)),
    ]


def test_a_command_that_marks_its_own_phases_was_loading_before() -> None:
    asked = (
        (0.55, {"do": "command", "label": ""}),
        (1.55, {"do": "begin", "phase": "running", "label": "batch 1"}),
        (2.55, {"do": "end", "id": 2}),
        (3.05, {"do": "command_end"}),
    )
    sent, rows = recorded(asked, 3.5)
    assert any(message["t"] == "renamed" for message in sent.messages)
    state = live(sent)
    assert [each.phase for each in state.stretches] == ["loading", "running"]
    assert {line["phase"] for line in rows if 0.6 < float(line["time_s"]) < 1.5} == {"loading"}
    running = state.summary()["running"]
    assert running["seconds"] == pytest.approx(1.0)


def test_only_what_ran_since_is_called_loading() -> None:
    state = Live(COLUMNS)
    state.take(row(1, 40, "running", "begin"))
    state.take(row(2, 40, "running", "end"))
    state.take(row(3, 40, "running", "begin"))
    state.take({"t": "renamed", "first_event": 2})
    assert [each.phase for each in state.stretches] == ["running", "loading"]


def test_a_stretch_is_called_by_its_label_else_by_its_phase() -> None:
    state = Live(COLUMNS)
    state.take(row(1, 40, "idle", "begin"))
    state.take({**row(2, 40, "running", "begin"), "label": "batch 1"})
    assert [each.title for each in state.stretches] == ["idle", "batch 1"]


@given(st.floats(0, 60), st.floats(0.1, 60))
def test_visible_stretches_are_those_that_reach_into_the_interval(
    start_s: float, width_s: float
) -> None:
    state, end_s = live(recording(), 36.0), start_s + width_s
    wanted = [
        each
        for each in state.stretches
        if each.start_s < end_s and start_s < (each.end_s or float("inf"))
    ]
    assert list(state.visible(start_s, end_s)) == wanted


# ------------------------------------------------------------ inferences


@given(st.lists(st.integers(0, 40), min_size=60, max_size=60))
def test_the_rate_is_inferences_over_the_last_two_seconds_or_so(steps: list[int]) -> None:
    state, count, counts = Live(COLUMNS), 0, []
    for number, step in enumerate(steps):
        count += step
        counts.append(count)
        state.take(row(number / 10, 40, count=count))
    assert state.inferences == count
    assert state.rate_per_s is not None
    spans = [
        (counts[last] - counts[last - wide]) / (wide / 10)
        for wide in (20, 21)
        for last in range(len(counts) - 25, len(counts))
    ]
    assert any(state.rate_per_s == pytest.approx(rate) for rate in spans)


def test_the_rate_falls_to_nothing_when_no_inference_is_made() -> None:
    state = Live(COLUMNS)
    for number in range(40):
        state.take(row(number / 10, 40, count=10 * number))
    assert state.rate_per_s == pytest.approx(100)
    for number in range(40, 90):
        state.take(row(number / 10, 40, count=390))
    assert state.rate_per_s == 0


def test_without_a_count_there_is_no_rate() -> None:
    state = Live(COLUMNS)
    for number in range(40):
        state.take(row(number / 10, 40))
    assert (state.inferences, state.rate_per_s) == (None, None)


# ------------------------------------------------------------ the summary


def test_the_summary_in_the_middle_of_a_phase_is_the_arithmetic_of_its_time_so_far() -> None:
    """36 s: 10 s at 346 W, 8 s at 738 W; 157 W idle, 180 W armed; 19 × 60 + 16 × 48 inferences."""
    running = live(recording(), 36.0).summary()["running"]
    total = running["domains"]["total"]
    energy_j, n = 10 * 346 + 8 * 738, 19 * 60 + 16 * 48
    assert (running["seconds"], running["inferences"]) == (pytest.approx(18), n)
    assert total["running_j"]["value"] == pytest.approx(energy_j)
    assert total["idle_w"] == pytest.approx(157)
    assert total["armed_w"] == pytest.approx(180)
    for figure, base_w in (("total", 0), ("dynamic", 157), ("marginal", 180)):
        expected = (energy_j - base_w * 18) / n
        assert total[f"{figure}_j_per_inference"]["value"] == pytest.approx(expected)


def test_the_labels_are_told_apart_while_the_second_one_runs() -> None:
    labels = live(recording(), 36.0).summary()["labels"]
    found = [(each["label"], each["seconds"], each["inferences"]) for each in labels]
    assert found == [("batch 1", pytest.approx(10), 1140), ("batch 32", pytest.approx(8), 768)]


def test_at_the_end_the_live_summary_is_that_of_the_file() -> None:
    assert live(recording()).summary() == recording().summary


@settings(max_examples=25)
@given(scripts())
def test_at_the_end_of_any_recording_the_live_summary_is_that_of_the_file(
    asked: list[tuple[float, Message]],
) -> None:
    sent, _ = recorded(asked, asked[-1][0] + 0.5)
    assert live(sent).summary() == sent.summary


def test_rows_left_out_on_the_screen_change_no_energy() -> None:
    """At 100 Hz one row in ten is shown; the edges of phases come all the same."""
    asked = (
        (1.234, {"do": "begin", "phase": "idle"}),
        (4.321, {"do": "end", "id": 1}),
        (4.777, {"do": "begin", "phase": "running"}),
        (7.013, {"do": "end", "id": 2}),
    )
    sent, _ = recorded(asked, 8.0, rate_hz=100.0)
    rows = [message for message in sent.messages if message["t"] == "row"]
    assert len(rows) < 100
    shown, written = live(sent).summary()["running"], sent.summary["running"]
    assert shown["seconds"] == written["seconds"]
    for name in ("idle_w", "running_w"):
        assert shown["domains"]["total"][name] == written["domains"]["total"][name]


def test_the_live_summary_does_not_change_what_is_summarised() -> None:
    state = live(recording(), 36.0)
    assert state.summary() == state.summary()
    for message in recording().messages:
        if float(message["time"]) > 36.0:
            state.take(message)
            state.summary()
    assert state.summary() == recording().summary
