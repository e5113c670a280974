"""Time stamps of logs: parsed, sorted, and spread if several rows share one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    Omissions,
    Sample,
    UnreadableError,
    plural,
)

# After a longer pause, or a step back in time, the rows belong to another run.
OTHER_RUN_NS = 3600 * SECOND_NS
# Clocks that count from 0 give no date.
DATED_NS = 366 * 86400 * SECOND_NS
_EPOCH = datetime(1970, 1, 1)
_STAMP = re.compile(
    r"\s*(\d{4})[-/](\d\d?)[-/](\d\d?)[ _T](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?:\s?(Z|[+-]\d\d:?\d\d))?\s*"
)
_ZONE = re.compile(r":\d.*[+-]\d\d:?\d\d\s*$")
# Since 1970, by their length: seconds with or without a fraction, milli-, micro-, nanoseconds.
_SINCE_1970 = re.compile(r"\s*(\d{10}|\d{13}|\d{16}|\d{19})(?:[.,](\d{1,9}))?\s*")


def stamp_ns(text: str) -> int | None:
    """A date and time of day, as nanoseconds on the clock that wrote it; None for anything else.

    A time with a zone (`Z`, `+08:00`) and a time since 1970 are in UTC; see `are_utc`.
    """
    if since := _SINCE_1970.fullmatch(text):
        unit_ns = int(10 ** (19 - len(since[1])))
        return int(since[1]) * unit_ns + int((since[2] or "").ljust(9, "0")) * unit_ns // SECOND_NS
    found = _STAMP.fullmatch(text)
    if not found:
        return None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    whole_ns = (moment - _EPOCH) // timedelta(seconds=1) * SECOND_NS
    fraction_ns = int((found[7] or "").ljust(9, "0"))
    return whole_ns + fraction_ns - _ahead_ns(found[8] or "Z")


def are_utc(texts: Iterable[str]) -> bool:
    """Whether all stamps among these texts have a zone or count since 1970."""
    stamps = [text for text in texts if stamp_ns(text) is not None]
    return bool(stamps) and all(
        _SINCE_1970.fullmatch(text) or text.rstrip()[-1:] == "Z" or _ZONE.search(text)
        for text in stamps
    )


def _ahead_ns(zone: str) -> int:
    """How far a zone is ahead of UTC: `Z`, `+08:00` or `-0330`."""
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-1 if zone[0] == "-" else 1) * minutes * 60 * SECOND_NS


def stamp_text(time_ns: int) -> str:
    """The date and time of day of a moment, to the second."""
    return str(_EPOCH + timedelta(seconds=time_ns // SECOND_NS))


def in_order(samples: Sequence[Sample], left_out: Omissions) -> list[Sample]:
    """The samples without single ones whose time is not between those of their neighbours."""
    kept: list[Sample] = []
    for place, sample in enumerate(samples):
        before_ns = kept[-1].time_ns if kept else sample.time_ns
        after_ns = samples[place + 1].time_ns if place + 1 < len(samples) else sample.time_ns
        if before_ns <= after_ns and not before_ns <= sample.time_ns <= after_ns:
            left_out.add("a time out of order", sample.line)
        else:
            kept.append(sample)
    return kept


def one_run(log: Log, start_ns: int | None = None, end_ns: int | None = None) -> Log:
    """The log with the rows of one run: the one between two times, else the longest.

    Raises UnreadableError if there is no row between them.
    """
    runs = list(_runs(log.samples))
    if not runs:
        raise UnreadableError("it has no row with a time and a reading")
    if start_ns is None or end_ns is None:
        chosen = max(runs, key=len)
    else:
        inside = [r for r in runs if r[0].time_ns <= end_ns and r[-1].time_ns >= start_ns]
        if not inside:
            raise UnreadableError(
                f"it has no row from {stamp_text(start_ns)} to {stamp_text(end_ns)}: its rows "
                f"are from {stamp_text(runs[0][0].time_ns)} to "
                f"{stamp_text(runs[-1][-1].time_ns)}: fix: use the log of this run"
            )
        chosen = max(inside, key=len)
    remarks = [
        f"left out, times of another run: {plural(len(run), 'row')} from "
        f"{stamp_text(run[0].time_ns)} to {stamp_text(run[-1].time_ns)}"
        for run in runs
        if run is not chosen
    ]
    return _spread(replace(log, samples=tuple(chosen), remarks=(*log.remarks, *remarks)))


def _runs(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    run: list[Sample] = []
    for sample in samples:
        if run and not 0 <= sample.time_ns - run[-1].time_ns <= OTHER_RUN_NS:
            yield run
            run = []
        run.append(sample)
    if run:
        yield run


def _spread(log: Log) -> Log:
    """Rows that share a stamp, spread evenly over its second or up to the next time stamp."""
    if not log.spread:
        return log
    groups = [list(group) for _, group in groupby(log.samples, key=lambda s: s.time_ns)]
    most = max(len(group) for group in groups)
    if most == 1:
        return log
    steps_ns = [b[0].time_ns - a[0].time_ns for a, b in pairwise(groups)]
    second = log.spread == "second"
    if second:
        steps_ns = [min(step_ns, SECOND_NS) for step_ns in steps_ns]
    steps_ns.append(SECOND_NS if second else 0)
    samples = [
        sample._replace(time_ns=sample.time_ns + place * step_ns // len(group))
        for group, step_ns in zip(groups, steps_ns, strict=True)
        for place, sample in enumerate(group)
    ]
    over = "over that second" if second else "up to the next time stamp"
    remark = f"up to {most} rows share one time stamp: they were spread evenly {over}"
    return replace(log, samples=tuple(samples), remarks=(*log.remarks, remark))
