"""Shows the progress of a workload: one line on a terminal's stderr."""

from __future__ import annotations

import sys
import time
from array import array

from workloads.files import LatencyFile
from workloads.report import duration
from workloads.result import CellResult
from workloads.shown import printable


class ProgressLine:
    """Shows the current phase on one line of a terminal's stderr; records call times."""

    def __init__(self, cells: int, latencies: LatencyFile | None) -> None:
        self._cells = cells
        self._done = 0
        self._latencies = latencies
        self._shows = sys.stderr.isatty()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def begins(self, what: str, label: str, seconds: float) -> None:
        """Show the phase that begins."""
        if self._shows:
            until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
            ends = f" · {duration(seconds)}, until {until}" if seconds >= 1 else ""
            place = f"[{min(self._done + 1, self._cells)}/{self._cells}]"
            sys.stderr.write(f"\r\x1b[2K{place} {what} {printable(label)}{ends}")
            sys.stderr.flush()

    def took(self, result: CellResult, kind: str, seconds: array[float]) -> None:
        """Write the times, if requested."""
        if self._latencies is not None:
            self._latencies.add(result, kind, seconds)

    def ended(self, result: CellResult) -> None:
        """Make room for the cell's row."""
        self._done += 1
        self._clear()

    def _clear(self) -> None:
        if self._shows:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
