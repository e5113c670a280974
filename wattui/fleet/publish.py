"""Brings a node's recording to the shared folder: `DIR/run=ID/node=BOOT_ID/`.

Meanwhile `journal.csv` there is a copy of the local run file, at most a second behind; at the end
`part.parquet` and `run.json` replace it. Only this node writes there. All of it happens in a thread
of its own, so a shared folder that is full, read-only, gone or silent delays nothing: the copy is
caught up when the folder is back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from recorders.drafts import discard, draft_name, replace_file
from recorders.json_text import json_text
from recorders.phases import LOADING
from recorders.runfile import json_path
from recorders.texts import OwnNote
from wattui.fleet.election import is_locked

PART, RUN_JSON, JOURNAL = "part.parquet", "run.json", "journal.csv"
# How often the local file is looked at, which grows twice a second.
LOOK_S = 0.1
PIECE_BYTES = 2**22
# A shared folder that takes longer for one step does not answer.
SILENT_S = 10.0
CLAIM_S, LAND_S = 5.0, 30.0
# Words in new rows after which earlier ones may have changed: a command began to mark its phases,
# so that they became `loading`, or a mark was undone.
REWRITES = (f",{LOADING},".encode(), OwnNote.UNDONE.encode())

Facts = Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """Where the recording of one node goes: `DIR/run=RUN/node=BOOT_ID`."""

    folder: Path
    run: str
    boot_id: str

    @property
    def path(self) -> Path:
        """This node's own folder, into which no other writes."""
        return self.folder / f"run={self.run}" / f"node={self.boot_id}"


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
            identity = found.st_ino
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
        self._identity = self._position = 0
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

    def _copy_all(self, local: BinaryIO, identity: int) -> None:
        """Replace the copy by a whole one."""
        self._forget()
        self._node.path.mkdir(parents=True, exist_ok=True)
        draft = draft_name(self._path)
        try:
            local.seek(0)
            with draft.open("xb") as out:
                while lines := _whole_lines(local.read(PIECE_BYTES)):
                    out.write(lines)
                    self._digest.update(lines)
                    self._position += len(lines)
                    local.seek(self._position)
                _store(out)
            draft.replace(self._path)
        except OSError:
            discard(draft)
            raise
        self._identity = identity


class Publisher:
    """Keeps the copy up to date in a thread; `say` takes a line about what goes wrong.

    `facts` are those about this node that its run.json lacks.
    """

    def __init__(
        self, csv: Path, node: NodeFolder, facts: Facts, say: Callable[[str], None]
    ) -> None:
        self.csv, self.node = csv, node
        self._facts, self._say = facts, say
        self._copy = Copy(csv, node)
        self._published: dict[str, Any] | None = None
        self._begun_s: float | None = None
        self._has_said = False
        self._over = threading.Event()
        self._claimed = threading.Event()
        self.is_taken = False
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def claim(self) -> bool:
        """Begin, and make the node's folder; False if it exists: something was recorded into it.

        A folder that cannot be made now, or does not answer, is no obstacle.
        """
        self._thread.start()
        self._claimed.wait(CLAIM_S)
        return not self.is_taken

    def look(self) -> None:
        """Say so, once, if the shared folder has not answered for long."""
        begun_s = self._begun_s
        if begun_s is not None and time.monotonic() - begun_s > SILENT_S:
            self._complain("it does not answer")

    def land(self) -> str | None:
        """End the copy, and publish the finished recording; returns why not, in a line.

        The local files are removed once they are published, and else kept.
        """
        self._complete()
        if is_locked(self.csv):
            self.failure = "its recorder still waits for the local disk"
        self._over.set()
        self._thread.join(LAND_S)
        if self._thread.is_alive():
            self.failure = "it does not answer"
        if self.failure is None:
            return None
        there, local = self.node.path, json_path(self.csv)
        return (
            f"{there} lacks this node's recording ({self.failure}): it is kept in {self.csv}: fix: "
            f"cp {self.csv} {there / JOURNAL} && cp {local} {there / RUN_JSON}"
        )

    def give_up(self) -> None:
        """End without publishing: nothing was recorded."""
        self.failure = "nothing was recorded"
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(CLAIM_S)

    def _run(self) -> None:
        self._attempt(self._claim)
        self._claimed.set()
        while not (self.is_taken or self._over.wait(LOOK_S)):
            self._attempt(self._step)
        if self.is_taken:
            return
        if self.failure is not None:
            with contextlib.suppress(OSError):
                self.node.path.rmdir()  # if nothing was recorded
            return
        try:
            self._land()
        except OSError as error:
            self.failure = str(error.strerror)
        except Exception as error:  # whatever it is, the local file is kept, and named
            self.failure = f"{type(error).__name__}: {error}"

    def _attempt(self, do: Callable[[], None]) -> None:
        self._begun_s = time.monotonic()
        try:
            do()
        except OSError as error:
            self._complain(str(error.strerror))
        self._begun_s = None

    def _claim(self) -> None:
        self.node.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.node.path.mkdir()
        except FileExistsError:
            self.is_taken = True

    def _step(self) -> None:
        if self.csv.exists():
            self._copy.step()
            self._publish_facts()

    def _publish_facts(self) -> None:
        """Publish run.json with what is known so far, for the case that this node is lost."""
        facts = self._facts()
        local = json_path(self.csv)
        if facts != self._published and local.exists():
            run = json.loads(local.read_text()) | {"fleet": facts}
            replace_file(self.node.path / RUN_JSON, json_text(run).encode(), safe=True)
            self._published = facts

    def _complete(self) -> None:
        """Put the facts into the local run.json, which is published, or kept."""
        with contextlib.suppress(OSError, ValueError):
            path = json_path(self.csv)
            run = json.loads(path.read_text()) | {"fleet": self._facts()}
            replace_file(path, json_text(run).encode())

    def _land(self) -> None:
        from wattui.runs.convert import write_parquet

        part = self.csv.with_suffix(".parquet")
        try:
            write_parquet(self.csv, part)
            self.node.path.mkdir(parents=True, exist_ok=True)
            draft = draft_name(self.node.path / PART)
            try:
                with part.open("rb") as data, draft.open("xb") as out:
                    shutil.copyfileobj(data, out, PIECE_BYTES)
                    _store(out)
                draft.replace(self.node.path / PART)
            except OSError:
                discard(draft)
                raise
        finally:
            part.unlink(missing_ok=True)
        replace_file(self.node.path / RUN_JSON, json_path(self.csv).read_bytes(), safe=True)
        # What is published stays published, whatever becomes of the copies.
        for path in (self.node.path / JOURNAL, self.csv, json_path(self.csv)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _complain(self, reason: str) -> None:
        if not self._has_said:
            self._has_said = True
            self._say(
                f"{self.node.path}: {reason}: recording goes on in {self.csv}, and is copied when "
                "the folder is back: fix: make it writable"
            )


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _store(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
