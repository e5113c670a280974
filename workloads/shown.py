"""Makes text safe for a terminal: names of models and layers come from other people's files."""

from __future__ import annotations

import contextlib
import io
import sys


def printable(text: str) -> str:
    """The text with control characters written as readable escapes."""
    kept = text.replace("\n", "")
    if kept.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def replace_what_cannot_be_encoded() -> None:
    """Let standard output and error write ? for characters their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):  # it is closed
                stream.reconfigure(errors="replace")


def _escaped(character: str) -> str:
    return character if character.isspace() and ord(character) > 0x9F else ascii(character)[1:-1]
