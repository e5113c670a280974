"""Termination signals, which end the dashboard even if it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
import threading
from types import FrameType
from typing import Any

from textual.app import App

from wattui.tui.terminal.driver import Terminal

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# After this time for an orderly exit, exit at once and let the recorder finish alone.
PATIENCE_S = 10.0


class Ending:
    """Ends an app on a signal, restoring the terminal and finishing the recording."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        for number in ENDING_SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(
            RuntimeError
        ):  # the event loop is closed, so the app is already exiting
            self._loop.call_soon_threadsafe(
                self._app.exit, None, 128 + number, context=self._context
            )
        last = threading.Timer(PATIENCE_S, self._end_now, (128 + number,))
        last.daemon = True
        last.start()

    def _end_now(self, status: int) -> None:
        if self._app.is_running:
            if isinstance(driver := self._app._driver, Terminal):
                driver.give_back()
            os._exit(status)
