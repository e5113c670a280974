"""Time stamps of logs: parsed, sorted, and spread if several rows share one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, compress, groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    Omissions,
    UnreadableError,
    plural,
)
from wattui.analysis.importers.samples import LINE, MOST_NS, TIME, Sample, Samples

if TYPE_CHECKING:
    import polars as pl

# After a longer pause, or a step back in time, the rows belong to another run.
OTHER_RUN_NS = 3600 * SECOND_NS
# Other runs named in remarks; the rest are only counted.
SHOWN_RUNS = 5
# Clocks that count from 0 give no date.
DATED_NS = 366 * 86400 * SECOND_NS
_EPOCH = datetime(1970, 1, 1)
_STAMP = re.compile(
    r"\s*(\d{4})[-/](\d\d?)[-/](\d\d?)[ _T](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?:\s?(Z|[+-]\d\d:?\d\d))?\s*"
)
_DAY_FIRST = re.compile(r"\s*(\d\d?)[-./](\d\d?)[-./](\d{4}) +(\d.*)")
_MONTHS = 12
_BEFORE_LINE = re.compile(
    r"\s*(\d{4}[-/]\d\d?[-/]\d\d?[ _T]\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
    r"[\s,;]+(.*)"
)
# A stamp with a fraction of a second: what is before it, the fraction, and what is after it.
_FRACTION = r"^(.*:[0-9]{2}:[0-9]{2}|\s*[0-9]{10})[.,]([0-9]{1,9})(\s?(?:Z|[+-][0-9:]+)?\s*)$"
_ZONE = re.compile(r":\d.*[+-]\d\d:?\d\d\s*$")
# Since 1970, by their length: seconds with or without a fraction, milli-, micro-, nanoseconds.
_SINCE_1970 = re.compile(r"\s*(\d{10}|\d{13}|\d{16}|\d{19})(?:[.,](\d{1,9}))?\s*")


def stamp_ns(text: str) -> int | None:
    """A date and time of day, as nanoseconds on the clock that wrote it; None for anything else.

    A time with a zone (`Z`, `+08:00`) and a time since 1970 are in UTC; see `Clock`.
    """
    if since := _SINCE_1970.fullmatch(text):
        unit_ns = int(10 ** (19 - len(since[1])))
        fraction_ns = int((since[2] or "").ljust(9, "0")) * unit_ns // SECOND_NS
        return _possible(int(since[1]) * unit_ns + fraction_ns)
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
    return _possible(whole_ns + fraction_ns - _ahead_ns(found[8] or "Z"))


def _possible(time_ns: int) -> int | None:
    return time_ns if abs(time_ns) <= MOST_NS else None


class Clock:
    """Reads the stamps of a log; `utc`: all so far have a zone or count since 1970."""

    def __init__(self) -> None:
        self.has_read = self._local = False

    @property
    def utc(self) -> bool:
        """Whether its times are in UTC."""
        return self.has_read and not self._local

    def time_ns(self, text: str) -> int | None:
        """See `stamp_ns`."""
        time_ns = stamp_ns(text)
        if time_ns is not None and not self._local:
            self.has_read = True
            self._local = not _is_utc(text)
        return time_ns

    def times_ns(self, texts: pl.Series) -> pl.Series:
        """The times of many stamps; null for anything else. Stamps that differ only in the fraction
        of a second are read once."""
        import polars as pl

        parts = texts.str.extract_groups(_FRACTION).struct.unnest()
        found = pl.DataFrame([texts.alias("text"), *parts.get_columns()]).select(
            pl.when(pl.col("2").is_null()).then("text").otherwise(pl.col("1") + pl.col("3")),
            pl.col("2").str.pad_end(9, "0").cast(pl.Int64).fill_null(0).alias("fraction_ns"),
        )
        wholes = found["text"].to_list()
        known = {whole: self.time_ns(whole) for whole in dict.fromkeys(wholes)}
        return pl.Series([known[whole] for whole in wholes], dtype=pl.Int64) + found["fraction_ns"]


def in_ns(counts: pl.Series, unit_ns: float) -> pl.Series:
    """Counts of a unit of time as nanoseconds."""
    import polars as pl

    rounded = [None if count is None else round(count * unit_ns) for count in counts.to_list()]
    return pl.Series(rounded, dtype=pl.Int64)


class DayFirstClock(Clock):
    """Reads stamps that begin with the day, as 13.9.2026 12:00:00, or with the month: the first
    one that is no month is a day, from then on."""

    is_day_first = True

    def time_ns(self, text: str) -> int | None:
        """See `stamp_ns`; the times are local."""
        found = _DAY_FIRST.fullmatch(text)
        if not found:
            return super().time_ns(text)
        first, second, year, time = found.groups()
        if int(second if self.is_day_first else first) > _MONTHS:
            self.is_day_first = not self.is_day_first
        day, month = (first, second) if self.is_day_first else (second, first)
        return super().time_ns(f"{year}-{month}-{day} {time}")


class MonthFirstClock(DayFirstClock):
    """Reads stamps as 09-13-2026 12:00:00."""

    is_day_first = False


def stamped(line: str) -> tuple[int | None, str]:
    """The time that `ts` wrote before a line, if any, and the line."""
    found = _BEFORE_LINE.match(line)
    return (stamp_ns(found[1]), found[2]) if found else (None, line)


def _is_utc(stamp: str) -> bool:
    return bool(_SINCE_1970.fullmatch(stamp) or stamp.rstrip()[-1:] == "Z" or _ZONE.search(stamp))


def _ahead_ns(zone: str) -> int:
    """How far a zone is ahead of UTC: `Z`, `+08:00` or `-0330`."""
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-1 if zone[0] == "-" else 1) * minutes * 60 * SECOND_NS


def stamp_text(time_ns: int) -> str:
    """The date and time of day of a moment, to the second."""
    return str(_EPOCH + timedelta(seconds=time_ns // SECOND_NS))


def in_order(blocks: Iterable[pl.DataFrame], left_out: Omissions) -> Samples:
    """The samples without single ones whose time is not between those of their neighbours."""
    return Samples.of_blocks(_in_order(blocks, left_out))


def _in_order(blocks: Iterable[pl.DataFrame], left_out: Omissions) -> Iterator[pl.DataFrame]:
    before_ns: int | None = None
    for found, after in pairwise(chain((each for each in blocks if each.height), [None])):
        assert found is not None
        block = found
        times = block[TIME]
        after_ns = times[-1] if after is None else after[TIME][0]
        first_ns = times[0] if before_ns is None else before_ns
        if not (times.is_sorted() and first_ns <= times[0] and times[-1] <= after_ns):
            kept = list(_between_neighbours([*times.to_list(), after_ns], before_ns))
            for line in compress(block[LINE].to_list(), (not each for each in kept)):
                left_out.add("a time out of order", line)
            block = block.filter(kept)
        if block.height:
            before_ns = block[TIME][-1]
            yield block


def _between_neighbours(times_ns: Sequence[int], before_ns: int | None) -> Iterator[bool]:
    """Whether each time but the last one stays: it is between the one before that stayed and the
    one after it, or these two are not in order themselves."""
    for time_ns, after_ns in pairwise(times_ns):
        first_ns = time_ns if before_ns is None else before_ns
        stays = not first_ns <= after_ns or first_ns <= time_ns <= after_ns
        if stays:
            before_ns = time_ns
        yield stays


class _Run(NamedTuple):
    """Samples from one place up to another, of one run."""

    start: int
    end: int
    first_ns: int
    last_ns: int

    def __str__(self) -> str:
        rows = plural(self.end - self.start, "row")
        return f"{rows} from {stamp_text(self.first_ns)} to {stamp_text(self.last_ns)}"


def one_run(log: Log, start_ns: int | None = None, end_ns: int | None = None) -> Log:
    """The log with the rows of one run: the one between two times, else the longest.

    Raises UnreadableError if there is no row between them.
    """
    samples = Samples.of(log.samples)
    runs = list(_runs(samples.times_ns()))
    if not runs:
        first = f": {log.first_bad}" if log.first_bad else ""
        raise UnreadableError(f"it has no row with a time and a reading{first}")
    if start_ns is None or end_ns is None:
        chosen = max(runs, key=_length)
    else:
        inside = [r for r in runs if r.first_ns <= end_ns and r.last_ns >= start_ns]
        if not inside:
            raise UnreadableError(
                f"it has no row from {stamp_text(start_ns)} to {stamp_text(end_ns)}: its rows "
                f"are from {stamp_text(runs[0].first_ns)} to "
                f"{stamp_text(runs[-1].last_ns)}: fix: use the log of this run"
            )
        chosen = max(inside, key=_length)
    others = [run for run in runs if run is not chosen]
    remarks = [f"left out, times of another run: {run}" for run in others[:SHOWN_RUNS]]
    if more := others[SHOWN_RUNS:]:
        rows = plural(sum(map(_length, more)), "row")
        remarks.append(f"left out, times of {plural(len(more), 'more run')}: {rows}")
    samples = samples.part(chosen.start, chosen.end)
    return _spread(replace(log, samples=samples, remarks=(*log.remarks, *remarks)))


def _length(run: _Run) -> int:
    return run.end - run.start


def _runs(times_ns: Iterable[int]) -> Iterator[_Run]:
    start, first_ns, last_ns, place = 0, 0, None, 0
    for place, time_ns in enumerate(times_ns):
        if last_ns is None:
            first_ns = time_ns
        elif not 0 <= time_ns - last_ns <= OTHER_RUN_NS:
            yield _Run(start, place, first_ns, last_ns)
            start, first_ns = place, time_ns
        last_ns = time_ns
    if last_ns is not None:
        yield _Run(start, place + 1, first_ns, last_ns)


def _spread(log: Log) -> Log:
    """Rows that share a stamp, spread evenly over its second or up to the next time stamp."""
    if not log.spread:
        return log
    times_ns = Samples.of(log.samples).times_ns()
    most = max(sum(1 for _ in group) for _, group in groupby(times_ns))
    if most == 1:
        return log
    second = log.spread == "second"
    over = "over that second" if second else "up to the next time stamp"
    remark = f"up to {most} rows share one time stamp: they were spread evenly {over}"
    samples = Samples(_evenly(log.samples, second))
    return replace(log, samples=samples, remarks=(*log.remarks, remark))


def _by_stamp(samples: Iterable[Sample]) -> Iterator[tuple[int, Iterator[Sample]]]:
    return groupby(samples, key=lambda sample: sample.time_ns)


def _evenly(samples: Iterable[Sample], second: bool) -> Iterator[Sample]:
    """Rows that share a stamp, up to the next, or within a second."""
    groups = (list(group) for _, group in _by_stamp(samples))
    for group, after in pairwise(chain(groups, [[]])):
        step_ns = after[0].time_ns - group[0].time_ns if after else SECOND_NS * second
        step_ns = min(step_ns, SECOND_NS) if second else step_ns
        for place, sample in enumerate(group):
            yield sample._replace(time_ns=sample.time_ns + place * step_ns // len(group))
