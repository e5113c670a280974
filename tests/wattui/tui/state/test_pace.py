"""Tokens per second of a window that is long enough to say so."""

from __future__ import annotations

import pytest

from wattui.tui.state.pace import LEAST_LUMPS, Now, Pace

AT_END = "note:server_counts http://h/metrics: llama-server counts tokens_out tokens_in; at a "
AT_END += "request's end: tokens_out"


def followed(pace: Pace, rate: float, until_s: float, lump_s: float = 0.1) -> Pace:
    """Rows ten times a second, of tokens that come in lumps."""
    for tick in range(round(until_s * 10) + 1):
        time_s = tick / 10
        lumps = int(time_s / lump_s + 1e-9)
        pace.add(time_s, round(lumps * lump_s * rate))
    return pace


def test_tokens_counted_as_they_are_made_are_those_of_the_last_seconds() -> None:
    pace = followed(Pace(), 500, 60)
    now = pace.now()
    assert now is not None
    assert now.tokens / now.seconds == pytest.approx(500)
    assert 10 <= now.seconds < 10.5
    assert not now.at_end


def test_tokens_of_ended_requests_need_many_of_them() -> None:
    """A window of 10 s would hold one lump or two: half as many tokens, or twice."""
    pace = Pace()
    pace.note(AT_END)
    now = followed(pace, 20, 200, lump_s=6.4).now()
    assert now is not None
    assert now.tokens / now.seconds == pytest.approx(20, rel=0.01)
    assert now.seconds >= 6.3 * LEAST_LUMPS
    assert (now.at_end, now.is_short) == (True, False)


def test_it_says_so_while_there_are_too_few() -> None:
    pace = Pace()
    pace.note(AT_END)
    now = followed(pace, 20, 40, lump_s=6.4).now()
    assert now is not None
    assert now.is_short


def test_tokens_that_come_no_more_or_are_unknown_have_no_pace() -> None:
    assert Pace().now() is None
    pace = followed(Pace(), 500, 20)
    for second in range(30):
        pace.add(20.0 + second, 10000)
    assert pace.now() is None
    pace = followed(Pace(), 500, 20)
    pace.add(21.0, None)
    assert pace.now() is None


def test_its_length_is_that_between_its_ends() -> None:
    assert Now(10, 5.0, 7.5).seconds == 2.5


def test_a_window_has_nothing_of_the_phase_before() -> None:
    """Two seconds of a load after ten of an armed server that made three tokens."""
    pace = Pace()
    pace.begin("armed")
    for tick in range(100):
        pace.add(tick / 10, min(tick, 3))
    pace.begin("running")
    for tick in range(21):
        pace.add(10 + tick / 10, 3 + 20 * tick)
        assert tick >= 10 or pace.now() is None
    now = pace.now()
    assert now is not None
    assert (now.start_s, now.tokens / now.seconds) == (10.0, pytest.approx(200))


def test_phases_of_one_name_share_a_window() -> None:
    """A program may mark every batch."""
    pace = Pace()
    for tick in range(100):
        pace.begin("running")
        pace.add(tick / 10, 20 * tick)
    now = pace.now()
    assert now is not None
    assert now.seconds > 9
