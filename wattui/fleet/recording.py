"""Records a command on every rank of a job, once a node: `wattui --headless --csv DIR/ -- …`."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recorders.marks import PAGE_PREFIX
from wattui.capture import process
from wattui.capture.command import RecordedCommand
from wattui.capture.headless import Headless, RecordJob, occupy_closed_streams, plan
from wattui.capture.signals import ENDING, Signal, Signals, taken
from wattui.capture.stages import CommandStage, Recipe
from wattui.errors import INCOMPLETE, UsageError, WattuiError
from wattui.fleet.election import (
    ENDED,
    GOING,
    REFUSED,
    Leader,
    Member,
    Notice,
    Seat,
    boot_id,
    expected,
    lead,
    meeting_place,
)
from wattui.fleet.folder import NodeFolder
from wattui.fleet.publisher import Origin, Publisher
from wattui.fleet.ranks import Rank, RankError, read_rank
from wattui.fleet.timekeeping import Me, Timekeeper
from wattui.marks.link import RANK, Link
from wattui.show.printing import say
from wattui.version import __version__

# How often a process looks at the others of its node.
LOOK_S = 0.1
# The ranks of a node start within this time of each other; after it, one is said to be missing.
START_S = 30.0
# A signal to end leaves the other ranks this long to end.
GRACE_S = 5.0
# Options that need the command to be run again, in step on every rank.
ALONE = ("repeats", "target", "ab", "force")


@dataclass(frozen=True, slots=True)
class Launched:
    """This process as its launcher started it, and where its node meets and publishes."""

    rank: Rank
    place: Path
    node: NodeFolder
    options: argparse.Namespace
    argv: list[str]
    closed: list[int]

    def lead(self) -> Leader | None:
        """Take the lead of this node's recording; None if another process has it."""
        return lead(self.place, __version__, self.rank.rank)

    def plan(self, csv: str) -> RecordJob:
        """The recording to make into a local file. Raises WattuiError."""
        if given := [name for name in ALONE if getattr(self.options, name)]:
            raise UsageError(
                f"--{given[0]} is not for the recording of a fleet (--csv {self.options.csv}): "
                "fix: leave it out, and start the job again into another folder"
            )
        return plan(argparse.Namespace(**vars(self.options) | {"csv": csv}), self.argv)


def main(options: argparse.Namespace, argv: list[str]) -> int:
    """Record this node, or attach to the process that does; returns the command's exit status.

    Raises WattuiError.
    """
    closed = occupy_closed_streams()
    try:
        rank = read_rank(os.environ)
    except RankError as error:
        raise UsageError(f"{error}: fix: unset it, or let the launcher set it") from None
    os.environ[RANK] = str(rank.rank)  # for the command, by which its counts are told apart
    node = NodeFolder(Path(options.csv), rank.run, boot_id())
    place = meeting_place(rank.run, os.path.abspath(options.csv), node.boot_id)
    launched = Launched(rank, place, node, options, argv, closed)
    with taken() as signals:
        if leader := launched.lead():
            return _lead(launched, leader, signals)
        return attach(launched, signals)


def _lead(launched: Launched, leader: Leader, signals: Signals) -> int:
    """Record this node, until the command of its last rank has ended."""
    rank, node = launched.rank, launched.node
    me = Me(rank.run, node.boot_id, os.uname().nodename, __version__)
    keeper = Timekeeper(me, rank.node_rank == 0, rank.first_host)
    others = Others(leader, rank, signals, node, keeper.facts)
    csv = Path(tempfile.gettempdir(), f"{leader.place.name}-{secrets.token_hex(4)}.csv")
    origin = Origin(rank.rank, str(leader.place), rank.restarts)
    publisher = Publisher(csv, node, keeper.address, others.facts, say, keeper.learn, origin)

    def look() -> None:
        publisher.look()
        others.node = publisher.node

    others.on_look = look
    try:
        job = launched.plan(str(csv))
        job = replace(job, config=replace(job.config, rank=rank.rank))
        if not publisher.claim():
            raise UsageError(
                f"{node.path} exists: this machine was or is recorded into it: fix: use another "
                "--csv, name the job with WATTUI_JOB, or let a node's containers share /tmp"
            )
        if publisher.node != node:
            say(f"{rank.launcher} started the job again: recording it into {publisher.node.path}")
        others.node = publisher.node
        if reason := keeper.refusal():
            raise UsageError(reason)
        status = Headless(job, signals, launched.closed, others).run()
        others.end(status)
    except WattuiError as error:
        others.refuse(error.status)
        if csv.exists():  # all but the command was there
            publisher.land()
        else:
            publisher.give_up()
        keeper.close()
        raise
    finally:
        leader.close()
    keeper.end()
    say(*others.remarks())
    shortfall = publisher.land()
    keeper.close()
    if shortfall:
        say(shortfall)
        return status or INCOMPLETE
    return status


