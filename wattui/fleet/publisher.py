"""The process that publishes a node's recording, as its front end sees it: never waited for."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from recorders.own_process import own_command
from recorders.runfile import json_path
from recorders.wire import Lines, Message, decode, encode
from wattui.fleet.folder import JOURNAL, RUN_JSON, NodeFolder
from wattui.fleet.publish import EXISTS, add_facts

CLAIM_S, LAND_S, GIVE_UP_S = 5.0, 30.0, 5.0
# A process that has not said for so long that it is well waits for the folder.
SILENT_S = 10.0
PUSH_S = 0.1
SILENT = "it does not answer"

Facts = Callable[[], dict[str, Any]]
# Takes the address of the run's first node, and whether that is this one.
Learn = Callable[[Mapping[str, Any], bool], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose recording it is: a rank, the place where it meets the others of its node, and how often
    its job has been started again at least, if it may have been."""

    rank: int
    place: str
    restarts: int | None = None


class Publisher:
    """Publishes the local file `csv` of a node. `facts` are those that its run.json lacks; `say`
    takes a line about what goes wrong.

    `address` is where this node answers with the time; `learn` takes the first node's. `node` is
    where the recording goes: that of its own start, if the job has been started again.
    """

    def __init__(
        self,
        csv: Path,
        node: NodeFolder,
        address: Mapping[str, Any],
        facts: Facts,
        say: Callable[[str], None],
        learn: Learn,
        origin: Origin,
    ) -> None:
        self._csv, self.node = csv, node
        self._facts, self._say, self._learn = facts, say, learn
        self._lines, self._orders = Lines(), bytearray()
        self._has_said = self._has_learned = False
        self._heard_s = time.monotonic()
        self._told = facts()
        self._process = subprocess.Popen(
            own_command("wattui.fleet.publish"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        self._order(
            folder=str(node.folder.absolute()),
            run=node.run,
            boot_id=node.boot_id,
            csv=str(csv),
            address=dict(address),
            facts=self._told,
            **asdict(origin),
        )

    def claim(self) -> bool:
        """Make the node's folder; False if it exists: something was recorded into it.

        A folder that cannot be made now, or does not answer, is no obstacle.
        """
        answer = self._await("claimed", CLAIM_S)
        is_refused = answer is not None and answer["failure"] == EXISTS
        self._has_said = is_refused
        return not is_refused

    def look(self) -> None:
        """Hand over what is new, and say so, once, if the folder does not take the copy."""
        if not self._orders and (facts := self._facts()) != self._told:
            self._told = facts
            self._order(do="facts", facts=facts)
        self._await("", 0.0)
        if time.monotonic() - self._heard_s > SILENT_S:
            self._complain(SILENT)

    def land(self) -> str | None:
        """Publish the finished recording; returns why that cannot be done, in a line.

        The local files are removed once they are published, and else kept.
        """
        with contextlib.suppress(OSError, ValueError):
            add_facts(self._csv, self._facts())
        self._order(do="land")
        answer = self._await("ended", LAND_S)
        self._close()
        there, local = self.node.path, json_path(self._csv)
        if answer is None:
            return (
                f"{there} lacks this node's recording ({SILENT}): process {self._process.pid} "
                f"publishes {self._csv} when it does: fix: wait until it ends"
            )
        if answer["failure"] is None:
            return None
        return (
            f"{there} lacks this node's recording ({answer['failure']}): it is kept in "
            f"{self._csv}: fix: cp {self._csv} {there / JOURNAL} && cp {local} {there / RUN_JSON}"
        )

    def give_up(self) -> None:
        """End without publishing: nothing was recorded."""
        self._order(do="give_up")
        self._await("ended", GIVE_UP_S)
        self._close()

    def _order(self, **order: Any) -> None:
        self._orders += encode(order)
        self._push()

    def _push(self) -> None:
        """Hand over orders; while the process waits for the folder, they may have to wait, too."""
        with contextlib.suppress(OSError):
            while self._orders:
                del self._orders[: os.write(self._to, self._orders)]

    def _await(self, kind: str, timeout_s: float) -> Message | None:
        """The next message of this kind, or None if none comes in time."""
        until_s = time.monotonic() + timeout_s
        while True:
            self._push()
            left_s = until_s - time.monotonic()
            if not select.select([self._from], [], [], min(PUSH_S, max(0.0, left_s)))[0]:
                if left_s <= 0:
                    return None
                continue
            if not (data := os.read(self._from, 65536)):
                return None
            self._heard_s = time.monotonic()
            for message in map(decode, self._lines.feed(data)):
                self._take(message)
                if message["t"] == kind:
                    return message

    def _take(self, message: Message) -> None:
        self.node = replace(self.node, run=message.get("run", self.node.run))
        if message.get("first") is not None and not self._has_learned:
            self._has_learned = True
            self._learn(message["first"], message["is_first"])
        if message["t"] == "pulse" and message["failure"]:
            self._complain(message["failure"])

    def _complain(self, reason: str) -> None:
        if not self._has_said:
            self._has_said = True
            self._say(
                f"{self.node.path}: {reason}: recording goes on in {self._csv}, and is copied "
                "when the folder is back: fix: make it writable"
            )

    def _close(self) -> None:
        """Let go of the process, which ends by itself."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
