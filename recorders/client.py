"""Starts the recorder process and talks to it; used by headless, dashboard and library."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recorders import directory, wire
from recorders.guard import FAREWELL
from recorders.json_parts import WrongPartError
from recorders.meters.specs import parse_meters
from recorders.own_process import start_recorder
from recorders.summary.figures import Summary
from recorders.ticker import MAX_RATE_HZ, MIN_RATE_HZ

START_S = 20.0
ANSWER_S = 30.0
# Time for a stopping recorder to make its summary and wait for a slow disk.
FINISH_S = 90.0
CLOSE_S = 2.0


class RecorderError(Exception):
    """The recorder could not start or has stopped.

    `code` is exists, busy, unwritable, no_place, require or died; `detail` is the path, the
    missing sensor or the reason.
    """

    def __init__(self, code: str, text: str, detail: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.detail = detail or text


@dataclass(slots=True)
class Config:
    """Recorder configuration. `csv` None records no file; `require` holds measured, gpu, dram.

    `follow` sends every row with an event to the front end, from the first one on. `meters` has
    the meters outside the machine, each `NAME=SPEC` (docs/meters.md), or a `NAME` alone for one
    that is read manually, with the request `meter`. `quoted` names the channel, or the meter, to
    quote energies from; `counted` names the parts of the machine to sum (`recorders.summing`), all
    of them if it is empty; `wall_fit` is the fit to estimate the wall by, as in its note.
    `counters` names what `recorders.sources.counter_names` knows. `tokens` has the servers of
    language models whose counters are read, each `URL` or `URL#METRIC` (docs/tokens.md); the edge
    of a phase waits `drain_s` at most until those that count at a request's end have none.
    `has_command` says that this front end starts commands, which are stopped if it disappears. With
    a `rank`, it is one of a job's processes, whose launcher looks after them all.
    `publish` lets other programs of this user read its newest values, as `wattui status` does.
    Raises ValueError for a sampling rate out of range, or an invalid meter or server.
    """

    csv: Path | None
    rate_hz: float = 10.0
    force: bool = False
    estimate: bool = True
    tdp_w: float | None = None
    all_gpus: bool = False
    require: Sequence[str] = ()
    simulate: bool = False
    follow: bool = False
    meters: Sequence[str] = ()
    counters: Sequence[str] = ()
    tokens: Sequence[str] = ()
    drain_s: float = 30.0
    quoted: str = ""
    counted: Sequence[str] = ()
    wall_fit: str = ""
    has_command: bool = False
    rank: int | None = None
    publish: bool = True
    version: str | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise ValueError(
                f"rate_hz={self.rate_hz:g} is out of range; "
                f"use {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz"
            )
        parse_meters(self.meters)
        if self.tokens:
            from recorders.servers.specs import parse_servers

            parse_servers(self.tokens)


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a recording: its summary, and the rest of its run.json.

    `write_error` says why the disk accepts nothing; `left_to` is the recorder process that still
    has rows to write.
    """

    summary: Summary
    run: Mapping[str, Any]
    write_error: str | None
    left_to: int | None = None

    @classmethod
    def from_message(cls, message: wire.Message) -> Finished:
        """The recorder's last message, read. Raises WrongPartError if its summary is malformed."""
        run = dict(message["run"])
        summary = Summary.from_dict(run.pop("summary"))
        return cls(summary, run, message["write_error"], message.get("left_to"))

    @property
    def lost_rows(self) -> int:
        """Rows that are not in the file."""
        return int(self.run["lost_rows"])

    @property
    def remarks(self) -> Sequence[str]:
        """Remarks on what other programs did to the file."""
        found: Sequence[str] = self.run.get("file", {}).get("remarks", ())
        return found


