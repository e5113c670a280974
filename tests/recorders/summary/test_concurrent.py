"""Work that runs at the same time: energy and time are counted once, and so is each count."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.inbox import SHELL
from recorders.source import Channel
from recorders.summary.figures import Group, Summary
from recorders.summary.reduction import Reducer
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power
from tests.support.examples import examples

POWER_W = 100.0
A, B, C = 11, 12, 13

SLOT_BYTES = 256


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    clock = ManualClock()
    package = Channel("package0", "J", in_total=True)
    return Rig(tmp_path, clock, [ScriptedSource(clock, {package: constant_power(POWER_W)})])


def begin(rig: Rig, at_s: float, owner: int, label: str, number: int = 1, inside: int = 0) -> None:
    asked = {"phase": "running", "label": label, "id": number, "in": inside}
    rig.at(at_s, owner=owner, do="begin", **asked)


def end(rig: Rig, at_s: float, owner: int, counted: int, number: int = 1) -> None:
    """A program counts in its page, and says at the end of a phase what was counted in it."""

    def count() -> None:
        page = Path(rig.path.parent, f"counts-{owner}")
        page.write_bytes(_page(page, counted))

    if not Path(rig.path.parent, f"counts-{owner}").exists():
        Path(rig.path.parent, f"counts-{owner}").write_bytes(_counts(0))
        rig.at(0.01, owner=owner, do="hello", page=f"counts-{owner}")
    rig.when(at_s - 0.02, count)
    rig.at(at_s, owner=owner, do="end", id=number, n=counted)


def _page(page: Path, counted: int) -> bytes:
    before = int.from_bytes(page.read_bytes()[2 * SLOT_BYTES :][:8], "little")
    return _counts(before + counted)


def _counts(inside: int, outside: int = 0) -> bytes:
    """A page of three slots: how many there are, the counts of no phase, and those of one."""
    return b"".join(number.to_bytes(SLOT_BYTES, "little") for number in (3, outside, inside))


def summary(rig: Rig, until_s: float) -> Summary:
    rig.inbox.happenings.sort(key=lambda item: item[0])
    rig.run(until_s)
    return summarise(rig.recorder.reduction)


def joules(group: Group | None) -> float:
    assert group is not None
    value = group.domains["package0"].running_j
    assert value is not None
    return value.value


def flags(found: Summary) -> dict[str, str]:
    return {flag.name: flag.text for flag in found.flags}


def test_two_ranks_of_one_label_are_counted_once(rig: Rig) -> None:
    for owner in (A, B):
        begin(rig, 1.0, owner, "b32")
        end(rig, 3.0, owner, 100)
    found = summary(rig, 4.0)
    assert found.running is not None
    assert found.running.seconds == pytest.approx(2.0)
    assert found.running.inferences == 200
    assert joules(found.running) == pytest.approx(2.0 * POWER_W)
    (label,) = found.labels
    assert (label.label, label.inferences, label.shared) == ("b32", 200, False)
    assert joules(label) == pytest.approx(2.0 * POWER_W)
    assert "2 running phases overlapped" in flags(found)["concurrent"]


def test_ranks_that_start_and_end_one_after_the_other_share_what_overlaps(rig: Rig) -> None:
    begin(rig, 1.0, A, "a")
    begin(rig, 2.0, B, "b")
    end(rig, 3.0, A, 10)
    end(rig, 5.0, B, 30)
    found = summary(rig, 6.0)
    assert found.running is not None
    assert (found.running.seconds, found.running.inferences) == (pytest.approx(4.0), 40)
    first, second = found.labels
    assert [first.inferences, second.inferences] == [10, 30]
    assert [first.seconds, second.seconds] == pytest.approx([2.0, 3.0])
    assert [joules(first), joules(second)] == pytest.approx([1.5 * POWER_W, 2.5 * POWER_W])
    assert first.shared
    assert second.shared
    value = first.domains["package0"].running_j
    assert value is not None
    assert value.plus_minus is None
    assert "split between the labels by time" in flags(found)["concurrent"]


def test_the_flag_says_how_many_overlapped_at_once_not_one_after_another(rig: Rig) -> None:
    for number, (start_s, end_s) in enumerate([(1, 2.5), (2, 3.5), (3, 4.5), (4, 5)], start=1):
        begin(rig, start_s, A, "a", number=number)
        end(rig, end_s, A, 1, number=number)
    assert "up to 2 running phases overlapped" in flags(summary(rig, 6.0))["concurrent"]


def test_repeats_that_run_at_the_same_time_are_no_samples(rig: Rig) -> None:
    for repeat in (1, 2, 3):
        rig.at(1.0, owner=A, do="begin", phase="running", repeat=repeat, id=repeat)
        end(rig, 3.0, A, 10, number=repeat)
    found = summary(rig, 4.0)
    assert found.running is not None
    assert joules(found.running) == pytest.approx(2.0 * POWER_W)
    assert found.over_repeats == {}


def test_the_baseline_of_shared_energy_is_shared_too(rig: Rig) -> None:
    rig.at(0.5, do="begin", phase="idle")
    rig.at(2.5, do="end", id=1)
    for owner, label in ((A, "a"), (B, "b")):
        begin(rig, 3.0, owner, label)
        end(rig, 5.0, owner, 10)
    found = summary(rig, 6.0)
    for group in found.labels:
        dynamic = group.domains["package0"].dynamic_j_per_inference
        assert dynamic is not None
        assert dynamic.value == pytest.approx(0.0, abs=1e-6)


def test_phases_nest_in_their_own_context_and_labels_join_only_there(rig: Rig) -> None:
    begin(rig, 1.0, A, "epoch")
    begin(rig, 1.5, B, "other")
    begin(rig, 2.0, A, "step", number=2, inside=1)
    end(rig, 3.0, A, 5, number=2)
    end(rig, 4.0, B, 7)
    end(rig, 5.0, A, 2)
    found = summary(rig, 6.0)
    assert [phase.label for phase in found.phases] == ["epoch", "other", "epoch/step"]
    assert [phase.inside for phase in found.phases] == [[], [], ["running"]]
    assert [phase.inferences for phase in found.phases] == [7, 7, 5]
    assert found.running is not None
    assert found.running.inferences == 14
    assert joules(found.running) == pytest.approx(4.0 * POWER_W)


def test_phases_of_one_name_that_end_in_the_order_of_their_beginning(rig: Rig) -> None:
    begin(rig, 1.0, A, "req")
    begin(rig, 2.0, A, "req", number=2)
    end(rig, 3.0, A, 1)
    end(rig, 4.0, A, 2, number=2)
    found = summary(rig, 5.0)
    assert [(p.start_s, p.end_s, p.inferences) for p in found.phases] == [
        (1.0, 3.0, 1),
        (2.0, 4.0, 2),
    ]
    assert found.running is not None
    assert (found.running.seconds, found.running.inferences) == (pytest.approx(3.0), 3)


def test_what_a_thread_without_a_phase_counts_belongs_to_the_open_phase(rig: Rig) -> None:
    begin(rig, 1.0, A, "b32")
    rig.at(2.0, owner=SHELL, do="count", n=8)
    end(rig, 3.0, A, 2)
    found = summary(rig, 4.0)
    assert found.running is not None
    assert found.running.inferences == 10


def test_the_count_of_a_process_that_is_killed_in_its_phase_is_kept(rig: Rig) -> None:
    begin(rig, 1.0, A, "a")
    rig.at(1.0, owner=B, do="begin", phase="running", label="b", id=1, place=2)
    end(rig, 3.0, A, 10)
    Path(rig.path.parent, "counts-12").write_bytes(_counts(0))
    rig.at(0.02, owner=B, do="hello", page="counts-12")
    page = Path(rig.path.parent, "counts-12")
    rig.when(3.5, lambda: page.write_bytes(_counts(25)))
    rig.at(4.0, owner=B, do="bye")
    found = summary(rig, 5.0)
    assert {group.label: group.inferences for group in found.labels} == {"a": 10, "b": 25}
    assert found.running is not None
    assert found.running.inferences == 35


def test_a_program_cannot_claim_what_it_has_not_counted(rig: Rig) -> None:
    begin(rig, 1.0, A, "a")
    rig.at(2.0, owner=A, do="end", id=1, n=1_000_000)
    assert summary(rig, 3.0).running is not None
    assert summarise(rig.recorder.reduction).running.inferences is None  # type: ignore[union-attr]


def test_idle_time_in_which_another_rank_runs_is_no_baseline(rig: Rig) -> None:
    rig.at(1.0, owner=A, do="begin", phase="idle", id=1)
    begin(rig, 2.0, B, "b")
    end(rig, 3.0, B, 10)
    rig.at(4.0, owner=A, do="end", id=1)
    found = summary(rig, 5.0)
    assert found.running is not None
    assert found.running.domains["package0"].idle_w == pytest.approx(POWER_W)
    assert joules(found.running) == pytest.approx(POWER_W)


def test_an_edge_that_came_late_has_its_own_time_and_is_flagged(rig: Rig) -> None:
    start_ns = rig.clock.start_ns
    begin(rig, 1.0, A, "a")
    rig.at(4.0, owner=A, do="end", id=1, at_ns=start_ns + 2_500_000_000, late=True)
    found = summary(rig, 5.0)
    assert found.running is not None
    assert found.running.seconds == pytest.approx(1.5)
    assert joules(found.running) == pytest.approx(1.5 * POWER_W, rel=1e-3)
    assert "late_edge" in flags(found)


@pytest.mark.parametrize("at_s", [-1.0, 99.0])
def test_a_time_that_cannot_be_is_not_believed(rig: Rig, at_s: float) -> None:
    begin(rig, 1.0, A, "a")
    at_ns = rig.clock.start_ns + round(at_s * 1e9)
    rig.at(2.0, owner=A, do="end", id=1, at_ns=at_ns, late=True)
    found = summary(rig, 3.0)
    assert found.running is not None
    assert found.running.seconds == pytest.approx(1.0)


@examples(40)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 20), st.integers(0, 2), st.integers(0, 50)),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_overlaps_is_counted_once(work: list[tuple[int, int, int, int]]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        clock = ManualClock()
        package = Channel("package0", "J", in_total=True)
        source = ScriptedSource(clock, {package: constant_power(POWER_W)})
        rig = Rig(Path(directory), clock, [source])
        for number, (start, length, label, counted) in enumerate(work):
            begin(rig, 1 + start / 10, A + number, f"label {label}")
            end(rig, 1 + (start + length) / 10, A + number, counted)
        found = summary(rig, 6.5)
    slots = {slot for start, length, _, _ in work for slot in range(start, start + length)}
    assert found.running is not None
    assert found.running.seconds == pytest.approx(len(slots) / 10)
    assert joules(found.running) == pytest.approx(len(slots) / 10 * POWER_W)
    assert (found.running.inferences or 0) == sum(counted for *_, counted in work)
    assert sum(map(joules, found.labels)) == pytest.approx(joules(found.running))
    for group in found.labels:
        own = [each for each in work if f"label {each[2]}" == group.label]
        assert (group.inferences or 0) == sum(counted for *_, counted in own)
        own_slots = {slot for start, length, _, _ in own for slot in range(start, start + length)}
        assert group.seconds == pytest.approx(len(own_slots) / 10)


def test_labels_of_blocks_that_overlap_add_up_to_what_ran() -> None:
    """The machine draws 20 W for two seconds and then 200 W; each call takes up to 0.1 s."""
    reducer = Reducer(["package0_J", "package0_W"])
    events = [
        (1.0, "begin", "a"),
        (1.3, "begin", "b"),
        (2.9, "block:1.050000 2.850000", "a"),
        (2.9, "end", "a"),
        (3.5, "block:1.350000 3.400000", "b"),
        (3.5, "end", "b"),
    ]
    for time_s, event, label in events:
        energy_j = 20.0 * time_s + 180.0 * max(0.0, time_s - 2.0)
        cells = [f"{energy_j:.6f}", ""]
        reducer.add(f"{time_s:.6f}", cells, event, ("running", label, None), None)
    found = summarise(reducer.reduction)
    assert [group.shared for group in found.labels] == [True, True]
    assert sum(map(joules, found.labels)) == pytest.approx(joules(found.running), abs=1e-9)
    assert found.running is not None
    assert found.running.seconds == pytest.approx(3.4 - 1.05)
