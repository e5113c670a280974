"""The page of a recording while it is being made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from recorders.publisher import Publisher, TextRow
from recorders.source import Channel, Gone
from recorders.summary.summary import summarise
from recorders.wire import Message
from testbench.counters import NVML_J, RAPL_J, SlowCounter
from testbench.curves import Constant, Sine
from tests.support.doubles import ManualClock, Rig, ScriptedSource, Value, constant_power

PACKAGE = Channel("package0", "J", in_total=True, bound_w=1000.0, step_j=RAPL_J)
GPU = Channel("gpu0", "J", in_total=True, bound_w=1000.0, step_j=NVML_J)
PROGRAM = 7


class Pages(list[Message]):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[TextRow] = []

    def put(self, now: Message, rows: Sequence[TextRow]) -> None:
        self.append(now)
        self.rows += rows

    def close(self) -> None:
        pass


def published(rig: Rig) -> Pages:
    pages = Pages()
    rig.recorder.publish_to(cast("Publisher", pages))
    return pages


def rig_of(tmp_path: Path, known: Sequence[str] = ("package0", "gpu0")) -> Rig:
    """A package and a GPU, some with a known update period."""
    clock = ManualClock()
    counters = {
        PACKAGE: SlowCounter("package0", Constant(40.0), 0.001, RAPL_J, 0.0, 0.0),
        GPU: SlowCounter("gpu0", Sine(200.0, 90.0, 0.7), 0.1, NVML_J, 0.0, 0.013),
    }
    shown = {channel: counter.shown_j for channel, counter in counters.items()}
    periods_s = {c.name: c.refresh_s for c in counters.values() if c.name in known}
    return Rig(tmp_path, clock, [ScriptedSource(clock, shown, [5e-6], periods_s)])


def mark(rig: Rig, begin_s: float, end_s: float, label: str, n: int, number: int = 1) -> None:
    rig.at(begin_s, do="begin", phase="running", label=label, id=number)
    rig.at((begin_s + end_s) / 2, do="count", n=n)
    rig.at(end_s, do="end", id=number)


def progress_at(pages: Pages, time_s: float) -> Any:
    return [page for page in pages if float(page["time_s"]) <= time_s][-1]["progress"]


def test_the_first_page_has_the_readings_of_its_row(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    rig.run(1.0)
    time_text, cells = pages.rows[0]
    assert time_text == "0.000000"
    assert cells[:2] == ["0.000000", ""]


def test_joules_per_inference_so_far_are_those_of_the_summary(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    mark(rig, 1.03, 2.51, "b1", 10, 1)
    mark(rig, 2.77, 3.11, "b32", 64, 2)
    mark(rig, 3.31, 4.44, "b1", 5, 3)
    rig.run(16.0)
    summary = summarise(rig.recorder.reduction)
    (b1,) = [group for group in summary.labels if group.label == "b1"]
    expected = b1.domains["total"].total_j_per_inference
    assert expected is not None
    for time_s in (6.0, 15.5):  # while edges may be found, and once they are settled
        progress = progress_at(pages, time_s)
        assert (progress["channel"], progress["label"]) == ("total", "b1")
        assert progress["inferences"] == 15
        assert progress["joules_per_inference"] == pytest.approx(expected.value, rel=1e-6)
    between = progress_at(pages, 3.3)
    b32 = next(group for group in summary.labels if group.label == "b32")
    assert b32.domains["total"].total_j_per_inference is not None
    assert between["label"] == "b32"


@pytest.mark.parametrize("aligned", [{}, {"quiet": True}])
@pytest.mark.parametrize("known", [("package0", "gpu0"), ("package0",), ()])
def test_a_block_of_code_has_the_energy_so_far_that_the_summary_has(
    known: tuple[str, ...], aligned: dict[str, bool], tmp_path: Path
) -> None:
    rig = rig_of(tmp_path, known)
    pages = published(rig)
    begun_ns, at_ns = (rig.clock.start_ns + round(time_s * 1e9) for time_s in (1.05, 2.45))
    rig.at(1.03, PROGRAM, do="begin", phase="running", label="b1", id=1, block=True, **aligned)
    rig.at(2.0, do="count", n=10)
    rig.at(2.51, PROGRAM, do="end", id=1, begun_ns=begun_ns, at_ns=at_ns, **aligned)
    rig.run(6.0)
    (b1,) = summarise(rig.recorder.reduction).labels
    expected = b1.domains["total"].running_j
    assert expected is not None
    assert b1.seconds == pytest.approx(1.4)
    assert progress_at(pages, 5.5)["energy_j"] == pytest.approx(expected.value, rel=1e-6)


def test_an_open_phase_has_a_figure_from_the_readings_so_far(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    rig.at(1.0, do="begin", phase="running", label="b1", id=1)
    rig.at(3.0, do="count", n=100)
    rig.run(5.0)
    progress = progress_at(pages, 4.6)
    assert progress["inferences"] == 100
    assert progress["energy_j"] == pytest.approx(240 * 3.5, rel=0.2)
    assert progress["joules_per_inference"] == progress["energy_j"] / 100
    assert progress_at(pages, 2.5)["joules_per_inference"] is None
    assert progress_at(pages, 2.5)["why"] == "no inferences were counted"


def test_overlapping_phases_have_no_figure_so_far(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    rig.at(1.0, PROGRAM, do="begin", phase="running", label="a", id=1)
    rig.at(1.5, PROGRAM + 1, do="begin", phase="running", label="b", id=1)
    rig.at(1.7, do="count", n=5)
    rig.at(2.0, PROGRAM, do="end", id=1)
    rig.at(2.5, PROGRAM + 1, do="end", id=1)
    mark(rig, 3.0, 4.0, "c", 10, 9)
    rig.run(5.0)
    progress = progress_at(pages, 2.9)
    assert progress["joules_per_inference"] is None
    assert progress["why"] == "phases overlap"
    assert progress_at(pages, 4.8)["joules_per_inference"] == pytest.approx(24.0, rel=0.2)


def test_what_was_loading_or_undone_is_in_no_figure(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    rig.at(0.5, do="command")
    rig.at(1.0, PROGRAM, do="begin", phase="running", label="a", id=1)
    rig.at(1.5, do="count", n=10)
    rig.at(2.0, PROGRAM, do="end", id=1)
    rig.at(3.0, do="mark", phase="running", label="wrong")
    rig.at(3.2, do="undo")
    rig.run(5.0)
    assert progress_at(pages, 2.6)["label"] == "a"
    assert progress_at(pages, 2.6)["energy_j"] == pytest.approx(240, rel=0.3)
    assert progress_at(pages, 4.0)["why"] == "a mark was undone"


def test_what_ran_after_a_gpu_was_lost_has_no_figure(tmp_path: Path) -> None:
    clock = ManualClock()

    def gpu_j(time_s: float) -> Value:
        return 100.0 * time_s if time_s < 3 else Gone("fell off the bus")

    channels = {PACKAGE: constant_power(40.0), GPU: gpu_j}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, channels)])
    pages = published(rig)
    rig.at(1.0, do="begin", phase="running", label="b1", id=1)
    rig.at(1.5, do="count", n=10)
    rig.run(8.0)
    assert progress_at(pages, 2.9)["joules_per_inference"] == pytest.approx(14 * 1.6, rel=0.2)
    assert progress_at(pages, 6.0)["joules_per_inference"] is None
    assert progress_at(pages, 6.0)["why"] == "a reading is missing"


@pytest.mark.parametrize(
    ("note", "flag"),
    [
        ("only_package gpu1: energy1_input is refused", "only_package"),
        ("unknown_share cpu", "unknown_share"),
        ("cut label", "cut_text"),
    ],
)
def test_a_note_raises_the_flag_of_the_summary(tmp_path: Path, note: str, flag: str) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    rig.recorder.note(note)
    rig.run(1.0)
    assert flag in {each.name for each in summarise(rig.recorder.reduction).flags}
    assert [flag, ""] in pages[-1]["flags"]


def test_a_lost_gpu_is_told_with_the_flags_of_the_summary(tmp_path: Path) -> None:
    clock = ManualClock()

    def gpu_j(time_s: float) -> Value:
        return 100.0 * time_s if time_s < 2 else Gone("fell off the bus")

    channels = {PACKAGE: constant_power(40.0), GPU: gpu_j}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, channels)])
    pages = published(rig)
    rig.run(4.0)
    assert pages[2]["flags"] == []
    assert pages[-1]["lost"] == ["gpu0"]
    assert {("incomplete", ""), ("lost", "gpu0")} <= {tuple(flag) for flag in pages[-1]["flags"]}
    assert pages[-1]["contents"] == "1 package, no GPU"
    assert pages[-1]["ended"]
    assert not pages[-2]["ended"]


def test_the_page_has_what_else_was_counted_by_label(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    pages = published(rig)
    rig.at(0.5, do="begin", phase="running", label="c8", id=1)
    rig.at(1.0, do="count", n=300, of="tokens_out")
    rig.at(1.5, do="end", id=1)
    rig.at(1.8, do="count", n=7, of="tokens_out")
    rig.run(2.5)
    assert pages[-1]["counts"] == {"tokens_out": 307}
    progress = progress_at(pages, 2.5)
    assert (progress["counts"], progress["inferences"]) == ({"tokens_out": 300}, 0)
    assert progress["joules_per_inference"] is None
    assert progress["why"] == ""
    running = summarise(rig.recorder.reduction).running
    assert running is not None
    each = running.counts["tokens_out"].domains["total"].total_j
    assert each is not None
    assert progress["energy_j"] / 300 == pytest.approx(each.value)
