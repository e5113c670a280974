"""Stops a workload on a signal: results up to then are kept."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether a signal has asked to stop; a second one stops at once, and more of them do not
    disturb what closes then.

    `pass_on` is called with every signal.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.pass_on: Callable[[int], object] = lambda number: None
        self._event = threading.Event()
        self._is_at_once = False

    def __bool__(self) -> bool:
        return self.signal is not None

    def request(self, number: int, frame: FrameType | None = None) -> None:
        """Note the first signal; raise KeyboardInterrupt at the second only."""
        self.pass_on(number)
        if self._is_at_once:
            return
        if self.signal is not None:
            self._is_at_once = True
            raise KeyboardInterrupt
        self.signal = number
        self._event.set()

    def rest(self, seconds: float) -> None:
        """Wait, or until a signal asks to end."""
        self._event.wait(seconds)


@contextlib.contextmanager
def listening() -> Iterator[Stop]:
    """Make signals that would end the process ask it to stop instead."""
    stop = Stop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop.request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
