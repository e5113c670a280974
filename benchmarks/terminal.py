"""Programs on a terminal of a known size: a pseudo-terminal whose output is read, and tmux."""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

ROWS, COLUMNS = 50, 200
PATIENCE_S = 20.0
NEVER = rb"(?!)"

Run = Callable[[Sequence[str]], object]


class Screen:
    """A program on a pseudo-terminal, with the times of its output."""

    def __init__(self, argv: Sequence[str], cwd: Path) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.started_s = time.perf_counter()
        self.process = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.wait_for(None)
        self.process.wait()
        os.close(self._ours)

    def press(self, keys: bytes) -> float:
        """Press keys; returns the time."""
        pressed_s = time.perf_counter()
        os.write(self._ours, keys)
        return pressed_s

    def read_for(self, seconds: float) -> None:
        """Read and discard output for a while."""
        with suppress(TimeoutError):
            self.wait_for(NEVER, seconds)

    def wait_for(self, pattern: bytes | None, bound_s: float = PATIENCE_S) -> float:
        """The time at which matching text is written from now on, or of the program's end (None).

        Raises TimeoutError.
        """
        read = b""
        deadline_s = time.perf_counter() + bound_s
        while time.perf_counter() < deadline_s:
            left_s = max(0.0, deadline_s - time.perf_counter())
            if not select.select([self._ours], [], [], min(0.1, left_s))[0]:
                continue
            try:
                read += os.read(self._ours, 1 << 16)
            except OSError:
                return time.perf_counter()
            if pattern is not None and re.search(pattern, read):
                return time.perf_counter()
        raise TimeoutError(f"{pattern!r} was not written within {bound_s:g} s")


class Tmux:
    """A separate tmux server with one program in it; `run` starts tmux where it is needed."""

    def __init__(self, argv: Sequence[str], run: Run, environ: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        socket = str(Path(self._folder.name, "tmux"))
        self._tmux = ["tmux", "-S", socket, "-f", "/dev/null"]
        settings = [part for name, text in environ.items() for part in ("-e", f"{name}={text}")]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        run([*self._tmux, "new-session", "-d", *size, *settings, f"exec {shlex.join(argv)}"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._command("kill-server")
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._command("display-message", "-p", "#{pane_pid}"))

    def shown(self) -> str:
        """The text on the screen."""
        return self._command("capture-pane", "-p")

    def _command(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()
