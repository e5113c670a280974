"""Joins logs into a recording: marks phases, and puts an idle log before that of the run.

Phases are energy over time between their edges, as in every run file; power is integrated by the
trapezoid. The published analysis of the ABR logs averages the rows of a window unweighted, which is
the same where they are evenly spaced: its table is reproduced to the printed digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recorders.phases import RUNNING
from recorders.source import Channel
from wattui.analysis.importers.abr import Window
from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    LogPhase,
    UnreadableError,
    in_segments,
    plural,
    printable,
)
from wattui.analysis.importers.samples import Samples
from wattui.analysis.importers.stamps import DATED_NS, OTHER_RUN_NS, one_run, stamp_text

# Starting and ending a logger disturbs an idle machine.
TRIM_ROWS = 20
# The gap between logs from different times.
JOIN_NS = SECOND_NS
# Phases begin with the log if it begins no later than this: stamps are truncated to seconds.
LATE_NS = SECOND_NS
ARMED_ROWS = 3
# Logs of fewer readings are not cut at both edges.
SHORTEST_CUT = 4
IDLE, ARMED = "idle", "armed"


@dataclass(frozen=True, slots=True)
class JoinedLogs:
    """Logs in the order of the run file, each with the time on its clock at which it begins there,
    and the nanoseconds since the recording's start at which that is. `old_idle` says how far an
    idle log of another time is from the run."""

    channels: tuple[Channel, ...]
    logs: tuple[Log, ...]
    starts_ns: tuple[int, ...]
    remarks: tuple[str, ...]
    old_idle: str = ""


def whole(log: Log, phase: str, label: str, inferences: int | None) -> Log:
    """The whole log as one phase; a log that has phases is unchanged."""
    if log.stretches:
        return log
    rows, log = len(log.samples), one_run(log)
    first_ns, last_ns = log.samples[0].time_ns, log.samples[-1].time_ns
    if first_ns == last_ns:
        raise UnreadableError(
            "its rows are not in the order of time: fix: sort them, oldest first"
            if len(log.samples) == 1 < rows
            else "all of its rows have the same time, so no time passes between them"
        )
    said = []
    if late := _lacks(log, 0, 1):
        first_ns = log.samples[1].time_ns
        said.append(f"the first reading lacks {late}: {phase} begins with the next")
    if early := _lacks(log, -1, -2):
        last_ns = log.samples[-2].time_ns
        said.append(f"the last reading lacks {early}: {phase} ends with the one before it")
    stretches = in_segments(log, LogPhase(phase, label, None, first_ns, last_ns, inferences))
    remark = f"the log contains no phases: all of it counts as {phase}" + _pauses(log)
    return replace(log, stretches=stretches, remarks=(*log.remarks, *said, remark))


def _lacks(log: Log, edge: int, inner: int) -> str:
    """The energies and powers that the reading at an edge of a log lacks, and its neighbour has:
    the log began or ended while devices were read in turn."""
    if len(log.samples) < SHORTEST_CUT:
        return ""
    at_edge, beside = log.samples[edge].values, log.samples[inner].values
    names = [channel.name for channel in log.channels if channel.is_energy]
    return ", ".join(name for name in names if name in beside and name not in at_edge)


def _pauses(log: Log) -> str:
    n = len(log.segments_ns)
    return f", except {plural(n, 'pause')} between its segments" if n else ""


def windowed(log: Log, window: Window) -> Log:
    """A log with its running phase, and the pause before it as armed. Raises UnreadableError."""
    start_ns, end_ns = window.start_ns, window.end_ns
    log = one_run(log, start_ns, end_ns)
    n = window.inferences
    said = [*window.remarks]
    before = sum(sample.time_ns < start_ns for sample in log.samples)
    after = sum(sample.time_ns > end_ns for sample in log.samples)
    inside = len(log.samples) - before - after
    if not inside:
        raise UnreadableError(
            f"the window is empty: no row from {stamp_text(start_ns)} to {stamp_text(end_ns)}"
        )
    said.append(
        f"{plural(before, 'row')} before the window and {plural(after, 'row')} after it are kept, "
        "but do not count as running"
    )
    if not log.by_hand:
        late_ns = max(0, log.samples[0].time_ns - start_ns)
        early_ns = max(0, end_ns - log.samples[-1].time_ns)
        start_ns, end_ns = start_ns + late_ns, end_ns - early_ns
        if start_ns >= end_ns:
            raise UnreadableError("the window is too short: it contains only one row of the log")
        if late_ns or early_ns:
            said.append(
                f"the log begins {late_ns / SECOND_NS:g} s after the window and ends "
                f"{early_ns / SECOND_NS:g} s before it: running is cut to the log"
            )
        if n is not None and max(late_ns, early_ns) > LATE_NS:
            said.append(
                f"{plural(n, 'inference')} {'was' if n == 1 else 'were'} counted in the whole "
                "window: joules per inference are left out"
            )
            n = None
    running = LogPhase(RUNNING, window.label, None, start_ns, end_ns, n)
    armed, remark = _armed(log, window)
    stretches = (*([armed] if armed else []), *in_segments(log, running))
    return replace(
        log, stretches=stretches, remarks=(*log.remarks, *said, *([remark] if remark else []))
    )


def _armed(log: Log, window: Window) -> tuple[LogPhase | None, str]:
    """The pause before the loop, if the log has rows from its first second to its last."""
    if not window.pause_ns:
        return None, ""
    start_ns, pause_ns = window.start_ns, window.pause_ns
    times_ns = [s.time_ns for s in log.samples if start_ns - pause_ns <= s.time_ns < start_ns]
    told = f"the {pause_ns // SECOND_NS} s before start_time"
    covered = (
        len(times_ns) >= ARMED_ROWS
        and times_ns[0] <= start_ns - pause_ns + SECOND_NS
        and times_ns[-1] >= start_ns - SECOND_NS
    )
    if log.by_hand or not covered:
        return None, f"no armed phase: the log does not cover all of {told}"
    return (
        LogPhase(ARMED, window.label, None, times_ns[0], times_ns[-1]),
        f"armed is {told}, when the program waited with its model loaded "
        f"({plural(len(times_ns), 'row')}); start_time is truncated to seconds, so the first of "
        "them may still be loading",
    )


def baseline(log: Log) -> Log:
    """An idle log as the idle phase, without 20 rows at both ends. Raises UnreadableError."""
    if log.per_phase:
        raise UnreadableError("it has one row per run: fix: use a log of readings over time")
    log = one_run(log)
    last_line = log.last_line - TRIM_ROWS
    kept = Samples(each for each in log.samples if TRIM_ROWS + 1 < each.line <= last_line)
    if len(kept) < 2 or kept[0].time_ns == kept[-1].time_ns:
        raise UnreadableError(
            f"too short for an idle baseline: the first and last {TRIM_ROWS} rows are left out"
        )
    first_ns, last_ns = kept[0].time_ns, kept[-1].time_ns
    stretch = LogPhase(IDLE, "", None, first_ns, last_ns)
    edges = (
        "left out, because starting and stopping the logger disturbs them: the first and last "
        f"{TRIM_ROWS} rows, with {plural(len(log.samples) - len(kept), 'reading')}"
    )
    when = (f"begun {stamp_text(first_ns)}",) if first_ns > DATED_NS else ()
    remarks = tuple(f"idle log: {said}" for said in (*when, *log.remarks, edges))
    log = replace(log, samples=kept)
    return replace(log, stretches=in_segments(log, stretch), remarks=remarks)


def joined(logs: Sequence[Log]) -> JoinedLogs:
    """Logs one after the other on one time axis, a second apart, whenever they were made."""
    channels = {channel.name: channel for log in logs for channel in log.channels}
    starts_ns: list[int] = []
    at_ns = 0
    for log in logs:
        starts_ns.append(at_ns)
        at_ns += _last_ns(log) - first_ns(log) + JOIN_NS
    remarks = [remark for log in logs for remark in log.remarks]
    if len(logs) > 1:
        remarks.append("logs from different times are placed one after the other, a second apart")
    old_idle = _distant(logs[0], logs[1]) if len(logs) > 1 else ""
    remarks += [old_idle] if old_idle else []
    return JoinedLogs(
        tuple(channels.values()),
        tuple(logs),
        tuple(starts_ns),
        tuple(dict.fromkeys(map(printable, remarks))),
        old_idle,
    )


def _distant(idle: Log, run: Log) -> str:
    """A remark on an idle log from another time of day: a machine's idle level drifts."""
    before_ns, after_ns = first_ns(run) - _last_ns(idle), first_ns(idle) - _last_ns(run)
    apart_ns = max(before_ns, after_ns)
    dated = first_ns(idle) > DATED_NS and idle.utc == run.utc
    if not dated or idle.stretches[0].phase != IDLE or apart_ns < OTHER_RUN_NS:
        return ""
    when = "before" if before_ns > after_ns else "after"
    hours = apart_ns / OTHER_RUN_NS
    return f"the idle log was made {hours:,.1f} h {when} the run: the idle level may have drifted"


def first_ns(log: Log) -> int:
    """The earliest time of a log."""
    return min([log.samples[0].time_ns, *(stretch.start_ns for stretch in log.stretches)])


def _last_ns(log: Log) -> int:
    return max([log.samples[-1].time_ns, *(stretch.end_ns for stretch in log.stretches)])
