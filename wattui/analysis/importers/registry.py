"""Chooses the reader of a file by its content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from wattui.analysis.importers import (
    aipowermeter,
    amd_smi,
    any_table,
    codecarbon,
    dcgm,
    deepmeter,
    dmon,
    energibridge,
    librehardwaremonitor,
    named_columns,
    nvidia_smi,
    perf_stat,
    powermetrics,
    powermetrics_plist,
    prometheus_range,
    ptd,
    pyjoules,
    rocm_smi,
    s_tui,
    scaphandre,
    tegrastats,
    turbostat,
    wall_meter,
    zeus,
)
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.guess import Guess, guess
from wattui.analysis.importers.log import Log, UnreadableError
from wattui.analysis.importers.text import LogText
from wattui.clean import one_line, short

# A refusal names so many formats, and so much of the line.
NEAREST, SHOWN, SHORTEST = 3, 40, 8
# A refusal has at most so many characters.
LONGEST = 200


class Format(Protocol):
    """A module that reads a format: its name, its typical columns, and how it is recognised."""

    NAME: str
    COLUMNS: str

    @property
    def RESOLUTION_NS(self) -> int | None:  # noqa: N802  a constant of a module
        """The steps of its times, nanoseconds; None: not known."""

    def recognises(self, first: str, second: str = "") -> bool:
        """Whether the first two lines are of this format."""

    def read(self, text: LogText, given: ImportOptions) -> Log:
        """The readings of a log. Raises UnreadableError."""


FORMATS: tuple[Format, ...] = (
    s_tui,
    nvidia_smi,
    dmon,
    zeus,
    wall_meter,
    aipowermeter,
    deepmeter,
    codecarbon,
    energibridge,
    tegrastats,
    turbostat,
    perf_stat,
    scaphandre,
    powermetrics,
    powermetrics_plist,
    pyjoules,
    amd_smi,
    rocm_smi,
    dcgm,
    librehardwaremonitor,
    prometheus_range,
    ptd,
    *named_columns.TABLES,
)


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read a log of any known format. Raises UnreadableError."""
    if given.table:
        return any_table.read(text, given.table)
    form = format_of(text)
    return replace(form.read(text, given), resolution_ns=form.RESOLUTION_NS)


def format_of(text: LogText) -> Format:
    """The format of a file's content. Raises UnreadableError, which names the nearest
    ones and the options that would read it as a table."""
    first, second = text.first, text.second
    if not first:
        raise UnreadableError("it is empty")
    for form in FORMATS:
        if form.recognises(first, second):
            return form
    raise UnknownFormatError(_unknown(first, guess(text.head)), text.head)


class UnknownFormatError(UnreadableError):
    """A log of no known format, with its first lines."""

    def __init__(self, message: str, head: Sequence[str]) -> None:
        super().__init__(message)
        self.head = head


def _unknown(first: str, columns: Guess | None) -> str:
    """A refusal: the nearest formats, the line, and the options that would read it as a table."""
    near = ", ".join(form.NAME for form in _nearest(first))
    text = f"unknown format (near {near}): line 1: "
    guessed = columns.options + "".join(f" ({each})" for each in columns.missing) if columns else ""
    for options in (guessed, "--time COL --power COL=W"):
        fix = f": fix: add {options}, or see `wattui import --list`"
        shown = min(SHOWN, LONGEST - len(text) - len(fix) - 2)
        if options and shown >= SHORTEST:
            break
    return f"{text}'{short(one_line(first), max(SHORTEST, shown))}'{fix}"


def _nearest(first: str) -> list[Format]:
    """The formats with the most words of a first line in common."""
    words = _words(first)
    return sorted(FORMATS, key=lambda form: -_likeness(words, _words(form.COLUMNS)))[:NEAREST]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _likeness(some: set[str], others: set[str]) -> float:
    return len(some & others) / max(1, len(some | others))
