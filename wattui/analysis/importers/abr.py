"""Runs of the ABR keyword-spotter benchmark (2018): a log, and metadata of the same stem.

The metadata has `start_time` and `end_time` of the loop on the clock of the log, to the second;
`n_seconds` is the requested time. The program pauses with the model loaded before the loop. The
metadata of Loihi has microseconds, no `n_seconds`, and is of another program, whose pause is not
known. The authors' analysis leaves out 20 rows at both ends of an idle log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wattui.analysis.importers.log import SECOND_NS, UnreadableError
from wattui.analysis.importers.stamps import stamp_ns

NAME = "ABR"
PAUSE_S = 5
# Two figures for the same thing may differ by this much after rounding.
SAME = 1e-6
MOST_COUNTED = 1e15


@dataclass(frozen=True, slots=True)
class Window:
    """When a run was running, on its log's clock, and the pause before it."""

    start_ns: int
    end_ns: int
    label: str
    inferences: int | None
    pause_ns: int = 0
    remarks: tuple[str, ...] = ()


def metadata(text: str) -> dict[str, Any] | None:
    """The metadata of a run, or None if this is something else."""
    try:
        found = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "start_time" in found else None


def window(found: Mapping[str, Any], stem: str) -> Window:
    """The running phase given by the metadata. Raises UnreadableError."""
    start_ns, end_ns = _time_ns(found, "start_time"), _time_ns(found, "end_time")
    if end_ns <= start_ns:
        raise UnreadableError(
            f"its metadata has an empty window: end_time {found['end_time']} is not after "
            f"start_time {found['start_time']}"
        )
    seconds = (end_ns - start_ns) / SECOND_NS
    told = found.get("n_inferences")
    n = _count(told)
    is_whole = start_ns % SECOND_NS == end_ns % SECOND_NS == 0
    has_pause = "n_seconds" in found
    remarks = [
        f"running is start_time to end_time, {seconds:g} s"
        + (", both truncated to whole seconds" if is_whole else "")
        + (f"; the requested time, n_seconds, is {found['n_seconds']}" if has_pause else "")
    ]
    if n is None:
        remarks.append(f"n_inferences {told!r} is not a count: there are no joules per inference")
    elif rate := _other_rate(found, n / seconds):
        remarks.append(rate)
    pause_ns = PAUSE_S * SECOND_NS if has_pause else 0
    return Window(start_ns, end_ns, stem, n, pause_ns, tuple(remarks))


def idle_stems(found: Mapping[str, Any], stem: str) -> tuple[str, str]:
    """The names of a run's idle log, without extension, the best first: that of the run itself, and
    that of its hardware."""
    return stem, f"{str(found.get('hardware', '')).lower()}_idle"


def _count(told: object) -> int | None:
    """A number of inferences: a whole number above 0, also one written as 5000.0."""
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 < told < MOST_COUNTED:
        return None
    return int(told) if told == int(told) else None


def _time_ns(found: Mapping[str, Any], key: str) -> int:
    time_ns = stamp_ns(str(found.get(key, "")))
    if time_ns is None:
        raise UnreadableError(
            f"its metadata has no valid {key} (example: 2018-09-15_19:48:23): {found.get(key)!r}"
        )
    return time_ns


def _other_rate(found: Mapping[str, Any], per_s: float) -> str | None:
    rate = found.get("inf_per_second")
    if not isinstance(rate, (int, float)) or abs(rate - per_s) <= SAME * per_s:
        return None
    return f"inf_per_second {rate:g} differs from n_inferences over the elapsed time, {per_s:.2f}"
