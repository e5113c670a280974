"""Waiting for the requests of a server at the edge of a phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wattui.capture.drain import Drain


@dataclass
class Recorder:
    """Answers how many requests are open at a time that moves when the drain sleeps."""

    open_until_s: float
    now_ns: int = 10**12
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def time_s(self) -> float:
        return (self.now_ns - 10**12) * 1e-9

    def ask(self, **request: Any) -> Mapping[str, Any]:
        self.asked.append(request)
        n = 2 if self.time_s < self.open_until_s else 0
        return {"wait": n > 0, "open": n}

    def sleep(self, seconds: float) -> bool:
        self.now_ns += round(seconds * 1e9)
        return False


def drained(recorder: Recorder, longest_s: float = 30.0) -> list[str]:
    told: list[str] = []
    drain = Drain(recorder.ask, longest_s, lambda: recorder.now_ns)
    drain.wait(recorder.sleep, told.append)
    return told


def test_it_ends_soon_after_the_last_request() -> None:
    recorder = Recorder(open_until_s=2.5)
    assert drained(recorder) == ["waiting up to 29 s for 2 requests of the server to end"]
    assert 2.5 <= recorder.time_s < 2.65
    assert {request["since_ns"] for request in recorder.asked} == {10**12}


def test_it_gives_up_when_the_time_is_up() -> None:
    recorder = Recorder(open_until_s=1e9)
    drained(recorder, longest_s=5.0)
    assert 5.0 <= recorder.time_s < 5.2


def test_without_requests_it_asks_once_and_does_not_wait() -> None:
    recorder = Recorder(open_until_s=0.0)
    assert drained(recorder) == []
    assert (recorder.time_s, len(recorder.asked)) == (0.0, 1)


def test_a_recorder_that_is_gone_is_not_waited_for() -> None:
    Drain(lambda **_: None, 30.0).wait(lambda _: False, lambda _: None)


def test_a_signal_ends_it() -> None:
    recorder = Recorder(open_until_s=1e9)
    Drain(recorder.ask, 30.0, lambda: recorder.now_ns).wait(lambda _: True, lambda _: None)
    assert recorder.time_s == 0.0
