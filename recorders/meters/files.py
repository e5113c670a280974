"""Meters in files: one number that another program overwrites, or a log that grows."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recorders.meters.lines import Texts, line_w
from recorders.meters.meter import (
    Access,
    MeterError,
    Sample,
    Spec,
    UnreadableError,
    cut,
    number,
    parse_factor,
)

# A file that a program keeps writing has stopped if it is older than this.
STALE_S = 30.0
# Files of the kernel, which has no time of writing.
KERNEL = ("/sys/", "/proc/", "/dev/")
MOST_BYTES = 4096
PIECE = 1 << 16
# The columns that are taken for power if none is named, in lower case.
POWER_NAMES = ("power_w", "watts", "power", "w", "power [w]", "power (w)")


@dataclass(frozen=True, slots=True)
class FileSpec(Spec):
    """A file with one number, in watts times a factor, or with volts and amperes."""

    path: Path
    factor: float = 1.0
    period_s: float = 0.2

    @property
    def shown(self) -> str:
        """The path."""
        return f"file:{self.path}"

    def open(self, access: Access) -> NumberInFile:
        """The file, to be read."""
        return NumberInFile(self, access)


class NumberInFile:
    """Reads the whole file each time; a number that is no longer written is stale."""

    waits = False

    def __init__(self, spec: FileSpec, access: Access) -> None:
        self._spec, self._access = spec, access
        self._is_kernels = str(spec.path).startswith(KERNEL)

    def read(self) -> Sequence[Sample]:
        """The number now."""
        path, begun_ns = self._spec.path, self._access.clock()
        try:
            with path.open("rb", buffering=0) as file:
                data = file.read(MOST_BYTES + 1) or b""
                written_s = os.fstat(file.fileno()).st_mtime
        except OSError as error:
            raise MeterError(f"{path}: {error.strerror}") from None
        middle_ns = (begun_ns + self._access.clock()) // 2
        if len(data) > MOST_BYTES:
            raise UnreadableError(f"{path} has more than one number")
        age_s = self._access.wall_s() - written_s
        if not self._is_kernels and age_s > STALE_S:
            raise UnreadableError(f"{path} was last written {age_s:.0f} s ago")
        return [Sample(middle_ns, line_w(data.decode(errors="replace")) * self._spec.factor)]

    def close(self) -> None:
        """Nothing is open between reads."""


@dataclass(frozen=True, slots=True)
class LogSpec(Spec):
    """A growing CSV file of another program, and the column with its power, in watts times a
    factor (empty: one with a usual name)."""

    path: Path
    column: str = ""
    factor: float = 1.0

    @property
    def shown(self) -> str:
        """The path and the column."""
        return f"csv:{self.path}" + (f"#{self.column}" if self.column else "")

    def open(self, access: Access) -> Log:
        """The log, read from its end on."""
        return Log(self, access)


class Log:
    """Follows a log from where it ends now, with the columns that its first line names."""

    waits = False

    def __init__(self, spec: LogSpec, access: Access) -> None:
        self._path, self._factor, self._clock = spec.path, spec.factor, access.clock
        try:
            self._file: IO[bytes] = spec.path.open("rb", buffering=0)
        except OSError as error:
            raise MeterError(f"{spec.path}: {error.strerror}") from None
        first = (self._file.read(PIECE) or b"").partition(b"\n")[0]
        if not first:
            self._file.close()
            raise MeterError(f"{spec.path} is empty: its first line must name its columns")
        header = first.decode(errors="replace").removeprefix("\ufeff")
        try:
            self._delimiter = ";" if header.count(";") > header.count(",") else ","
            names = next(csv.reader([header], delimiter=self._delimiter), [])
            self._place = _place(names, spec.column)
        except (csv.Error, UnreadableError) as error:
            self._file.close()
            raise MeterError(f"{spec.path}: {error}") from None
        self._file.seek(-1, os.SEEK_END)
        # The rest of a line that is being written now is not a reading.
        self._is_partial = self._file.read(1) != b"\n"
        self._texts = Texts()

    def read(self) -> Sequence[Sample]:
        """The last line that was completed since the last call."""
        try:
            if os.fstat(self._file.fileno()).st_size < self._file.tell():
                raise MeterError(f"{self._path} has become shorter")
            data = self._file.read(PIECE) or b""
        except OSError as error:
            raise MeterError(f"{self._path}: {error.strerror}") from None
        now_ns = self._clock()
        lines = self._texts.feed(data)
        if self._is_partial and lines:
            self._is_partial, lines = False, lines[1:]
        if not lines:
            return []
        try:
            cells = next(csv.reader(lines[-1:], delimiter=self._delimiter), [])
        except csv.Error as error:
            raise UnreadableError(f"{cut(lines[-1])!r}: {error}") from None
        if self._place >= len(cells):
            raise UnreadableError(f"{cut(lines[-1])!r} has only {len(cells)} cells")
        return [Sample(now_ns, number(cells[self._place]) * self._factor)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def parse(kind: str, where: str) -> FileSpec | LogSpec:
    """A path, and behind `#` a column with an optional `*factor`. Raises SpecError."""
    text, _, column = where.partition("#")
    path, star, factor_text = text.rpartition("*") if kind == "file" else column.rpartition("*")
    if not star:
        path = text if kind == "file" else column
    factor = parse_factor(factor_text) if star else 1.0
    if kind == "file":
        return FileSpec(Path(path).absolute(), factor)
    return LogSpec(Path(text).absolute(), path.strip(), factor)


def _place(names: Sequence[str], wanted: str) -> int:
    """The column of the power. Raises UnreadableError."""
    found = [name.strip() for name in names]
    if wanted in found:
        return found.index(wanted)
    lowered = [name.lower() for name in found]
    usual = [lowered.index(name) for name in POWER_NAMES if name in lowered]
    if not wanted and usual:
        return usual[0]
    known = cut(", ".join(found))
    raise UnreadableError(
        f"has no column {wanted!r}, only {known}"
        if wanted
        else f"name the power's column, as in #{found[0] if found else 'power_W'}"
    )
