"""Signals received one at a time, with their sender: the terminal or another process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

TAKEN = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGCHLD,
    signal.SIGWINCH,
)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
# si_code of a signal that the kernel sent, as a terminal does to its whole foreground group.
FROM_KERNEL = 0x80
# Where signals can only be looked for (macOS): how often, and how long at most, as there the end of
# a child is not a pending signal.
LOOK_S, LOOK_FOR_S = 0.01, 0.05


class Signal(NamedTuple):
    """A signal and who sent it, named as in siginfo."""

    si_signo: int
    si_code: int


class Signals:
    """Signals wait until `next` returns them; `before` is the mask that a command should have."""

    def __init__(self, before: set[signal.Signals], taken: set[signal.Signals]) -> None:
        self.before = before
        self._taken = taken

    def next(self, timeout_s: float) -> Signal | None:
        """The next signal, or None after the time, or earlier."""
        return _next(self._taken, max(0.0, timeout_s))

    def sleep(self, seconds: float) -> Signal | None:
        """Wait; returns early with a signal that asks to end (0: returns at once)."""
        deadline = time.monotonic() + seconds
        while True:
            left_s = deadline - time.monotonic()
            found = self.next(left_s)
            if found and found.si_signo in ENDING:
                return found
            if not found and left_s <= 0:
                return None


@contextmanager
def taken() -> Iterator[Signals]:
    """Hold signals back for `Signals.next` meanwhile; ignored ones stay ignored."""
    mine = {number for number in TAKEN if signal.getsignal(number) != signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, mine)
    try:
        yield Signals({signal.Signals(number) for number in before}, mine)
    finally:
        while _next(mine, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next(taken: set[signal.Signals], timeout_s: float) -> Signal | None:
    """The next signal; without sigtimedwait(2), its sender is guessed from the terminal's group."""
    if hasattr(signal, "sigtimedwait"):
        found = signal.sigtimedwait(taken, timeout_s)
        return Signal(found.si_signo, found.si_code) if found else None
    deadline_s = time.monotonic() + min(timeout_s, LOOK_FOR_S)
    while not (waiting := signal.sigpending() & taken):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            return None
        time.sleep(min(LOOK_S, left_s))
    number = signal.sigwait(waiting)
    return Signal(number, FROM_KERNEL if number in FROM_TERMINAL and _is_in_front() else 0)


def _is_in_front() -> bool:
    """Whether this process's group is the one to which the terminal sends its signals."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