class Client:
    """A running recorder process; `process` is one that was started in advance.

    `wait_ready` gives its first message: directory, columns, sources and what is missing. It raises
    RecorderError with code exists, busy, unwritable, no_place, require, or died; the constructor
    raises OSError if a relative path cannot be resolved.
    """

    def __init__(
        self,
        config: Config,
        on_message: Callable[[wire.Message], None] | None = None,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._on_message = on_message or (lambda _: None)
        # The last message has figures for each phase and label, so many megabytes are normal.
        self._lines = wire.Lines(sys.maxsize)
        self._directory: Path | None = None
        self._queue: list[wire.Message] = []
        self._lock = threading.Lock()
        settings = asdict(config)
        settings["csv"] = str(config.csv.absolute()) if config.csv else None
        self.process = process or start_recorder()
        to, back = self.process.stdin, self.process.stdout
        assert to is not None
        assert back is not None
        self._to, self._from = to.fileno(), back.fileno()
        # If it has stopped already, wait_ready says why.
        with contextlib.suppress(OSError):
            self._send({**settings, "require": list(config.require)})

    def wait_ready(self) -> wire.Message:
        """The recorder's first message, sent once its sources and file are open.

        One that says which driver it waits for is not silent.
        """
        message = self._await({"ready", "error", "opening"}, START_S)
        while message["t"] == "opening":
            message = self._await({"ready", "error", "opening"}, START_S)
        if message["t"] == "error":
            self.close()
            raise _refusal(message)
        self._directory = Path(message["directory"])
        return message

    def check(self) -> None:
        """Raise RecorderError if the recorder has stopped."""
        if self.process.poll() is not None:
            raise self._died()

    def request(self, **message: Any) -> wire.Message:
        """Send a request and return its answer. Raises RecorderError if the recorder stopped."""
        with self._lock:
            self._write(message)
            return self._await({"ack"}, ANSWER_S)

    def poll(self, timeout_s: float = 0.0) -> None:
        """Deliver the messages that are waiting or arrive in time."""
        with self._lock:
            self._receive(timeout_s)
            self._queue.clear()

    def finish(self, **about: Any) -> Finished:
        """End the recording. Raises RecorderError if the recorder stopped."""
        with self._lock:
            self._write({"do": "stop", "command": about})
            message = self._await({"done"}, FINISH_S)
        self.close()
        try:
            return Finished.from_message(message)
        except WrongPartError as error:
            raise RecorderError("died", f"its summary is malformed: {error}") from None

    def close(self) -> None:
        """Detach from the recorder, which finishes its file on its own."""
        if self.process.stdin and not self.process.stdin.closed:
            with contextlib.suppress(OSError):
                os.write(self._to, wire.encode(FAREWELL))
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(CLOSE_S)

    def _write(self, message: wire.Message) -> None:
        try:
            self._send(message)
        except OSError:
            raise self._died() from None

    def _send(self, message: wire.Message) -> None:
        data = wire.encode(message)
        while data:
            data = data[os.write(self._to, data) :]

    def _await(self, kinds: set[str], timeout_s: float) -> wire.Message:
        deadline = time.monotonic() + timeout_s
        while True:
            while self._queue:
                message = self._queue.pop(0)
                if message["t"] in kinds:
                    return message
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise RecorderError("died", "it is not responding")
            self._receive(left_s)

    def _receive(self, timeout_s: float) -> None:
        ready, _, _ = select.select([self._from], [], [], timeout_s)
        if not ready:
            return
        data = os.read(self._from, 2**20)
        if not data:
            raise self._died()
        for line in self._lines.feed(data):
            message = wire.decode(line)
            self._on_message(message)
            self._queue.append(message)

    def _died(self) -> RecorderError:
        status = self.process.wait()
        if self._directory:
            directory.remove(self._directory)
        errors = self.process.stderr.read() if self.process.stderr else b""
        lines = errors.decode(errors="replace").strip().splitlines()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return RecorderError("died", lines[-1] if lines else how)


def _refusal(message: wire.Message) -> RecorderError:
    code, text, need = (str(message.get(name, "")) for name in ("code", "text", "need"))
    sentences = {
        "exists": f"{text} already exists",
        "busy": f"{text} is being recorded by another wattui",
        "unwritable": f"cannot write the run file: {text}",
        "counted": text,
        "quoted": f"no such channel is recorded: {text}",
        "require": f"no {need} energy here: {text}",
    }
    return RecorderError(code, sentences.get(code, text), need or text)
