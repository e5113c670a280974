"""Chooses the reader of a file by its content."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from wattui.analysis.importers import (
    aipowermeter,
    any_table,
    codecarbon,
    deepmeter,
    dmon,
    energibridge,
    named_columns,
    nvidia_smi,
    perf_stat,
    powermetrics,
    pyjoules,
    s_tui,
    scaphandre,
    tegrastats,
    turbostat,
    wall_meter,
)
from wattui.analysis.importers.any_table import NamedTable
from wattui.analysis.importers.log import Log, UnreadableError
from wattui.clean import one_line, short

# A refusal names so many formats, and so much of the line.
NEAREST, SHOWN = 3, 40


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """User input beside the file: the meter's name, inferences in each phase, and the columns of a
    table of no known format."""

    meter: str = "wall"
    inferences: int | None = None
    table: NamedTable | None = None


class Format(Protocol):
    """A module that reads a format: its name, its typical columns, and how it is recognised."""

    NAME: str
    COLUMNS: str

    def recognises(self, first: str) -> bool:
        """Whether a first line is of this format."""


def _columns(form: named_columns.ColumnFormat) -> Callable[[str, ImportOptions], Log]:
    return lambda text, _: form.read(text)


READERS: tuple[tuple[Format, Callable[[str, ImportOptions], Log]], ...] = (
    (s_tui, lambda text, _: s_tui.read(text)),
    (nvidia_smi, lambda text, _: nvidia_smi.read(text)),
    (dmon, lambda text, _: dmon.read(text)),
    (wall_meter, lambda text, given: wall_meter.read(text, given.meter)),
    (aipowermeter, lambda text, _: aipowermeter.read(text)),
    (deepmeter, lambda text, given: deepmeter.read(text, given.inferences)),
    (codecarbon, lambda text, given: codecarbon.read(text, given.inferences)),
    (energibridge, lambda text, _: energibridge.read(text)),
    (tegrastats, lambda text, _: tegrastats.read(text)),
    (turbostat, lambda text, _: turbostat.read(text)),
    (perf_stat, lambda text, _: perf_stat.read(text)),
    (scaphandre, lambda text, _: scaphandre.read(text)),
    (powermetrics, lambda text, _: powermetrics.read(text)),
    (pyjoules, lambda text, given: pyjoules.read(text, given.inferences)),
    *((form, _columns(form)) for form in named_columns.TABLES),
)
FORMATS = tuple(form for form, _ in READERS)


def read(text: str, given: ImportOptions | None = None) -> Log:
    """Read a log of any known format. Raises UnreadableError."""
    text = text.lstrip("\r\n")
    given = given or ImportOptions()
    if given.table:
        return any_table.read(text, given.table)
    return dict(READERS)[format_of(text)](text, given)


def format_of(text: str) -> Format:
    """The format of a file's content. Raises UnreadableError, which names the nearest ones."""
    first = text.partition("\n")[0]
    if not first.strip():
        raise UnreadableError("it is empty")
    for form in FORMATS:
        if form.recognises(first):
            return form
    near = ", ".join(form.NAME for form in _nearest(first))
    raise UnreadableError(
        f"unknown format (near {near}): line 1: '{short(one_line(first), SHOWN)}': "
        "fix: add --time COL --power COL=W, or see `wattui import --list`"
    )


def _nearest(first: str) -> list[Format]:
    """The formats with the most words of a first line in common."""
    words = _words(first)
    return sorted(FORMATS, key=lambda form: -_likeness(words, _words(form.COLUMNS)))[:NEAREST]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _likeness(some: set[str], others: set[str]) -> float:
    return len(some & others) / max(1, len(some | others))
