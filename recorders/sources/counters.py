"""Hardware and software counters through perf: `--counters instructions,llc_misses`.

The joules are the whole machine's, so counts are too where that is permitted: an event on every
processor. Otherwise they are the command's: an event that the command inherits from the thread
which starts it, and that begins with its program (inherit and enable_on_exec, perf_event_open(2)).

If there are more events than counters, the kernel lets them take turns. What was counted between
two reads is then scaled by the time between them over the time for which it was counted.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from recorders.channels import COUNTER, counter_name
from recorders.machine import file_text
from recorders.source import COUNT, Channel, Gone, Reading, Refusal, RefusalKind, Retry, Source
from recorders.sources.counter_names import CounterEvent, CounterNameError, CounterNames
from recorders.sources.perf import cpu_list, not_permitted
from recorders.sources.perf_event import CountedEvents, KernelEvents, Scaled
from recorders.texts import OwnNote

Clock = Callable[[], int]
SOURCE = "counters"
# Reading so many descriptors may take a millisecond.
MANY = 64
# Below this share of the time, a count is an estimate from the rest of it.
WHOLE = 0.995
MACHINE, COMMAND = "the whole machine", "the command's processes"
IN_USER_MODE = f"{COMMAND}, outside the kernel"
# The note for each.
NOTES = {
    MACHINE: OwnNote.OF_MACHINE,
    COMMAND: OwnNote.OF_COMMAND,
    IN_USER_MODE: OwnNote.IN_USER_MODE,
}
DENIED = (errno.EACCES, errno.EPERM)


class Turns:
    """Descriptors of one counter that share their time: one of a processor, or of a command one for
    each kind of core, on one of which it always is."""

    def __init__(self, events: CountedEvents, descriptors: Sequence[int]) -> None:
        self._events, self._descriptors = events, descriptors
        self._last = Scaled(0, 0, 0)
        self._counted = 0.0
        self._rate: float | None = None

    def read(self) -> float | None:
        """The count so far; None if it has not been counted long enough to tell. Raises OSError."""
        found = [self._events.read_scaled(each) for each in self._descriptors]
        enabled_ns = max(each.enabled_ns for each in found)
        running_ns = sum(each.running_ns for each in found)
        now, last = Scaled(sum(each.value for each in found), enabled_ns, running_ns), self._last
        wanted_ns, ran_ns = now.enabled_ns - last.enabled_ns, now.running_ns - last.running_ns
        if ran_ns > 0:
            self._rate = (now.value - last.value) / ran_ns
            self._counted += (now.value - last.value) * max(1.0, wanted_ns / ran_ns)
            self._last = now
            return self._counted
        if wanted_ns <= 0:
            return self._counted
        return None if self._rate is None else self._counted + self._rate * wanted_ns

    @property
    def times_ns(self) -> tuple[int, int]:
        """For how long it was wanted, and counted."""
        return self._last.enabled_ns, self._last.running_ns

    def close(self) -> None:
        """Stop counting."""
        for descriptor in self._descriptors:
            self._events.close(descriptor)


class Tally:
    """One counter: what it counted before, and what counts now; also in the `kernel` or not."""

    def __init__(self, event: CounterEvent) -> None:
        self.event, self.kernel = event, True
        self.turns: list[Turns] = []
        self._before = self._shown = 0.0
        self._enabled_ns = self._running_ns = 0

    def read(self) -> float:
        """The count so far, which never falls. Raises Retry, or OSError."""
        counts = [each.read() for each in self.turns]
        if None in counts:
            raise Retry("other events have the counters")
        self._shown = max(self._shown, self._before + sum(filter(None, counts)))
        return self._shown

    def release(self) -> None:
        """Stop counting, and keep the count."""
        self._enabled_ns, self._running_ns = self.times_ns
        self._before = self._shown
        for each in self.turns:
            each.close()
        self.turns = []

    @property
    def times_ns(self) -> tuple[int, int]:
        """For how long it was wanted, and counted."""
        times = [each.times_ns for each in self.turns]
        enabled_ns = self._enabled_ns + sum(wanted for wanted, _ in times)
        return enabled_ns, self._running_ns + sum(ran for _, ran in times)


class Counters:
    """Counters of the whole machine."""

    name, reader = SOURCE, "perf_event_open"

    def __init__(
        self,
        events: CountedEvents,
        tallies: Sequence[Tally],
        clock: Clock,
        of: str = MACHINE,
        why: str = "",
    ) -> None:
        self._events, self._tallies, self._clock = events, tallies, clock
        self._of, self._why = of, why
        self._told: dict[str, int] = {}
        self.blocking = sum(len(each.turns) for each in tallies) > MANY
        self.period_s = 0.1 if self.blocking else 0.001

    def channels(self) -> Sequence[Channel]:
        """`perf_NAME` of each counter."""
        names = (each.event.name for each in self._tallies)
        return [Channel(f"{COUNTER}{name}", COUNT, remarks=(NOTES[self._of],)) for name in names]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read each counter."""
        return [
            Reading(place, self._clock(), self._count(each))
            for place, each in enumerate(self._tallies)
        ]

    def _count(self, tally: Tally) -> float | Retry | Gone:
        try:
            return tally.read()
        except Retry as error:
            return error
        except OSError as error:
            return Gone(f"{tally.event.name}: {error.strerror}")

    def news(self) -> Sequence[str]:
        """Notes on counters that took turns with others, with the share of time they counted; once
        at first, and again each time that the share in per cent changes by 5 or more."""
        found = []
        for each in self._tallies:
            enabled_ns, running_ns = each.times_ns
            share = running_ns / enabled_ns if enabled_ns else 1.0
            if share < WHOLE and abs(self._told.get(each.event.name, 1000) - 100 * share) >= 5:
                self._told[each.event.name] = round(100 * share)
                channel = f"{COUNTER}{each.event.name}"
                found.append(f"{OwnNote.MULTIPLEXED} {channel}={100 * share:.2g}")
        return found

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def update_periods_s(self) -> Mapping[str, float]:
        """None: a counter is exact whenever it is read."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """Whose events are counted, and which."""
        events = {each.event.name: each.event.source for each in self._tallies}
        facts = {"counted": self._of, "events": events}
        return facts | ({"why": self._why} if self._why else {})

    def reset(self) -> None:
        """Nothing: counters stand still while the machine sleeps."""

    def close(self) -> None:
        """Stop counting."""
        for each in self._tallies:
            each.release()


class CommandCounters(Counters):
    """Counters of the command's processes; without a command there is no reading."""

    def __init__(
        self,
        events: CountedEvents,
        tallies: Sequence[Tally],
        clock: Clock,
        of: str = COMMAND,
        why: str = "",
    ) -> None:
        super().__init__(events, tallies, clock, of, why)
        self._reason = "no command is running"
        self._pid: int | None = None
        self._is_out_of_reach = self._has_others = False

    def expect(self, thread: int) -> None:
        """Count in the command that this thread is about to start."""
        self._end()
        try:
            for each in self._tallies:
                each.turns = [_inherited(self._events, each.event, thread, each.kernel)]
        except OSError as error:
            self._end()
            self._reason = f"the command cannot be followed: {error.strerror}"

    def watch(self, pid: int | None, *others: int) -> None:
        """The command has started, or ended (None); those of other ranks are out of reach."""
        self._pid = pid
        self._has_others |= bool(others)
        if pid is None:
            self._end()

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Read each counter, unless the command has taken other rights."""
        # The kernel gives them a moment after the program was started.
        self._is_out_of_reach |= self._pid is not None and _acts_as_another(self._pid)
        return super().read(counters_only)

    def _end(self) -> None:
        self._reason, self._pid = "no command is running", None
        for each in self._tallies:
            self._count(each)
            each.release()

    def _count(self, tally: Tally) -> float | Retry | Gone:
        # A program with other rights than ours, such as sudo, is counted until they are its own.
        if self._is_out_of_reach:
            return Gone("a command with other rights than yours, such as sudo, cannot be followed")
        if self._has_others:
            return Gone("the commands of a node's other ranks cannot be followed")
        if not tally.turns:
            return Retry(self._reason)
        count = super()._count(tally)
        if self._pid and not tally.turns[0].times_ns[0]:
            return Retry("the command cannot be followed")
        return count


def _acts_as_another(pid: int) -> bool:
    """Whether a process acts as another user than we, who could not make it so: by sudo."""
    try:
        return os.geteuid() not in (0, os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return False


def open_counters(
    names: Sequence[str],
    has_command: bool,
    root: Path = Path("/"),
    events: CountedEvents | None = None,
    clock: Clock = time.monotonic_ns,
) -> tuple[list[Source], list[Refusal]]:
    """Open counters of the whole machine, else of the command; returns sources and refusals."""
    events = events or KernelEvents()
    opening = _Opening(root, events, has_command)
    known = CounterNames(root)
    for name in dict.fromkeys(map(counter_name, names)):
        try:
            opening.open(known.event(name))
        except CounterNameError as error:
            opening.refuse(name, str(error))
    return opening.sources(clock), opening.refused


class _Opening:
    """Opens counters one by one, and notes which cannot be."""

    def __init__(self, root: Path, events: CountedEvents, has_command: bool) -> None:
        self._root, self._events, self._has_command = root, events, has_command
        self._online = cpu_list(file_text(root / "sys/devices/system/cpu/online")) or [0]
        self._found: dict[str, list[Tally]] = {MACHINE: [], COMMAND: [], IN_USER_MODE: []}
        self._why = ""
        self.refused: list[Refusal] = []

    def refuse(self, name: str, reason: str, remedy: str = "") -> None:
        """Note why a counter is missing; several with the same reason share a line."""
        for place, other in enumerate(self.refused):
            if (other.reason, other.remedy) == (reason, remedy):
                self.refused[place] = replace(other, source=f"{other.source}, {name}")
                return
        kind: RefusalKind = "right" if remedy else "unread"
        self.refused.append(Refusal(f"{SOURCE} {name}", reason, remedy, kind=kind))

    def open(self, event: CounterEvent) -> None:
        """Open a counter for as much as permitted."""
        tally = Tally(event)
        if not event.of_command:
            try:
                tally.turns = self._on_machine(event)
                self._found[MACHINE].append(tally)
                return
            except OSError as error:
                if error.errno not in DENIED:
                    self.refuse(event.name, *_words(error))
                    return
                denied = not_permitted(self._root, error, "the whole machine needs", 0)
            if not event.per_thread or not self._has_command:
                self.refuse(event.name, *denied)
                return
            self._why = denied[0]
        elif not self._has_command:
            self.refuse(event.name, "it counts a command: record one with wattui --headless")
            return
        self._of_command(tally)

    def _of_command(self, tally: Tally) -> None:
        event = tally.event
        error = self._try_for(event, kernel=True)
        if error is None:
            self._found[COMMAND].append(tally)
            return
        if error.errno in DENIED and event.in_kernel:
            what = "it happens in the kernel, which needs"
            self.refuse(event.name, *not_permitted(self._root, error, what, 1))
            return
        if error.errno in DENIED:
            tally.kernel = False
            error = self._try_for(event, kernel=False)
        if error is None:
            # A clock runs in the kernel, too, whatever is excluded.
            self._found[COMMAND if event.of_command else IN_USER_MODE].append(tally)
        elif error.errno in DENIED:
            self.refuse(event.name, *not_permitted(self._root, error, "counters need", 2))
        else:
            self.refuse(event.name, *_words(error))

    def _on_machine(self, event: CounterEvent) -> list[Turns]:
        """A descriptor on each processor; raises OSError, and then opens none."""
        found: list[Turns] = []
        try:
            for each, cpus in event.events:
                for cpu in cpus or self._online:
                    found.append(Turns(self._events, [self._events.open_on(each, cpu)]))
        except OSError:
            for turns in found:
                turns.close()
            raise
        return found

    def _try_for(self, event: CounterEvent, kernel: bool) -> OSError | None:
        """Why a command could not be counted; None if it can."""
        try:
            _inherited(self._events, event, threading.get_native_id(), kernel).close()
        except OSError as error:
            return error
        return None

    def sources(self, clock: Clock) -> list[Source]:
        """A source for each scope that has counters."""
        found: list[Source] = []
        for of, tallies in self._found.items():
            if tallies:
                kind = Counters if of == MACHINE else CommandCounters
                found.append(kind(self._events, tallies, clock, of, self._why))
        return found


def _inherited(events: CountedEvents, event: CounterEvent, thread: int, kernel: bool) -> Turns:
    """A descriptor for each kind of core, of what a thread starts; raises OSError."""
    found: list[int] = []
    try:
        for each, _ in event.events:
            found.append(events.open_for(each, thread, kernel))
    except OSError:
        Turns(events, found).close()
        raise
    return Turns(events, found)


def _words(error: OSError) -> tuple[str, str]:
    """Why an event cannot be opened, and the fix if there is one."""
    if error.errno == errno.EMFILE:
        return "too many open files: a counter needs one for each processor", "ulimit -n 16384"
    if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
        return "this processor does not count it", ""
    return error.strerror or str(error), ""
