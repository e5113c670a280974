"""The thread of a meter, round by round: waits, backoff and words."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from recorders.meters.meter import Access, MeterError, Reader, Sample, UnreadableError
from recorders.meters.source import MeterSource, Poller, open_meters
from recorders.meters.specs import parse_spec
from recorders.source import Silent
from tests.support.doubles import ManualClock
from tests.support.meters import CurveSpec


def source_of(spec: CurveSpec) -> tuple[MeterSource, ManualClock]:
    clock = ManualClock()
    spec.start_ns = clock.now_ns
    return MeterSource("wall", spec, Access("wall", {}, clock=clock.monotonic_ns)), clock


def read_each_second(source: MeterSource, clock: ManualClock, times: int) -> None:
    for _ in range(times):
        source.poller.step()
        assert len(source.read()) == 1
        clock.advance(1)


def test_a_lost_meter_is_opened_again_after_longer_and_longer_waits() -> None:
    spec = CurveSpec(lambda _: 5.0, broken="Connection refused")
    source, _ = source_of(spec)
    waits = [source.poller.step() for _ in range(8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert spec.opened == 8
    spec.broken = ""
    assert source.poller.step() == pytest.approx(1.0)
    assert [reading.value for reading in source.read()] == [5.0]


def test_a_gap_has_the_reason_and_is_told_once() -> None:
    spec = CurveSpec(lambda _: 5.0)
    source, clock = source_of(spec)
    read_each_second(source, clock, 5)
    spec.broken = "Connection refused"
    source.poller.step()
    clock.advance(2.4)
    assert source.read() == []
    clock.advance(0.2)
    (gap,) = source.read()
    assert isinstance(gap.value, Silent)
    assert str(gap.value) == "Connection refused"
    assert source.read() == []


def test_a_meter_that_hangs_after_its_first_answers_is_not_said_to_have_never_answered() -> None:
    source, clock = source_of(CurveSpec(lambda _: 5.0))
    read_each_second(source, clock, 5)
    clock.advance(3)
    (gap,) = source.read()
    assert str(gap.value) == "it has given nothing since"


def test_a_program_that_never_stops_leaves_the_processor_to_the_recorder() -> None:
    poller = Poller(parse_spec("exec:yes 5"), Access("usb"))
    try:
        assert poller.step() >= 0.01
        assert [sample.power_w for sample in poller.take()] == [5.0]
    finally:
        poller.close()


def test_a_reading_with_the_same_stamp_is_not_new() -> None:
    spec = CurveSpec(lambda _: 5.0)
    source, clock = source_of(spec)
    for _ in range(3):
        source.poller.step()
    assert len(source.read()) == 1
    clock.advance(61)
    (gap,) = source.read()
    assert str(gap.value) == "it shows no new reading"


@pytest.mark.parametrize(("step_s", "gap_s"), [(0.1, 3.0), (1.0, 3.5), (10.0, 35.0), (30.0, 60.0)])
def test_what_is_a_gap_is_learned_from_the_readings(step_s: float, gap_s: float) -> None:
    spec = CurveSpec(lambda _: 5.0)
    source, clock = source_of(spec)
    found = []
    for _ in range(6):
        source.poller.step()
        found += source.read()
        clock.advance(step_s)
    assert len(found) == 6
    clock.advance(gap_s - step_s - 0.01)
    assert source.read() == []
    clock.advance(0.02)
    assert len(source.read()) == 1
    assert source.update_periods_s() == {"meter_wall": pytest.approx(step_s)}


def test_an_absurd_value_is_left_out_and_the_connection_is_kept() -> None:
    values = iter([5.0, 1e300, float("nan"), 6.0, -3.0])
    spec = CurveSpec(lambda _: next(values))
    source, clock = source_of(spec)
    found = []
    for _ in range(5):
        source.poller.step()
        found += [reading.value for reading in source.read()]
        clock.advance(1)
    assert found == [5.0, 6.0]
    assert spec.opened == 1
    assert source.facts()["missed"] == 3


def test_the_fix_at_the_end_of_a_long_reason_is_kept() -> None:
    why = f"/a/{'long/' * 20}path may be read by others: fix: chmod 600 it"
    source, _ = source_of(CurveSpec(lambda _: 5.0, broken=why))
    source.poller.step()
    assert source.poller.why == why


def test_a_fault_of_the_reader_itself_is_only_a_lost_meter() -> None:
    def broken(_: float) -> float:
        raise KeyError("surprise")

    source, _ = source_of(CurveSpec(broken))
    assert source.poller.step() == 1.0
    assert "surprise" in source.poller.why


class BrokenReader:
    """Neither its reads nor its end succeed."""

    waits = False

    def read(self) -> Sequence[Sample]:
        raise MeterError("it was unplugged")

    def close(self) -> None:
        raise ValueError("it was never open")


class BrokenSpec(CurveSpec):
    """Opens readers that are broken."""

    def open(self, access: Access) -> Reader:  # type: ignore[override]
        self.opened += 1
        return BrokenReader()


def test_a_meter_that_cannot_be_closed_is_opened_again() -> None:
    spec = BrokenSpec(lambda _: 5.0)
    source, _ = source_of(spec)
    assert [source.poller.step(), source.poller.step()] == [1.0, 2.0]
    assert (spec.opened, source.poller.why) == (2, "it was unplugged")


class HangingSpec(CurveSpec):
    """Its reads never return."""

    def open(self, access: Access) -> Reader:  # type: ignore[override]
        time.sleep(3600)
        raise AssertionError


def test_a_hanging_meter_delays_neither_a_reading_nor_the_end() -> None:
    source = MeterSource("wall", HangingSpec(lambda _: 5.0), Access("wall"))
    source.start()
    begun_s = time.monotonic()
    for _ in range(1000):
        assert source.read() == []
    source.close()
    assert time.monotonic() - begun_s < 10


def test_many_readings_that_nobody_collects_take_bounded_memory() -> None:
    source, clock = source_of(CurveSpec(lambda _: 5.0))
    for _ in range(10_000):
        source.poller.step()
        clock.advance(0.001)
    assert len(source.poller.take()) == 4096


def test_a_meter_that_does_not_answer_is_refused_in_words_and_still_tried() -> None:
    sources, refused = open_meters(["wall=file:/nowhere/watts", "hand"], {}, wait_s=0.2)
    try:
        assert [source.name for source in sources] == ["meter_wall"]
        assert [refusal.source for refusal in refused] == ["meter_wall"]
        assert refused[0].reason.startswith("file:/nowhere/watts: ")
        assert "No such file" in refused[0].reason
    finally:
        for source in sources:
            source.close()


def test_an_answer_that_says_nothing_is_a_word_and_no_number() -> None:
    class Mute(CurveSpec):
        def open(self, access: Access) -> Reader:  # type: ignore[override]
            return MuteReader()

    class MuteReader:
        waits = False

        def read(self) -> Sequence[Sample]:
            raise UnreadableError("the sensor's state is unavailable")

        def close(self) -> None:
            pass

    source, clock = source_of(Mute(lambda _: 5.0))
    source.poller.step()
    clock.advance(4)
    (gap,) = source.read()
    assert str(gap.value) == "the sensor's state is unavailable"
