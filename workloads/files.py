"""The files a workload writes on request. An existing file is never replaced."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from workloads.errors import UsageError, WorkloadError
from workloads.result import CellResult, Latency

FORMAT = 1
# Set by wattui: the recording's private folder, and the number of the repeat.
RECORDING, REPEAT = "WATTUI_RUN", "WATTUI_REPEAT"


def new_file(path: str, option: str) -> Path:
    """Create an empty file; raises UsageError if it exists or cannot be created."""
    try:
        open(path, "x", encoding="utf-8").close()
    except FileExistsError:
        raise UsageError(f"{option} {path}: exists: fix: use another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None
    return Path(path)


def output_file(path: str, option: str) -> Path:
    """A new file, or the one created by an earlier repeat of the same recording.

    Each repeat is a separate process; the recording's private folder says who created the file.
    Raises UsageError.
    """
    repeat, folder = os.environ.get(REPEAT), os.environ.get(RECORDING)
    if not (repeat and folder):
        return new_file(path, option)
    name = hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=8).hexdigest()
    maker = Path(folder, f"file-{name}")
    with contextlib.suppress(OSError):
        if maker.read_text() != repeat:
            return Path(path)
    made = new_file(path, option)
    with contextlib.suppress(OSError):  # the next repeat will find that the file exists
        maker.write_text(repeat)
    return made


def cells_before(path: Path) -> list[dict[str, Any]]:
    """The cells written by earlier repeats; none if there is no such file yet."""
    try:
        found = json.loads(path.read_text(encoding="utf-8") or "{}")
        cells: list[dict[str, Any]] = found.get("cells", [])
    except (OSError, ValueError, AttributeError, RecursionError):
        raise UsageError(f"--result {path}: is not the file that the first repeat wrote") from None
    return cells


def write_results(
    path: Path,
    head: dict[str, Any],
    results: Sequence[CellResult],
    before: Sequence[dict[str, Any]] = (),
) -> None:
    """Write results as JSON: `format`, the options, and one object per cell."""
    data = {"format": FORMAT, **head, "cells": [*before, *map(to_dict, results)]}
    try:
        path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise WorkloadError(
            f"--result {path}: {error.strerror}: the table above has the results"
        ) from None


def to_dict(result: CellResult) -> dict[str, Any]:
    """A result as JSON."""
    return {**asdict(result), "inferences_per_s": result.inferences_per_s}


def from_dict(data: dict[str, Any]) -> CellResult:
    """Recreate a result from `to_dict`."""
    fields = {key: value for key, value in data.items() if key != "inferences_per_s"}
    latency = fields["latency"]
    return CellResult(**{**fields, "latency": Latency(**latency) if latency else None})


class LatencyFile:
    """Call times as CSV: label, repeat, kind (call, chunk mean or latency pass), seconds."""

    COLUMNS = "label,repeat,kind,seconds\n"

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, result: CellResult, kind: str, seconds: array[float]) -> None:
        """Append the times of one cell."""
        label = '"' + result.label.replace('"', '""') + '"'
        head = f"{label},{result.repeat or ''},{kind},"
        self._file.writelines(f"{head}{time:.9f}\n" for time in seconds)
