"""The recorder process, started and controlled by `recorders.client`.

The first line on standard input is the configuration; requests follow. Answers and rows go to
standard output. If standard input ends without a stop request, the front end is gone: the
command is stopped and the file is finished.
"""

from __future__ import annotations

import os
import signal
import sys

from recorders import directory, wire
from recorders.front_end_pipe import FrontEndPipe
from recorders.guard import CONTROL, Guard
from recorders.recording import record


def main() -> int:
    """Run one recording; returns the exit status."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    outlet = FrontEndPipe(_own_output())
    config = wire.decode(_first_line(CONTROL))
    names = directory.candidates()
    # This comes first, so that something cleans up whichever process is killed.
    ends_commands = config["has_command"] and config["rank"] is None
    guard = Guard(names, (outlet.descriptor, 1, 2), ends_commands)
    try:
        marks, _ = directory.make(names)
    except OSError as error:
        text = f"cannot create a directory for marks ({error.strerror}); fix: set TMPDIR"
        outlet.finish({"t": "error", "code": "no_place", "text": text})
        return 2
    try:
        return record(config, marks, outlet, guard)
    finally:
        directory.remove(marks)


def _first_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(descriptor, 1)
        if not part:
            raise SystemExit(2)
        line += part
    return line


def _own_output() -> int:
    """The pipe to the front end, moved to where no driver library prints: they get stderr."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return pipe


if __name__ == "__main__":
    sys.exit(main())
