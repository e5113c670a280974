"""Brings a node's recording to the shared folder: `DIR/run=ID/node=BOOT_ID/`.

Meanwhile `journal.csv` there is a copy of the local run file, at most a second behind; at the end
`part.parquet` and `run.json` replace it. Only this node writes there. All of it is the work of a
process of its own, for which nobody has to wait: a shared folder that is full, read-only, gone or
silent delays nothing, and the copy is caught up when the folder is back.

`wattui.fleet.publisher` starts that process. JSON lines on its standard input say what to do; it
answers on standard output.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from recorders.drafts import discard, draft_name, replace_file, write_draft
from recorders.json_text import json_text
from recorders.phases import LOADING
from recorders.runfile import json_path
from recorders.texts import OwnNote
from recorders.wire import Lines, Message, decode, encode
from wattui.fleet.election import is_locked, remove_place
from wattui.fleet.folder import JOURNAL, PART, RUN_JSON, NodeFolder
from wattui.outputs import put

# The first node's address, in the folder of the run.
ADDRESS = "clock.json"
# How often the local file is looked at, which grows twice a second; how often we say we are well.
LOOK_S, PULSE_S = 0.1, 1.0
PIECE_BYTES = 2**22
# After the front end was killed, the recorder has this long to finish the local file.
ORPHANED_S = 60.0
EXISTS = "it exists"
# Words in new rows after which earlier ones may have changed: a command began to mark its phases,
# so that they became `loading`, or a mark was undone.
REWRITES = (f",{LOADING},".encode(), OwnNote.UNDONE.encode())


class Copy:
    """The copy of a local run file in a node's folder; `step` brings it up to date.

    Raises OSError; it then resumes where it stopped.
    """

    def __init__(self, csv: Path, node: NodeFolder) -> None:
        self._csv, self._node = csv, node
        self._forget()

    def step(self) -> None:
        """Append what is new, in whole lines, and wait until it is stored."""
        with self._csv.open("rb") as local:
            found = os.fstat(local.fileno())
            # A new column replaces the file, perhaps under the number that an earlier one had.
            identity = found.st_ino, local.readline(PIECE_BYTES)
            if (identity, found.st_size) == (self._identity, self._position):
                return
            if identity != self._identity or not self._is_there():
                self._copy_all(local, identity)
                return
            local.seek(self._position)
            while lines := _whole_lines(local.read(PIECE_BYTES)):
                if any(word in lines for word in REWRITES) and self._has_changed(local):
                    self._copy_all(local, identity)
                    return
                self._append(lines)
                local.seek(self._position)

    def _forget(self) -> None:
        self._identity: tuple[int, bytes] | None = None
        self._position = 0
        self._digest = hashlib.blake2b()

    @property
    def _path(self) -> Path:
        return self._node.path / JOURNAL

    def _is_there(self) -> bool:
        """Whether the copy is as it was left."""
        try:
            return self._path.stat().st_size == self._position
        except FileNotFoundError:
            return False

    def _has_changed(self, local: BinaryIO) -> bool:
        """Whether rows were changed that are copied already."""
        local.seek(0)
        found, left = hashlib.blake2b(), self._position
        while left and (data := local.read(min(left, PIECE_BYTES))):
            found.update(data)
            left -= len(data)
        return found.digest() != self._digest.digest()

    def _append(self, lines: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            while lines:
                done = os.pwrite(descriptor, lines, self._position)
                self._digest.update(lines[:done])
                self._position += done
                lines = lines[done:]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _copy_all(self, local: BinaryIO, identity: tuple[int, bytes]) -> None:
        """Replace the copy by a whole one."""
        self._forget()
        self._node.path.mkdir(parents=True, exist_ok=True)

        def write(out: BinaryIO) -> None:
            local.seek(0)
            while lines := _whole_lines(local.read(PIECE_BYTES)):
                out.write(lines)
                self._digest.update(lines)
                self._position += len(lines)
                local.seek(self._position)

        _write(self._path, write)
        self._identity = identity


class Work:
    """All that is done in the shared folder. Every call raises OSError, and may be repeated.

    `address` is where this node answers with the time; `first` is that of the run's first node,
    once it is known, which is us if `is_first`. `restarts`: the job may have been started again, at
    least so often; `node` is then where this start goes, once the folder is claimed.
    """

    def __init__(
        self,
        csv: Path,
        node: NodeFolder,
        address: Mapping[str, Any],
        restarts: int | None = None,
    ) -> None:
        self._csv, self.node, self._address = csv, node, address
        self._restarts = restarts
        self._copy = Copy(csv, node)
        self._published: Mapping[str, Any] | None = None
        self._is_ours = False
        self.first: Mapping[str, Any] | None = None
        self.is_first = False

    def claim(self) -> None:
        """Make the node's folder, and learn of the first node.

        Raises FileExistsError if the folder is there: something was recorded into it.
        """
        if not self._is_ours:
            if self._restarts is not None:
                self.node = self.node.started_again(self._restarts)
                self._copy, self._restarts = Copy(self._csv, self.node), None
            self.node.path.parent.mkdir(parents=True, exist_ok=True)
            self.node.path.mkdir()
            self._is_ours = True
        if self.first is None:
            self._meet()

    def step(self, facts: Mapping[str, Any]) -> None:
        """Bring the copy up to date, and run.json with what is known so far, for the case that this
        node is lost."""
        self.claim()
        if not self._csv.exists():
            return
        self._copy.step()
        local = json_path(self._csv)
        if facts != self._published and local.exists():
            run = json.loads(local.read_text()) | {"fleet": facts}
            replace_file(self.node.path / RUN_JSON, json_text(run).encode(), safe=True)
            self._published = facts

    def land(self) -> None:
        """Publish the finished recording, and remove the local files."""
        from wattui.runs.convert import write_parquet

        if is_locked(self._csv):
            raise OSError(errno.EBUSY, "its recorder still waits for the local disk")
        self.claim()
        part = self._csv.with_suffix(".parquet")
        try:
            write_parquet(self._csv, part)
            self.node.path.mkdir(parents=True, exist_ok=True)
            with part.open("rb") as data:
                _write(self.node.path / PART, lambda out: shutil.copyfileobj(data, out))
        finally:
            part.unlink(missing_ok=True)
        replace_file(self.node.path / RUN_JSON, json_path(self._csv).read_bytes(), safe=True)
        # What is published stays published, whatever becomes of the copies.
        for path in (self.node.path / JOURNAL, self._csv, json_path(self._csv)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def give_up(self) -> None:
        """Leave nothing: nothing was recorded."""
        if self._is_ours:
            self.node.path.rmdir()
        if self.is_first:
            (self.node.path.parent / ADDRESS).unlink()
            self.node.path.parent.rmdir()

    def _meet(self) -> None:
        """Put our address into the run's folder, or learn the one that is there."""
        path = self.node.path.parent / ADDRESS
        draft = write_draft(path, json.dumps(self._address).encode(), safe=True)
        try:
            put(draft, path)
            self.first, self.is_first = self._address, True
        except FileExistsError:
            with contextlib.suppress(ValueError):
                self.first = decode(path.read_bytes())
        finally:
            discard(draft)


