"""A guard process that only waits, and cleans up if recorder and front end were both killed.

If one of them survives, it stops the command and removes the marks directory; if neither does,
the guard does it. The recorder forks it before it imports the rest of itself, so that it takes
5 MB, and no CPU time.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from recorders import directory, wire
from recorders.marks import PIPE
from recorders.processes import end_recorded

GRACE_S = 2.0
DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
FAREWELL = {"do": "bye"}


class Guard:
    """Watches over a recording from a separate process.

    `names` are the possible names of its marks directory; `descriptors` are ones to close;
    `control_fd` is the pipe from the front end, which closes when the front end is gone.
    """

    def __init__(
        self,
        names: Sequence[Path],
        control_fd: int,
        descriptors: Sequence[int],
        ends_commands: bool,
    ) -> None:
        ours, self._word = os.pipe()
        try:
            is_ours = os.fork() > 0
        except OSError:  # the process limit was reached: record without a guard
            is_ours = True
        if is_ours:
            os.close(ours)
            return
        try:
            for descriptor in (self._word, *descriptors):
                os.close(descriptor)
            os.setsid()
            for number in DEAF_TO:
                signal.signal(number, signal.SIG_IGN)
            _watch(names, ours, control_fd, ends_commands)
        finally:
            os._exit(0)

    def dismiss(self) -> None:
        """Dismiss the guard: the recording ended in order."""
        with contextlib.suppress(OSError):
            os.write(self._word, b".")


def _watch(names: Sequence[Path], word: int, control_fd: int, ends_commands: bool) -> None:
    directory.sweep()
    if os.read(word, 1):
        return
    # The recorder is gone; a shell writing a mark must not block on it.
    for marks in names:
        with contextlib.suppress(OSError):
            os.open(marks / PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    if _last_words(control_fd) != FAREWELL and ends_commands:
        end_recorded(names, None, GRACE_S)
    for marks in names:
        directory.remove(marks)


def _last_words(control_fd: int) -> wire.Message:
    """The front end's last message, once it is gone."""
    lines, last = wire.Lines(), b"{}"
    while data := os.read(control_fd, 65536):
        last = (lines.feed(data) or [last])[-1]
    try:
        return wire.decode(last)
    except ValueError:
        return {}
