"""A terminal with a keyboard: a pseudo-terminal that controls the session started on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from .running import Place, until

INTERRUPT, SUSPEND, QUIT = b"\x03", b"\x1a", b"\x1c"
# In the line of keys, which follows the graphs.
DRAWN = b"Idle/Run"


class Terminal:
    """Runs a program on a new terminal and reads along."""

    def __init__(
        self, place: Place, argv: Sequence[str | bytes], rows: int = 24, columns: int = 80
    ) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = place.start(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._open = True
        self._read = bytearray()
        self._reader = threading.Thread(target=self._read_along, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self.hang_up()

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        if self._open:
            self._open = False
            self._reader.join(5)
            os.close(self._ours)

    @property
    def seen(self) -> bytes:
        """Everything shown so far."""
        return bytes(self._read)

    def until_seen(self, text: bytes, bound_s: float = 60.0) -> None:
        try:
            until(lambda: text in self._read, repr(text), bound_s)
        except TimeoutError as error:
            error.add_note(f"seen: {self.seen!r}")
            raise

    def end(self, bound_s: float = 60.0) -> int:
        """Wait for the program; returns its exit status once all it wrote is read."""
        status = self.process.wait(bound_s)
        until(lambda: not self._reader.is_alive() or self._is_quiet(), "a quiet terminal")
        assert b"Traceback" not in self._read, self.seen.decode(errors="replace")
        return status

    def _is_quiet(self) -> bool:
        before = len(self._read)
        time.sleep(0.1)
        return len(self._read) == before

    def _read_along(self) -> None:
        while self._open:
            if not select.select([self._ours], [], [], 0.02)[0]:
                continue
            try:
                self._read += os.read(self._ours, 65536)
            except OSError:
                return


class Tmux:
    """A tmux server of its own with one shell in it."""

    def __init__(self, place: Place, rows: int = 24, columns: int = 80) -> None:
        self._socket = str(place.temporary / "tmux")
        self._place = place
        self._tmux(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            str(rows),
            "env",
            "PS1=> ",
            "sh",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")

    def type(self, line: str) -> None:
        self.write(line)
        self._tmux("send-keys", "Enter")

    def write(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-J")

    def until_shown(self, text: str, bound_s: float = 60.0) -> str:
        """Wait for a text on the screen; returns the whole screen."""
        try:
            until(lambda: text in self.screen(), repr(text), bound_s)
        except TimeoutError as error:
            error.add_note(self.screen())
            raise
        return self.screen()

    def until_gone(self, text: str, bound_s: float = 60.0) -> None:
        """Wait until a text is no longer on the screen."""
        until(lambda: text not in self.screen(), f"no {text!r}", bound_s)

    def kill_session(self) -> None:
        self._tmux("kill-session")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            env=self._place.environment,
            cwd=self._place.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=30,
        )
        return done.stdout.decode(errors="replace")
