"""Signals that stop a workload: the first asks, the second ends it, more are only passed on."""

from __future__ import annotations

import signal

import pytest

from workloads.stop import Stop


def test_only_the_second_signal_is_raised() -> None:
    stop, passed = Stop(), list[int]()
    stop.pass_on = passed.append
    stop.request(signal.SIGINT)
    assert stop
    with pytest.raises(KeyboardInterrupt):
        stop.request(signal.SIGINT)
    # What closes now is not disturbed.
    stop.request(signal.SIGINT)
    stop.request(signal.SIGTERM)
    assert passed == [signal.SIGINT] * 3 + [signal.SIGTERM]
    assert stop.signal == signal.SIGINT
