"""Text for a terminal: names of models and layers come from files of others."""

from __future__ import annotations

import contextlib
import io
import sys


def printable(text: str) -> str:
    """The text, with what would act on a terminal written as an escape that can be read."""
    kept = text.replace("\n", "")
    if kept.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def replace_what_cannot_be_encoded() -> None:
    """Let standard output and error write ? where their encoding lacks a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):  # it is closed
                stream.reconfigure(errors="replace")


def _escaped(character: str) -> str:
    return character if character.isspace() and ord(character) > 0x9F else ascii(character)[1:-1]
