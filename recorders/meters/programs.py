"""A meter that a program reads: a line of watts, or of volts and amperes, for each reading.

No shell runs the program, unless it is asked for as `exec:sh -c '…'`.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from recorders.meters.lines import Texts, line_w
from recorders.meters.meter import (
    Access,
    Clock,
    MeterError,
    Sample,
    Spec,
    SpecError,
    cut,
)

WAIT_S, END_S = 0.2, 0.3
PIECE, MOST_STDERR = 1 << 16, 4096


@dataclass(frozen=True, slots=True)
class ProgramSpec(Spec):
    """A program and its arguments, which are not shown, as they may hold secrets."""

    argv: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The program alone."""
        return f"exec:{self.argv[0]}" + (" …" if len(self.argv) > 1 else "")

    def open(self, access: Access) -> Program:
        """The program, started."""
        return Program(self.argv, access.clock)


class Program:
    """A running program; when it ends, so does the meter, until it is opened again."""

    waits = True

    def __init__(self, argv: Sequence[str], clock: Clock = time.monotonic_ns) -> None:
        self._clock = clock
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise MeterError(f"{cut(argv[0])} cannot be started: {reason}") from None
        out, err = self._process.stdout, self._process.stderr
        assert out is not None
        assert err is not None
        self._out, self._err = out.fileno(), err.fileno()
        self._open = {self._out, self._err}
        self._texts, self._said = Texts(), b""

    def read(self) -> Sequence[Sample]:
        """The lines that come within a moment. Raises MeterError when the program has ended,
        with its last words."""
        ready, _, _ = select.select(list(self._open), [], [], WAIT_S)
        samples: list[Sample] = []
        if self._err in ready:
            self._said = (self._said + self._piece(self._err))[-MOST_STDERR:]
        if self._out in ready:
            data = self._piece(self._out)
            now_ns = self._clock()
            lines = self._texts.feed(data)
            samples = [Sample(now_ns, line_w(line)) for line in lines[-1:]]
        if self._out not in self._open:
            raise MeterError(self._last_words())
        return samples

    def close(self) -> None:
        """End the program and its children."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _piece(self, descriptor: int) -> bytes:
        data = os.read(descriptor, PIECE)
        if not data:
            self._open.discard(descriptor)
        return data

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        while self._err in self._open and select.select([self._err], [], [], 0)[0]:
            self._said = (self._said + self._piece(self._err))[-MOST_STDERR:]
        words = self._said.decode(errors="replace").strip().splitlines()
        status = self._process.poll()
        how = "closed its output" if status is None else f"ended with status {status}"
        return f"the program {how}" + (f": {cut(words[-1])}" if words else "")


def parse(kind: str, where: str) -> ProgramSpec:
    """A program as a shell would split it. Raises SpecError."""
    try:
        argv = shlex.split(where)
    except ValueError as error:
        raise SpecError(f"{kind}: {str(error).lower()}: fix: close the quotes") from None
    if not argv or not shutil.which(argv[0]):
        name = argv[0] if argv else ""
        raise SpecError(f"{kind}: there is no program {cut(name)!r}: fix: install it, or its path")
    return ProgramSpec(tuple(argv))
