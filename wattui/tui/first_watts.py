"""The first watts, in the line where the dashboard was started, while its screen is imported."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from recorders.channels import channel_of, kind_of
from recorders.client import RecorderError
from recorders.wire import Message, readings
from wattui.live.line import kind_name, watts
from wattui.tui.state.session import Session

LOOK_S = 0.01
ERASED = "\r\x1b[K"


class FirstWatts(threading.Thread):
    """Waits until the session is ready and shows its first powers, until `end`.

    `output` is where the line is written; None: nowhere.
    """

    def __init__(self, session: Session, output: TextIO | None) -> None:
        super().__init__(name="first watts", daemon=True)
        self._session, self._output = session, output
        self._over = threading.Event()
        self._error: RecorderError | None = None

    def run(self) -> None:
        """Wait, and write the line once."""
        try:
            self._session.wait_ready()
        except RecorderError as error:
            self._error = error
            return
        while self._output and not self._over.wait(LOOK_S):
            if text := line(self._session.columns, self._session.unread()):
                self._write(f"{ERASED} wattui  {text}")
                break

    def end(self) -> None:
        """Erase the line once the session is ready. Raises RecorderError if it cannot start."""
        self._over.set()
        self.join()
        self._write(ERASED)
        if self._error is not None:
            raise self._error

    def _write(self, text: str) -> None:
        if self._output is not None:
            with suppress(OSError):
                self._output.write(text)
                self._output.flush()


def line(columns: Sequence[str], messages: Sequence[Message]) -> str:
    """The powers of the latest row, summed by kind of device; empty if it has none."""
    rows = [message for message in messages if message["t"] == "row"]
    sums_w: dict[tuple[str, str], float] = {}
    for column, value in readings(columns, rows[-1]).items() if rows else ():
        channel = channel_of(column)
        if column.endswith("_W") and (name := kind_name(channel)):
            key = name, " (estimated)" if kind_of(channel).origin == "estimated" else ""
            sums_w[key] = sums_w.get(key, 0.0) + value
    return "  ".join(f"{name} {watts(sum_w)}{word}" for (name, word), sum_w in sums_w.items())
