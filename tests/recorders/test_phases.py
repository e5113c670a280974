"""Phases nest: labels join, the innermost owns the row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.inbox import SHELL
from recorders.phases import Phases


def test_nothing_is_open_at_first() -> None:
    assert Phases().current is None


def test_labels_of_nested_phases_join_with_a_slash() -> None:
    phases = Phases()
    outer = phases.begin("running", "epoch 1", owner=7)
    inner = phases.begin("running", "train", owner=7, inside=outer.number)
    assert inner.label == "epoch 1/train"


def test_an_empty_label_adds_no_slash() -> None:
    phases = Phases()
    outer = phases.begin("running", "", owner=7)
    inner = phases.begin("warmup", "b32", owner=7, inside=outer.number)
    assert inner.label == "b32"
    assert phases.begin("running", "", owner=7, inside=inner.number).label == "b32"


def test_the_label_of_the_command_comes_first() -> None:
    phases = Phases()
    phases.base_label = "resnet"
    assert phases.begin("running", "b32", owner=7).label == "resnet/b32"


def test_when_the_inner_phase_ends_the_outer_owns_the_row_again() -> None:
    phases = Phases()
    outer = phases.begin("running", "", owner=7)
    inner = phases.begin("io", "", owner=7)
    assert phases.current == inner
    assert phases.end(inner.number) == inner
    assert phases.current == outer


def test_an_outer_phase_may_end_first() -> None:
    phases = Phases()
    outer, inner = phases.begin("running", "a", owner=7), phases.begin("running", "b", owner=8)
    assert phases.end(outer.number) == outer
    assert phases.current == inner


def test_a_phase_ends_once() -> None:
    phases = Phases()
    phase = phases.begin("running", "", owner=7)
    phases.end(phase.number)
    assert phases.end(phase.number) is None


def test_a_phase_needs_a_name() -> None:
    phases = Phases()
    with pytest.raises(ValueError, match="name"):
        phases.begin("", "label", owner=7)
    assert phases.current is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 12)), max_size=40))
def test_the_phases_of_an_owner_are_its_open_ones_innermost_first(
    steps: list[tuple[bool, int, int]],
) -> None:
    phases, still_open = Phases(), []
    for begins, owner, number in steps:
        if begins:
            still_open.append(phases.begin("running", "", owner))
        elif ended := phases.end(number):
            still_open.remove(ended)
    assert phases.all_open() == still_open[::-1]
    for owner in range(4):
        assert phases.owned_by(owner) == [p for p in still_open[::-1] if p.owner == owner]


def test_a_program_numbers_its_own_repeats_and_inner_phases_have_the_same() -> None:
    phases = Phases()
    outer = phases.begin("running", "", owner=7, repeat=3)
    assert outer.repeat == 3
    assert phases.begin("io", "", owner=7, inside=outer.number).repeat == 3


def test_the_repeat_of_the_whole_command_goes_before_the_programs_own() -> None:
    phases = Phases()
    phases.repeat = 2
    assert phases.begin("running", "", owner=7, repeat=5).repeat == 2


def test_phases_of_other_threads_tasks_and_processes_are_beside_each_other() -> None:
    phases = Phases()
    phases.begin("running", "a", owner=7, own_id=1)
    assert phases.begin("running", "b", owner=7, own_id=2).label == "b"
    assert phases.begin("running", "c", owner=8, own_id=1).label == "c"


def test_a_phase_of_a_shell_is_around_those_that_begin_while_it_is_open() -> None:
    phases = Phases()
    program = phases.begin("running", "a", owner=7, own_id=1)
    shell = phases.begin("running", "epoch 1", owner=SHELL)
    assert shell.label == "epoch 1"
    assert phases.begin("running", "b", owner=8).label == "epoch 1/b"
    assert phases.begin("io", "read", owner=7, inside=1).around == program
