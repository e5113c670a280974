"""Writes text to standard output and standard error, and Rich's tables on them.

Only text reaches a terminal: the only escape sequences are those of our own styles.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from wattui.clean import LIKE, one_line
from wattui.clean import lines as clean_lines

if TYPE_CHECKING:
    from rich.console import Console

LIKENESS = "wattui.likeness"


class Cleaning:
    """A text stream that writes only text; `beneath` is the stream itself."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        """Write the text, with control characters made visible."""
        self.beneath.write(clean_lines(text))
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """Write several."""
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


@contextmanager
def cleaning() -> Iterator[None]:
    """Let standard output and standard error write only text, in their encoding.

    Characters that the encoding lacks are replaced by the closest ones it has.
    """
    codecs.register_error(LIKENESS, _likeness)
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as after:
        for stream in before:
            if isinstance(stream, io.TextIOWrapper):
                after.callback(_reconfigure, stream, stream.errors)
                _reconfigure(stream, LIKENESS)
        out = before[0] or after.enter_context(_closed())
        sys.stdout, sys.stderr = map(_cleaned, (out, before[1]))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def say(*lines: str) -> None:
    """Messages on standard error, if it is open, each on one line."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.writelines(f"wattui: {one_line(line)}\n" for line in lines)
        sys.stderr.flush()


def print_json(data: object) -> None:
    """Data on standard output."""
    sys.stdout.write(json.dumps(data, indent=1) + "\n")


def console(stderr: bool = False, **settings: Any) -> Console:
    """Rich's console on standard output or standard error, without escapes in texts.

    Texts are never read as markup.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control:
                    yield segment
                else:
                    yield Segment(clean_lines(segment.text), segment.style)

        def on_broken_pipe(self) -> None:
            if stderr:
                self.quiet = True  # its reader has gone away; the work continues
            else:
                super().on_broken_pipe()

    stream = sys.stderr if stderr else sys.stdout
    settings.setdefault("file", getattr(stream, "beneath", stream))
    return CleanConsole(stderr=stderr, markup=False, emoji=False, highlight=False, **settings)


def _closed() -> TextIO:
    """A stand-in for a closed standard output, to which writing is an error as well."""
    null = os.open(os.devnull, os.O_RDONLY)
    try:  # the standard streams' own numbers stay free, as a command inherits them closed
        return os.fdopen(fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, 3), "w", encoding="utf-8")
    finally:
        os.close(null)


def _cleaned(stream: TextIO | None) -> Cleaning | None:
    return None if stream is None else Cleaning(stream)


def _reconfigure(stream: io.TextIOWrapper, errors: str | None) -> None:
    with contextlib.suppress(OSError, ValueError):  # it is closed, or nobody reads it
        stream.reconfigure(errors=errors)


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(LIKE.get(each, "?") for each in lost), error.end