class Others:
    """The other ranks of a node, for the one that records it. `on_look` is called now and then."""

    def __init__(
        self,
        leader: Leader,
        rank: Rank,
        signals: Signals,
        node: NodeFolder,
        clock_facts: Callable[[], dict[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leader, self._rank, self._signals = leader, rank, signals
        self.node = node
        self._clock_facts, self._clock = clock_facts, clock
        self._me = Member(rank.rank, rank.node_rank, rank.local_size, __version__, os.getpid())
        self._has_begun = False
        self._known: list[Member] = []
        self._pids: list[int] = []
        self._begun_s = self._clock()
        self.on_look: Callable[[], None] = lambda: None

    @property
    def shown(self) -> Path:
        """The folder of this node, for the reader."""
        return self.node.path

    def gather(self, look: Callable[[], None]) -> Signal | None:
        """Wait until all expected ranks of this node have come, or have had the time to.

        Returns a signal to end that came meanwhile.
        """
        while self._missing() and self._clock() - self._begun_s < START_S:
            look()
            self.on_look()
            self._known = self._leader.members()
            if info := self._signals.sleep(LOOK_S):
                return info
        self._known = self._leader.members()
        say(*self._missing_text())
        return None

    def start(self, directory: str) -> None:
        """Let their commands start: the baseline is over."""
        self._has_begun = True
        self._leader.tell(GOING, directory)

    def started(self) -> list[int]:
        """The processes of all their commands, if some have started since the last call."""
        self.on_look()
        self._known = self._leader.members()
        pids = [member.pid for member in self._known if member.pid is not None]
        before, self._pids = self._pids, pids
        return pids if pids != before else []

    def wait(self, look: Callable[[], None], status: int) -> int:
        """Wait for the end of their commands; returns the first exit status that is not 0.

        A signal to end shortens this, and so does a failure of our own command (`status`) that the
        launcher must see to end the others: they may wait for our rank.
        """
        must_tell = status != 0 and self._rank.ends_with_first_failure
        until_s = self._clock() + GRACE_S if must_tell else float("inf")
        while (now_s := self._clock()) < until_s:
            look()
            self.on_look()
            self._known = self._leader.members()
            if all(member.is_over for member in self._known):
                break
            if (info := self._signals.next(LOOK_S)) and info.si_signo in ENDING:
                until_s = min(until_s, now_s + GRACE_S)
        if must_tell and (left := sum(not member.is_over for member in self._known)):
            run = "run" if left > 1 else "runs"
            say(
                f"rank {self._rank.rank} failed: its node's recording ends, though {left} of its "
                f"ranks still {run}, so that {self._rank.launcher} sees it"
            )
        self._leader.tell(ENDED)
        return next((member.status for member in self._known if member.status), 0)

    def end(self, status: int) -> None:
        """Our own command has ended, or was not started."""
        self._me = replace(self._me, status=status)
        self.refuse(status)

    def refuse(self, status: int) -> None:
        """Send those away that wait for a recording which does not start."""
        if not self._has_begun:
            self._leader.tell(REFUSED, status=status)
            until_s = self._clock() + GRACE_S
            while self._clock() < until_s and self._leader.members():
                self._signals.next(LOOK_S)

    def facts(self) -> dict[str, Any]:
        """The entry `fleet` of run.json: this node, and the ranks on it."""
        ranks = sorted([self._me, *self._known], key=lambda member: member.rank)
        return {
            "launcher": self._rank.launcher,
            "job": self._rank.job,
            "run": self.node.run,
            "node": {"boot_id": self.node.boot_id, "rank": self._rank.node_rank},
            "world_size": self._rank.world_size,
            "ranks": [
                {"rank": each.rank, "exit_status": each.status, "lost": each.is_lost}
                for each in ranks
            ],
            "missing_ranks": self._missing(),
            "clock": self._clock_facts(),
        }

    def remarks(self) -> list[str]:
        """A line about ranks that were killed, and one about those whose command failed."""
        everyone = sorted([self._me, *self._known], key=lambda member: member.rank)
        lost = [str(member.rank) for member in everyone if member.is_lost]
        failed = [
            f"rank {each.rank} ended with exit status {each.status}"
            for each in everyone
            if each.status
        ]
        return [
            *([f"rank {', '.join(lost)} was killed before its command ended"] if lost else []),
            *([", ".join(failed)] if failed and self._known else []),
        ]

    def _missing(self) -> int:
        """How many ranks of this node have not come, as far as their number is known."""
        wanted = expected([self._me, *self._known])
        return 0 if wanted is None else max(0, wanted - 1 - len(self._known))

    def _missing_text(self) -> list[str]:
        if not (missing := self._missing()):
            return []
        return [
            f"{missing} of {missing + 1 + len(self._known)} ranks of this node have not started: "
            "recording without them: fix: see what the launcher says"
        ]


def attach(launched: Launched, signals: Signals) -> int:
    """Run the command in the recording of another process; leads if that one disappears."""
    rank = launched.rank
    seat = _seat(
        launched.place,
        Member(rank.rank, rank.node_rank, rank.local_size, __version__, os.getpid()),
    )
    try:
        planned = _planned(launched)  # before the wait, so that the commands start together
        while (notice := _ready(seat)) is None:
            if leader := launched.lead():
                seat.leave()
                return _lead(launched, leader, signals)
            if info := signals.sleep(LOOK_S):
                return 128 + info.si_signo
        if notice.stage == REFUSED:
            return notice.status
        if seat.is_twice():
            raise UsageError(
                f"rank {rank.rank} of {rank.run} is recorded into {launched.options.csv} already: "
                "fix: use another --csv, or name the job with WATTUI_JOB"
            )
        if notice.stage == ENDED:
            say(f"rank {rank.rank} came after the end of this node's recording: it is not in it")
        elif notice.version != __version__:
            raise UsageError(
                f"rank {rank.rank} has wattui {__version__}, the recorder of its node "
                f"{notice.version}: fix: install one version on every node"
            )
        if isinstance(planned, WattuiError):
            raise planned
        return _run(seat, notice, planned.recipe, signals, launched.closed)
    finally:
        seat.leave()


def _planned(launched: Launched) -> RecordJob | WattuiError:
    """What to run, or why not: the process that records may say so for all."""
    try:
        return launched.plan(os.devnull)
    except WattuiError as error:
        return error


def _seat(place: Path, me: Member) -> Seat:
    with contextlib.suppress(OSError):
        return Seat(place, me)
    place.mkdir(mode=0o700, exist_ok=True)  # a recording that ended has just removed it
    return Seat(place, me)


def _ready(seat: Seat) -> Notice | None:
    """The notice, once it says what to do."""
    notice = seat.notice()
    if notice is None or (notice.stage == GOING and not os.path.isdir(notice.directory)):
        return None
    return notice if notice.stage in (GOING, REFUSED, ENDED) else None


def _run(seat: Seat, notice: Notice, recipe: Recipe, signals: Signals, closed: list[int]) -> int:
    program = process.find_program(recipe.argv[0], os.environ)
    link = Link(notice.directory, f"{PAGE_PREFIX}{os.getpid()}", {})

    def ask(**request: Any) -> None:
        """Send what a process that does not record may ask for; the rest is the other's."""
        if request["do"] == "command_end" and (n := request.get("inferences")):
            request = {"do": "count", "n": n}
        if request["do"] in ("count", "mark", "note"):
            link.request({**request, "rank": seat.member.rank})

    run = RecordedCommand(recipe, CommandStage(None), notice.directory, ask)
    status = 127
    try:
        outcome = process.run(
            program,
            recipe.argv,
            run.environ,
            signals,
            lambda pid: seat.tell(pid=pid),
            run.on_output,
            closed,
        )
        status = outcome.status
        run.ended(status, outcome.ended_by is not None)
    finally:
        link.close()
        seat.tell(status=status)
    return status