def add_facts(csv: Path, facts: Mapping[str, Any]) -> None:
    """Add what is known of its fleet to the run.json of a local file.

    Raises OSError, or ValueError.
    """
    path = json_path(csv)
    replace_file(path, json_text(json.loads(path.read_text()) | {"fleet": facts}).encode())


def main() -> int:
    """Do what standard input asks for, until `land` or `give_up`.

    If it ends before, the front end was killed: what its recorder then leaves is published.
    """
    os.set_blocking(1, False)
    orders = _Orders()
    begun = orders.first()
    if begun is None:
        return 0
    node = NodeFolder(Path(begun["folder"]), begun["run"], begun["boot_id"])
    csv, facts = Path(begun["csv"]), begun["facts"]
    work = Work(csv, node, begun["address"], begun["restarts"])
    _tell({"t": "claimed", "failure": _failure(work.claim), **_first(work)})
    said, pulse_s = None, time.monotonic()
    while not orders.have_ended:
        for order in orders.wait(LOOK_S):
            facts = order.get("facts", facts)
            if order["do"] in ("land", "give_up"):
                do = work.land if order["do"] == "land" else work.give_up
                _tell({"t": "ended", "failure": _failure(do)})
                return 0
        failure = _failure(partial(work.step, facts))
        if failure != said or time.monotonic() - pulse_s > PULSE_S:
            said, pulse_s = failure, time.monotonic()
            _tell({"t": "pulse", "failure": failure, **_first(work)})
    _publish_orphaned(work, csv, without(facts, begun["rank"]))
    remove_place(Path(begun["place"]))
    return 0


def without(facts: Mapping[str, Any], rank: int) -> dict[str, Any]:
    """What is known of a node's ranks once the front end of one was killed."""
    ranks = [
        each | {"lost": True} if each["rank"] == rank and each["exit_status"] is None else each
        for each in facts.get("ranks", ())
    ]
    return {**facts, "ranks": ranks}


def _publish_orphaned(work: Work, csv: Path, facts: Mapping[str, Any]) -> None:
    """Publish what the recorder leaves when it has seen that its front end is gone."""
    until_s = time.monotonic() + ORPHANED_S
    while csv.exists() and is_locked(csv) and time.monotonic() < until_s:
        time.sleep(LOOK_S)
    if not csv.exists():
        _failure(work.give_up)
        return
    with contextlib.suppress(OSError, ValueError):
        add_facts(csv, facts)
    _failure(work.land)


class _Orders:
    """Messages from standard input; `have_ended`: there will be no more."""

    def __init__(self) -> None:
        self._lines, self.have_ended = Lines(), False
        self._kept: list[Message] = []

    def first(self) -> Message | None:
        """The first message; None if there is none."""
        while not (self.have_ended or self._kept):
            self._kept = self.wait(None)
        return self._kept.pop(0) if self._kept else None

    def wait(self, timeout_s: float | None) -> list[Message]:
        """The messages that arrive in time."""
        kept, self._kept = self._kept, []
        if kept or not select.select([0], [], [], timeout_s)[0]:
            return kept
        data = os.read(0, 65536)
        self.have_ended = not data
        return list(map(decode, self._lines.feed(data)))


def _first(work: Work) -> Message:
    return {"first": work.first, "is_first": work.is_first, "run": work.node.run}


def _failure(do: Callable[[], None]) -> str | None:
    """Why something could not be done; None if it was."""
    try:
        do()
    except FileExistsError:
        return EXISTS
    except OSError as error:
        return str(error.strerror)
    except Exception as error:  # whatever it is, the local file is kept, and named
        return f"{type(error).__name__}: {error}"
    return None


def _tell(message: Message) -> None:
    """Answer, unless nobody reads."""
    with contextlib.suppress(OSError):
        os.write(1, encode(message))


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _write(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Give a file of which `write` writes the content its name once it is stored."""
    draft = draft_name(path)
    try:
        with draft.open("xb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError:
        discard(draft)
        raise


if __name__ == "__main__":
    sys.exit(main())
