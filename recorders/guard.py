"""A guard process that only waits, and cleans up if recorder and front end were both killed.

If one of them survives, it stops the command and removes the marks directory; if neither does,
the guard does it. It waits as a shell, which takes 0.2 MiB and no CPU time, and becomes Python
only if it has to clean up.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from recorders import directory, wire
from recorders.marks import PIPE
from recorders.own_process import own_command
from recorders.processes import end_recorded

GRACE_S = 2.0
DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
FAREWELL = {"do": "bye"}
# The pipes in the guard: from the front end, and from the recorder.
CONTROL, WORD = 0, 3
SHELL = "/bin/sh"
# Ends at the recorder's word; without one, the recorder is gone.
WAIT = f'read -r word <&{WORD} || exec "$@"'


class Guard:
    """Watches over a recording from a separate process.

    `names` are the possible names of its marks directory; `descriptors` are ones to close. The
    pipe from the front end is standard input, which closes when the front end is gone.
    """

    def __init__(
        self, names: Sequence[Path], descriptors: Sequence[int], ends_commands: bool
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
            directory.sweep()
            _wait(ours, [str(int(ends_commands)), *map(str, names)])
        finally:
            os._exit(0)

    def dismiss(self) -> None:
        """Dismiss the guard: the recording ended in order."""
        with contextlib.suppress(OSError):
            os.write(self._word, b".\n")


def _wait(word: int, arguments: Sequence[str]) -> None:
    """Become a shell that waits; wait here if there is none."""
    with contextlib.suppress(OSError):
        os.set_inheritable(os.dup2(word, WORD), True)
        command = own_command("recorders.guard", *arguments)
        os.execv(SHELL, ["sh", "-c", WAIT, "wattui-guard", *command])
    if not os.read(word, 1):
        main(*arguments)


def main(ends_commands: str, *names: str) -> None:
    """Clean up after a recorder that is gone, if the front end is gone too."""
    places = [Path(name) for name in names]
    # A shell writing a mark must not block on the recorder.
    for marks in places:
        with contextlib.suppress(OSError):
            os.open(marks / PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    if _last_words(CONTROL) != FAREWELL and int(ends_commands):
        end_recorded(places, None, GRACE_S)
    for marks in places:
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
