"""Suspend and resume: the terminal is retaken only after it was released."""

from __future__ import annotations

import os
import signal
from types import FrameType

from textual.app import App


class Suspension:
    """Wraps the driver's SIGTSTP and SIGCONT handlers while an app is running.

    The driver starts reading the terminal at every SIGCONT. A closing terminal also sends one,
    and a second reader would then keep the program from exiting.
    """

    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._is_suspended = False
        self._suspend = signal.getsignal(signal.SIGTSTP)
        self._resume = signal.getsignal(signal.SIGCONT)
        if callable(self._suspend) and callable(self._resume):
            signal.signal(signal.SIGTSTP, self._on_stop)
            signal.signal(signal.SIGCONT, self._on_continue)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if self._app.is_running and callable(self._suspend):
            self._is_suspended = True
            self._suspend(number, frame)
        else:
            os.kill(os.getpid(), signal.SIGSTOP)

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        if self._is_suspended and callable(self._resume):
            self._is_suspended = False
            self._resume(number, frame)
        elif self._app.is_running:
            self._app.call_later(self._app.refresh)
