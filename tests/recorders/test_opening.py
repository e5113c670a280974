"""Opening drivers side by side: one that hangs or fails holds nobody up silently."""

from __future__ import annotations

import threading

from recorders.opening import Opening


def test_a_part_is_opened_and_its_time_is_known() -> None:
    told: list[str] = []
    opening = Opening("RAPL", lambda: 3, lambda why: -1)
    assert opening.result(lambda name, _: told.append(name)) == 3
    assert opening.took_s is not None
    assert told == []


def test_a_part_that_hangs_is_told_and_then_left_out() -> None:
    let_go, told = threading.Event(), list[tuple[str, float]]()
    opening = Opening("the NVIDIA driver", let_go.wait, lambda why: why)
    found = opening.result(lambda *told_of: told.append(told_of), longest_s=0.3, tell_s=0.1)
    let_go.set()
    assert found == "no answer for 0.3 s"
    assert {name for name, _ in told} == {"the NVIDIA driver"}
    assert [waited_s for _, waited_s in told] == sorted(waited_s for _, waited_s in told)
    assert len(told) >= 2


def test_whatever_a_driver_raises_is_a_reason() -> None:
    def broken() -> str:
        raise RuntimeError("no such symbol")

    opening = Opening("the NVIDIA driver", broken, lambda why: why)
    assert opening.result(lambda *_: None) == "RuntimeError: no such symbol"
