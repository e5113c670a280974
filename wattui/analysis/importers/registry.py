"""Chooses the reader of a file by its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wattui.analysis.importers import (
    aipowermeter,
    codecarbon,
    deepmeter,
    energibridge,
    nvidia_smi,
    s_tui,
    wall_meter,
)
from wattui.analysis.importers.log import Log, UnreadableError


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """User input beside the file: the meter's name, and inferences in each phase."""

    meter: str = "wall"
    inferences: int | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A format: its name, its typical columns, and how it is recognised and read."""

    name: str
    columns: str
    recognises: Callable[[str], bool]
    read: Callable[[str, ImportOptions], Log]


READERS = (
    Reader(s_tui.NAME, s_tui.COLUMNS, s_tui.recognises, lambda text, _: s_tui.read(text)),
    Reader(
        nvidia_smi.NAME,
        nvidia_smi.COLUMNS,
        nvidia_smi.recognises,
        lambda text, _: nvidia_smi.read(text),
    ),
    Reader(
        wall_meter.NAME,
        wall_meter.COLUMNS,
        wall_meter.recognises,
        lambda text, given: wall_meter.read(text, given.meter),
    ),
    Reader(
        aipowermeter.NAME,
        aipowermeter.COLUMNS,
        aipowermeter.recognises,
        lambda text, _: aipowermeter.read(text),
    ),
    Reader(
        deepmeter.NAME,
        deepmeter.COLUMNS,
        deepmeter.recognises,
        lambda text, given: deepmeter.read(text, given.inferences),
    ),
    Reader(
        codecarbon.NAME,
        codecarbon.COLUMNS,
        codecarbon.recognises,
        lambda text, given: codecarbon.read(text, given.inferences),
    ),
    Reader(
        energibridge.NAME,
        energibridge.COLUMNS,
        energibridge.recognises,
        lambda text, _: energibridge.read(text),
    ),
)


def read(text: str, given: ImportOptions | None = None) -> Log:
    """Read a log of any known format. Raises UnreadableError."""
    text = text.lstrip("\r\n")
    return reader_of(text).read(text, given or ImportOptions())


def reader_of(text: str) -> Reader:
    """The reader of a file's content. Raises UnreadableError, which names the known formats."""
    first = text[: text.find("\n")] if "\n" in text else text
    if not first.strip():
        raise UnreadableError("it is empty")
    for reader in READERS:
        if reader.recognises(first):
            return reader
    known = "; ".join(f"{reader.name} ({reader.columns})" for reader in READERS)
    raise UnreadableError(f"its first line is in no known format: {known}")
