"""Signals received one at a time, with their sender: the terminal or another process."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

TAKEN = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGCHLD,
    signal.SIGWINCH,
)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# si_code of a signal that the kernel sent, as a terminal does to its whole foreground group.
FROM_KERNEL = 0x80


class Signals:
    """Signals wait until `next` returns them; `before` is the mask that a command should have."""

    def __init__(self, before: set[signal.Signals], taken: set[signal.Signals]) -> None:
        self.before = before
        self._taken = taken

    def next(self, timeout_s: float) -> signal.struct_siginfo | None:
        """The next signal, or None after the time."""
        return signal.sigtimedwait(self._taken, max(0.0, timeout_s))

    def sleep(self, seconds: float) -> signal.struct_siginfo | None:
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
        while signal.sigtimedwait(mine, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
