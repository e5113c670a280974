"""Textual's terminal driver, hardened against odd bytes and sizes, stalls and hang-ups."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
import signal
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message

# At most one layout in this time, for the latest size.
LAYOUT_S = 0.05
# Stop waiting for a terminal that accepts nothing this long; redraw fully when it recovers.
PATIENCE_S = 1.0
ESCAPE_S = 0.1
READ_BYTES = 4096
DEFAULT_SIZE = Size(80, 24)
# Smaller sizes are unreadable and crash Textual, so draw at this size and let it overflow.
LEAST_SIZE = Size(20, 6)
HUNG_UP = 128 + signal.SIGHUP
# Ends a truncated escape sequence, which would swallow the text after it.
CANCEL = b"\x18"

# Turn off kitty keys, mouse and bracketed paste; turn on wrap, main screen and cursor.
GIVEN_BACK = (
    "\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?1004l"
    "\x1b[?7h\x1b[?1049l\x1b[?25h"
)

_X10_MOUSE = re.compile(rb"\x1b\[M([\s\S]{3})")
_X10_BEGUN = re.compile(rb"\x1b\[M[\s\S]{0,2}\Z")
_X10_OFFSET, _RELEASED = 32, 3


class Terminal(LinuxDriver):
    """A driver for terminals that may be resized, stalled, closed, or send anything."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        # Textual and Rich disagree on the size of a 0 × 0 terminal, so set it from the start.
        self._size = laid_out(*(size or self._get_terminal_size()))
        self._file: Any = TerminalWriter(self._file, self._repaint)
        self._newest: Resize | None = None
        self._told: asyncio.TimerHandle | None = None

    def start_application_mode(self) -> None:
        """Take over the terminal and follow its size."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGWINCH, lambda *_: self._measure())

    def give_back(self) -> None:
        """Restore the terminal from any thread, when an orderly exit is impossible."""
        with contextlib.suppress(OSError, termios.error):
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
            self._file.write(GIVEN_BACK)

    def process_message(self, message: Message) -> None:
        """Pass messages on; of size changes only the latest."""
        if isinstance(message, Resize):
            self._loop.call_soon_threadsafe(self._take_size, message)
        else:
            super().process_message(message)

    def run_input_thread(self) -> None:
        """Read input until the end; a closed terminal ends the program."""
        typed, keys = TypedBytes(), Keys(self._debug)
        while not self.exit_event.is_set():
            text = ""
            if select.select([self.fileno], [], [], ESCAPE_S)[0]:
                if not (data := self._read()):
                    self._app.call_later(self._app.exit, None, HUNG_UP)
                    return
                text = typed.decode(data)
            for message in keys.understood(text):
                self.process_message(message)

    def _run_input_thread(self) -> None:
        """Read input; an error ends the app like any other."""
        try:
            self.run_input_thread()
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)

    def _read(self) -> bytes:
        with contextlib.suppress(OSError):
            return os.read(self.fileno, READ_BYTES)
        return b""

    # ------------------------------------------------------------ sizes

    def _measure(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._loop.call_soon_threadsafe(self._take_size, Resize(size, size))

    def _take_size(self, event: Resize) -> None:
        self._newest = event
        if self._told is None:
            self._told = self._loop.call_later(LAYOUT_S, self._tell_size)

    def _tell_size(self) -> None:
        event, self._told = self._newest, None
        if event is not None:
            size = laid_out(*event.size)
            self._app.post_message(Resize(size, size, pixel_size=event.pixel_size))

    def _repaint(self) -> None:
        self._app.post_message(self.SignalResume())


class Keys:
    """Parses typed text into keys, clicks, pastes and reports."""

    def __init__(self, debug: bool = False) -> None:
        self._debug = debug
        self._parser = XTermParser(debug)

    def understood(self, text: str) -> Iterator[Message]:
        """The messages in a text, and Esc if nothing followed it.

        An earlier Esc comes first: by now it is a key of its own, even if the next was read late.
        """
        yield from self._parser.tick()
        for character in text:
            try:
                yield from self._parser.feed(character)
            # If a sequence breaks the parser, a new one reads the rest.
            except Exception:
                self._parser = XTermParser(self._debug)
        yield from self._parser.tick()


def laid_out(width: int, height: int) -> Size:
    """The size to draw for; 0 means that the terminal does not know its size."""
    return Size(
        max(width or DEFAULT_SIZE.width, LEAST_SIZE.width),
        max(height or DEFAULT_SIZE.height, LEAST_SIZE.height),
    )


class TypedBytes:
    """Decodes typed bytes; drops meaningless ones, and converts X10 mouse reports to SGR."""

    def __init__(self) -> None:
        self._held = b""
        self._decode = getincrementaldecoder("utf-8")("ignore").decode

    def decode(self, data: bytes) -> str:
        """The text; an incomplete report is kept for the next call."""
        data = _X10_MOUSE.sub(_as_sgr, self._held + data)
        begun = _X10_BEGUN.search(data)
        self._held = begun[0] if begun else b""
        return self._decode(data[: len(data) - len(self._held)])


def _as_sgr(report: re.Match[bytes]) -> bytes:
    """An X10 mouse report, of three raw bytes, in the SGR form that has no limit of columns."""
    buttons, x, y = (byte - _X10_OFFSET for byte in report[1])
    released = buttons & ~0b11100 == _RELEASED
    return f"\x1b[<{0 if released else buttons};{x};{y}{'m' if released else 'M'}".encode()


class TerminalWriter:
    """A file that writes to a terminal without blocking for long or failing if it is gone.

    Output it does not accept is dropped; `on_back` is called when it accepts output again.
    """

    def __init__(
        self, file: TextIO, on_back: Callable[[], None], patience_s: float = PATIENCE_S
    ) -> None:
        self._encoding = file.encoding or "utf-8"
        self._on_back, self._patience_s = on_back, patience_s
        self._fileno = file.fileno()
        self._descriptor = _unshared(self._fileno)
        self._is_behind = self._is_gone = False

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._fileno

    def flush(self) -> None:
        """Nothing is buffered."""

    def write(self, text: str) -> int:
        """Write as much of a text as the terminal accepts in time."""
        data = text.encode(self._encoding, "replace")
        if self._is_gone:
            return len(text)
        try:
            if self._is_behind and self._is_ready(0):
                self._is_behind = False
                data = CANCEL + data
                self._on_back()
            deadline_s = time.monotonic() + self._patience_s
            while data and not self._is_behind:
                if self._is_ready(deadline_s - time.monotonic()):
                    data = data[self._take(data) :]
                else:
                    self._is_behind = True
        except OSError:
            self._is_gone = True
        return len(text)

    def _is_ready(self, wait_s: float) -> bool:
        return bool(select.select([], [self._descriptor], [], max(0.0, wait_s))[1])

    def _take(self, data: bytes) -> int:
        with contextlib.suppress(BlockingIOError):
            return os.write(self._descriptor, data)
        return 0


def _unshared(descriptor: int) -> int:
    """The terminal reopened, so that non-blocking mode affects only us; else the same file."""
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(os.ttyname(descriptor), flags)
    return descriptor
