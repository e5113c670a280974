"""The recorder: the sampling loop that reads sources, writes rows and changes phases."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from recorders import process_table, rows
from recorders.at_once import read_at_once
from recorders.channel_state import Feed
from recorders.clock import Clock
from recorders.counts import Counts
from recorders.edges import Quiet
from recorders.inbox import Inbox, Request
from recorders.journal import Journal
from recorders.marks import CountPages
from recorders.phases import Edge, Phase, where_of
from recorders.publisher import Publisher
from recorders.source import (
    CountsCommand,
    HasNews,
    Retry,
    Source,
    WatchesCommand,
)
from recorders.summary.by_hand import HandReading
from recorders.summary.located import LOCATED, located_text
from recorders.summary.reduction import EDGES, GAP, NOTE, Reduction
from recorders.summary.target import SoFar, so_far
from recorders.texts import OwnNote
from recorders.ticker import Ticker
from recorders.undo import Mark, Position
from recorders.wire import Message
from recorders.worker import Answer, ReadResult
from recorders.writer import Writer

# Readings further apart than this do not share a row.
APART_NS = 2_000_000
FLUSH_NS = 500_000_000
# Ticks this close need no wakeup of their own between them for passing on rows.
OFTEN_NS = 125_000_000
# Requests get this much time between ticks even if the reads of a tick take longer than its period.
REQUESTS_NS = 500_000
WAKE_S = 0.5
# By this long after a tick, most sources have been read.
SHOW_NS = 30_000_000

Send = Callable[[Message], None]
RequestHandler = Callable[[Request], Message | None]


class Recorder:
    """Samples until told to stop. `send` reaches the front end; `edge_ns` is when the counters were
    read at the last edge."""

    def __init__(
        self,
        sources: Sequence[Source],
        layout: rows.Layout,
        file: Writer | None,
        pages: CountPages,
        inbox: Inbox,
        clock: Clock,
        rate_hz: float,
        send: Send,
        follows: bool = False,
        processes: process_table.ProcessTable | None = None,
    ) -> None:
        self._layout = layout
        self._processes = processes
        self._journal = Journal(layout, file, clock, send, follows)
        self._send, self._follows = send, follows
        self._pages = pages
        self._inbox = inbox
        self._clock = clock
        self._feeds = [Feed(source, layout) for source in sources]
        self._direct = [f for f in self._feeds if f.worker is None and not f.own_time]
        # Their readings have come by themselves, so none is made for an edge.
        self._by_themselves = [feed for feed in self._feeds if feed.own_time]
        self._workers = [(feed, feed.worker) for feed in self._feeds if feed.worker is not None]
        self._meters = [meter for feed in self._feeds for meter in feed.meters]
        self._pending: rows.Row | None = None
        self._happened: list[str] = []
        self._rate_hz = rate_hz
        self._feed_ns = 0
        self._feed_due_ns = 0
        self._show_ns = 0
        self._flush_due_ns = 0
        self._stopping = self._waits = False
        self._end_ns = 0
        self._looked: list[rows.Row] = []
        self.edge_ns = 0
        self._quiet: dict[int, Send] = {}
        self.edge([], None)
        self._start_cpu_s = time.process_time()
        self._ticker = Ticker(rate_hz, clock.start_ns)
        self._ticker.tick(clock.start_ns)
        self._first_notes()

    # ------------------------------------------------------------ the loop

    def run(self, handle: RequestHandler) -> None:
        """Sample and pass requests to `handle` until `stop`; None is answered later."""
        while not self._stopping or (self._waits and self._clock.monotonic_ns() < self._end_ns):
            due_ns = min(self._ticker.deadline_ns, self._show_ns or sys.maxsize)
            if self._ticker.period_ns > OFTEN_NS:
                due_ns = min(due_ns, self._flush_due_ns)
            if self._waits:
                due_ns = math.ceil(min(due_ns, *(feed.look_due_ns for feed in self._feeds)))
            now_ns = self._clock.monotonic_ns()
            until_ns = max(due_ns, now_ns + REQUESTS_NS)
            for request in self._inbox.wait(min((due_ns - now_ns) * 1e-9, WAKE_S)):
                if (reply := handle(request)) is not None:
                    request.answer(reply)
                if self._clock.monotonic_ns() >= until_ns:
                    break
            now_ns = self._clock.monotonic_ns()
            if now_ns >= self._ticker.deadline_ns:
                self._tick(now_ns)
            elif self._show_ns and now_ns >= self._show_ns:
                self._show_row()
            if self._waits:
                self._look(now_ns)
            if now_ns >= self._flush_due_ns:
                self._save(now_ns)

    def stop(self) -> None:
        """End the loop, once the energies at the last edges are known."""
        self._stopping = True
        for feed in self._by_themselves:
            self._note_periods(feed)
        patience_ns = max((feed.patience_ns for feed in self._feeds), default=0)
        self._end_ns = self._clock.monotonic_ns() + patience_ns

    def close(self) -> None:
        """Write the last rows and close the sources."""
        if any(meter.is_held for meter in self._meters):
            self.edge([(f"{NOTE}{OwnNote.READ_AGAIN}", None)], None)
        for meter in self._meters:
            self._happened += meter.give_up(self._clock.start_ns)
        for name, n in self._pages.counted_elsewhere().items():
            self._happened.append(f"{NOTE}{OwnNote.COUNTED_ELSEWHERE} {name} {n}")
        self._tell_edges(self._feeds)
        self._finish_pending()
        self._note_news()
        self._write_happened(self._clock.monotonic_ns())
        self.show_processes(False)
        for feed in self._feeds:
            feed.close()
        self._journal.flush()
        self._journal.end_page()

    def _tick(self, now_ns: int) -> None:
        self._notice_pause(now_ns)
        if self._waits:
            self._tell_edges(self._feeds)
        self._collect()
        taken = [self._row(now_ns, "")]
        for feed in (*self._direct, *self._by_themselves):
            if feed.is_due(now_ns):
                self._take(feed, feed.read(now_ns), taken)
        for row in taken[:-1]:
            self._journal.write(row)
        self._pending = taken[-1]
        self._show_ns = now_ns + SHOW_NS if self._feed_ns else 0
        self._ticker.tick(now_ns)
        # Start workers last, just before this thread sleeps, so that they do not compete.
        for feed, worker in self._workers:
            if feed.is_due(now_ns):
                worker.ask()
            if worker.calibrated and not feed.calibrated:
                feed.calibrated = True
                self._note_periods(feed)
        self._journal.rest()

    def _collect(self) -> None:
        """Put the workers' readings into the row waiting for them, and write it."""
        for feed, worker in self._workers:
            self._take_answers(feed, worker.results())
        self._finish_pending()

    def _take_answers(self, feed: Feed, answers: Sequence[Answer]) -> None:
        """Put a worker's readings into the row waiting for them, but not those of looks."""
        for asked, result in answers:
            if asked == "look":
                self._see(feed, result)
            else:
                self._fill(feed, result, self._pending)

    def _look(self, now_ns: int) -> None:
        """Look whether the counters have moved for whose moves an edge waits."""
        for feed in self._direct:
            if feed.look_due_ns <= now_ns:
                self._see(feed, feed.read(now_ns))
        for feed, worker in self._workers:
            if feed.waits:
                self._take_answers(feed, worker.results())
                if feed.look_due_ns <= now_ns:
                    worker.look()
        self._waits = any(feed.waits for feed in self._feeds)
        self._tell_edges([feed for feed in self._feeds if not feed.waits])
        if self._quiet and not any(meter.edges.is_watched for meter in self._meters):
            self._answer_quiet(now_ns)
        self._write_now()

    def watch_quiet(self, owner: int, answer: Send) -> None:
        """Watch the counters while a program is quiet, and answer once their powers are known.

        Raises ValueError if there is no counter that is refreshed in steps.
        """
        now_ns = self._clock.monotonic_ns()
        watched = [meter for meter in self._meters if meter.watch(now_ns)]
        if not watched:
            raise ValueError("no energy counter here is refreshed at known times")
        self._quiet[owner] = answer
        self._waits = True

    def forget_quiet(self, owner: int) -> None:
        """A program that was quiet is gone."""
        self._quiet.pop(owner, None)

    def _answer_quiet(self, now_ns: int) -> None:
        """Tell the programs that are quiet that the counters were watched, the slowest until now.

        The others may have been refreshed meanwhile: they are watched once more.
        """
        if stale := [meter for meter in self._meters if meter.edges.is_stale(now_ns)]:
            for meter in stale:
                meter.watch(now_ns)
            self._waits = True
            return
        quiet, self._quiet = self._quiet, {}
        moved = any(meter.edges.is_known_quiet for meter in self._meters)
        error = {} if moved else {"error": "no counter moved while the program waited"}
        for answer in quiet.values():
            answer({"t": "ack", **error})

    def _see(self, feed: Feed, result: ReadResult) -> None:
        """Take a look's readings; one that failed is left to the next tick, unless for good."""
        row = self._row(self._clock.monotonic_ns(), "")
        readings = feed.readings(result, row.time_ns)
        self._fill(feed, [each for each in readings if not isinstance(each.value, Retry)], row)
        # A power is given only once, so it needs a row.
        if any(row.cells[self._layout.place[m.channel.name] + 1] for m in feed.energies):
            self._looked.append(row)

    def _tell_edges(self, feeds: Sequence[Feed]) -> None:
        """Note the energies at edges that were found since the last time."""
        found: dict[int, list[str]] = {}
        for meter in (meter for feed in feeds for meter in feed.meters if meter.located):
            for at in meter.located:
                text = located_text(meter.channel.name, at.energy_j, at.plus_minus_j)
                found.setdefault(at.time_ns, []).append(text)
            meter.located.clear()
        for time_ns in sorted(found):
            time_text = rows.time_text(time_ns - self._clock.start_ns)
            self._happened.append(f"{LOCATED}{time_text} {' '.join(found[time_ns])}")

    def _show_row(self) -> None:
        """Write a complete row before the next tick, for live viewers."""
        self._show_ns = 0
        if not any(worker.is_reading for _, worker in self._workers):
            self._collect()

    def _save(self, now_ns: int) -> None:
        """Pass rows to the writer twice a second, however slow the ticks."""
        if self._pending and now_ns - self._pending.time_ns > FLUSH_NS:
            self._collect()
        for note in self._journal.flush():
            self.note(note)
        self._note_news()
        if self._processes and (table := self._processes.take()):
            self._send(table)
        if self._follows:
            pulse = {"t": "pulse", "at_ns": now_ns, "sampling": self.sampling()}
            self._send(pulse | self._journal.disk())
        self._flush_due_ns = now_ns + FLUSH_NS

    def edge(
        self,
        edges: Sequence[Edge],
        then: Phase | None,
        by_hand: HandReading | None = None,
        counts: Counts | None = None,
        quiet: Quiet = "",
        at_ns: int | None = None,
        hold: bool = False,
    ) -> Position:
        """Read every counter now and write a row for each (event, phase); `then` owns later rows.

        A manual reading `by_hand` goes into the same row; `counts` are those at the edge, if
        already taken; the machine is `quiet` before or after it. For the program the
        edge was at `at_ns`, or is until `settle` says when, if it is on `hold`. Returns the
        position of the first row.
        """
        if edges and (slept_s := self._clock.slept_s()):
            self._wake_up(slept_s)
        workers = [each for each in self._workers if each[0].is_read_at_edges or not edges]
        found = read_at_once(self._clock, self._direct, workers)
        for feed, answer in found.earlier:
            self._take_answers(feed, [answer])
        self._finish_pending()
        if not edges:
            self._clock.start(found.time_ns)
        row = self._row(found.time_ns, "")
        if counts is not None:
            row.counts = counts
        taken = [row]
        for feed, result in found.fresh:
            self._fill(feed, result, row)
        for feed, result in found.direct:
            self._take(feed, result, taken)
        if not edges:
            # What they showed last before the recording, which the first edge needs.
            for feed in self._by_themselves:
                self._take(feed, feed.read(found.time_ns), taken)
        self._read_wrapped(taken)
        if by_hand:
            row.set_by_hand(self._layout.place[by_hand.channel], by_hand.power_w)
        if any(event in EDGES for event, _ in edges):
            for meter in self._meters:
                meter.mark(row, quiet, at_ns and min(at_ns, row.time_ns), hold)
                self._waits = self._waits or meter.edges.waits
        self.edge_ns = row.time_ns
        position = self._journal.position()
        for event, phase in edges:
            row.event = event
            self._journal.enter(phase)
            self._journal.write(row)
        self._journal.enter(then)
        if not edges:
            self._journal.write(row)
        for later in taken[1:]:
            self._journal.write(later)
        self._write_happened(row.time_ns)
        return position

    def settle(self, time_ns: int, at_ns: int) -> bool:
        """Say when the edge that was read at `time_ns`, on hold, was for the program; False if it
        cannot have been then."""
        if not time_ns <= at_ns <= self._clock.monotonic_ns():
            return False
        for meter in self._meters:
            meter.settle(time_ns, at_ns)
        return True

    def block_text(self, begun_ns: int, ended_ns: int) -> str:
        """The `time_s` of the begin and the end of a program's block of code."""
        start_ns = self._clock.start_ns
        return f"{rows.time_text(begun_ns - start_ns)} {rows.time_text(ended_ns - start_ns)}"

    def _read_wrapped(self, taken: list[rows.Row]) -> None:
        """Read counters that may have wrapped again, so that the edge is known and not bridged."""
        for feed in self._direct:
            wrapped = {n for n, meter in enumerate(feed.meters) if meter.may_have_wrapped}
            if wrapped:
                now_ns = self._clock.monotonic_ns()
                again = feed.readings(feed.read(now_ns), now_ns)
                self._take(feed, [r for r in again if r.channel in wrapped], taken)

    def _take(
        self,
        feed: Feed,
        result: ReadResult,
        taken: list[rows.Row],
        apart_ns: int = APART_NS,
    ) -> None:
        """Put readings into the last row, starting another for readings taken later."""
        row, meters, start_ns = taken[-1], feed.meters, self._clock.start_ns
        for reading in feed.readings(result, row.time_ns):
            if reading.time_ns - row.time_ns > apart_ns:
                row = self._row(reading.time_ns, "")
                taken.append(row)
            if told := meters[reading.channel].take(reading, row, start_ns):
                self._happened += told

    def _fill(self, feed: Feed, result: ReadResult, row: rows.Row | None) -> None:
        """Put a worker's readings into a row waiting for them."""
        row = row or self._row(self._clock.monotonic_ns(), "")
        self._take(feed, result, [row], apart_ns=sys.maxsize)

    def _notice_pause(self, now_ns: int) -> None:
        """Write gaps if the machine was suspended or the recorder stopped."""
        late_ns = now_ns - self._ticker.deadline_ns
        if slept_s := self._clock.slept_s():
            self._wake_up(slept_s)
        elif late_ns > max(10**9, 3 * self._ticker.period_ns):
            self._happened += self._gaps()

    def _wake_up(self, slept_s: float) -> None:
        for feed in self._feeds:
            feed.forget()
        self._happened.append(f"{NOTE}{OwnNote.SUSPENDED} for {slept_s:.1f} s")
        self._happened += self._gaps()

    def _gaps(self) -> list[str]:
        found = (m for m in self._meters if m.channel.is_energy and not m.gone)
        return [f"{GAP}{meter.channel.name}" for meter in found]

    # ------------------------------------------------------------ rows

    def _row(self, time_ns: int, event: str) -> rows.Row:
        return rows.Row(time_ns, event, self._pages.totals(), self._layout.width)

    def _finish_pending(self) -> None:
        row, self._pending = self._pending, None
        if row is not None:
            self._journal.write(row)
            self._write_happened(row.time_ns)
            if self._feed_ns and row.time_ns >= self._feed_due_ns:
                self._feed_due_ns = row.time_ns + self._feed_ns
                self._journal.send_row(row)
        self._write_looked()

    def _write_looked(self) -> None:
        """Write the rows of looks, which are later than the row that was waiting."""
        looked, self._looked = self._looked, []
        for row in looked:
            self._journal.write(row)

    def _write_now(self) -> None:
        """Write what happened, unless a row waits, which would be earlier."""
        if self._pending is None:
            self._write_looked()
            self._write_happened(self._clock.monotonic_ns())

    def _write_happened(self, time_ns: int) -> None:
        if self._happened:
            happened, self._happened = self._happened, []
            for event in happened:
                self._journal.write(self._row(time_ns, event))

    def _first_notes(self) -> None:
        for feed in self._feeds:
            for meter in feed.meters:
                for remark in meter.channel.remarks:
                    self.note(f"{remark} {meter.channel.name}")
            self._note_periods(feed)

    def _note_periods(self, feed: Feed) -> None:
        """Note the update periods of a source if they are known and not noted yet."""
        noted, periods = dict(feed.periods_s), feed.learn()
        if periods and periods != noted:
            parts = (f"{name}={period:.6f}" for name, period in periods.items())
            self.note(" ".join([OwnNote.UPDATE_PERIODS, *parts]))

    def _note_news(self) -> None:
        """Note what sources have to say."""
        for feed in self._feeds:
            if isinstance(feed.source, HasNews):
                for text in feed.source.news():
                    self.note(text)

    def note(self, text: str) -> None:
        """Write a note at this moment."""
        self._happened.append(f"{NOTE}{text}")
        self._write_now()

    def tell_repeat(self, text: str, is_last: bool) -> None:
        """Note how well a repeated phase is known, for the front end to show."""
        self.note(f"{OwnNote.UNTIL_TARGET} {text}")
        self._send({"t": "repeat", "text": text, "is_last": is_last})

    def position(self) -> Position:
        """Where the next row will be."""
        self._finish_pending()
        self._write_now()
        return self._journal.position()

    def rename_running_since(self, position: Position) -> None:
        """Rename running rows since then to loading; see `RunFile.rename_running_since`."""
        self._finish_pending()
        self._journal.rename_running_since(position)

    def undo(self, mark: Mark) -> None:
        """Undo a mark, as if it had never been made; raises ValueError if that is impossible."""
        self._journal.undo(mark)

    def expect(self, thread: int) -> None:
        """A thread of the front end is about to start the command."""
        for feed in self._feeds:
            if isinstance(feed.source, CountsCommand):
                feed.source.expect(thread)

    def watch(self, pid: int | None, *others: int) -> None:
        """Track the CPU time of the command's processes, with those of other ranks' commands."""
        for feed in self._feeds:
            if isinstance(feed.source, WatchesCommand):
                feed.source.watch(pid, *others)
        if self._processes:
            self._processes.watch(pid, *others)

    def show_processes(self, is_wanted: bool, period_s: float = process_table.PERIOD_S) -> None:
        """Send the table of processes to the front end once in a period, or no longer."""
        if self._processes:
            self._processes.show(is_wanted, period_s)

    def send_rows(self, rate_hz: float) -> None:
        """Send rows to the front end at most this often; 0 sends none."""
        self._feed_ns = int(1e9 / rate_hz) if rate_hz > 0 else 0
        self._journal.is_watched = bool(self._feed_ns)

    def publish_to(self, publisher: Publisher) -> None:
        """Keep the page of this recording up to date, from now on."""
        self._journal.publish_to(publisher, 1 / self._rate_hz)

    def time_text(self, at_ns: int) -> str:
        """The `time_s` of a moment, as in the rows."""
        return rows.time_text(at_ns - self._clock.start_ns)

    def past_text(self, time_ns: int, least_ns: int) -> str:
        """The `time_s` of a moment of this recording; empty where it is not that long ago."""
        age_ns = self._clock.monotonic_ns() - time_ns
        since_start_ns = time_ns - self._clock.start_ns
        return rows.time_text(since_start_ns) if age_ns > least_ns and since_start_ns >= 0 else ""

    # ------------------------------------------------------------ what it tells

    def update_periods_s(self) -> dict[str, float]:
        """Update period of every counter as measured so far, seconds."""
        return {k: v for feed in self._feeds for k, v in feed.source.update_periods_s().items()}

    def learns_in_s(self) -> dict[str, float]:
        """The channels whose update period is still being learned, and in how many seconds their
        source is observed next (0: all the time)."""
        return {
            meter.channel.name: worker.learns_in_s
            for feed, worker in self._workers
            if worker.learns_in_s is not None
            for meter in feed.energies
        }

    def sampling(self) -> dict[str, Any]:
        """Sampling rate asked and achieved, lateness, intervals, and the recorder's own cost."""
        ticker = self._ticker
        elapsed_s = (self._clock.monotonic_ns() - self._clock.start_ns) * 1e-9
        lateness, interval = ticker.lateness.spread(), ticker.interval.spread()
        own_s = time.process_time() - self._start_cpu_s
        return {
            "rate_asked_hz": self._rate_hz,
            "rate_achieved_hz": ticker.rate_hz,
            "ticks": ticker.ticks,
            "missed": ticker.missed,
            "lateness_ms": asdict(lateness) if lateness else None,
            "interval_ms": asdict(interval) if interval else None,
            "read_ms": {
                feed.source.name: asdict(spread)
                for feed in self._feeds
                if (spread := feed.read_times.spread()) is not None
            },
            "own_cpu_s": own_s,
            "own_cpu_pct_of_core": 100 * own_s / elapsed_s if elapsed_s > 0 else None,
        }

    def so_far(self, phase: Phase) -> SoFar | None:
        """How well the energy of an open phase is known; None if that is unknown."""
        self._tell_edges(self._feeds)
        self._finish_pending()
        self._write_now()
        return so_far(self.reduction, where_of(phase), self._journal.last)

    @property
    def reduction(self) -> Reduction:
        """The data for the summary."""
        return self._journal.reduction
