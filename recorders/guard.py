"""A process that only waits: when recorder and front end were both killed, it tidies up.

Whichever of the two is left ends the command and removes the directory of the marks. When neither
is, this one does. It is forked early by the recorder, has 6 MB to itself, and takes no time.
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
    """Watches over a recording from a process of its own.

    `names` are those that its directory of marks may have; `descriptors` are not for it to keep;
    `control_fd` is the pipe from the front end, whose end says that the front end is gone.
    """

    def __init__(
        self,
        names: Sequence[Path],
        control_fd: int,
        descriptors: Sequence[int],
        has_command: bool,
    ) -> None:
        ours, self._word = os.pipe()
        try:
            is_ours = os.fork() > 0
        except OSError:  # a limit on processes: the recording goes without
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
            _watch(names, ours, control_fd, has_command)
        finally:
            os._exit(0)

    def dismiss(self) -> None:
        """All is in order: the front end knows of the recording's end, or was seen to."""
        with contextlib.suppress(OSError):
            os.write(self._word, b".")


def _watch(names: Sequence[Path], word: int, control_fd: int, has_command: bool) -> None:
    directory.sweep()
    if os.read(word, 1):
        return
    # The recorder is gone. A shell that writes a mark must not wait for it.
    for marks in names:
        with contextlib.suppress(OSError):
            os.open(marks / PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    if _last_words(control_fd) != FAREWELL and has_command:
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
