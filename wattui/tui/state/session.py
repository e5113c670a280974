"""The recorder process as the dashboard sees it: messages in, requests out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from recorders.client import Client, Config, Finished, RecorderError
from recorders.runfile import journal_path
from recorders.source import Refusal
from recorders.wire import Message
from wattui.capture.kept import of_its_file, place_of
from wattui.live.exporting import Exporter, Exports
from wattui.runs.run_json import (
    ReadSource,
    Sampling,
    read_refusals,
    read_sampling,
    read_sources,
)
from wattui.tui.state.health import SILENT, Disk, Health, alarm_text
from wattui.tui.state.processes import Processes, read_processes

# Rows beyond this rate are in the file, not on the screen.
SCREEN_HZ = 10.0
SHOWN = frozenset({"row", "event", "renamed", "undone"})


class Stream(Protocol):
    """A stream of rows, from a recorder or from a file that is played back.

    `csv` is the run file being written; `lost` says why no more rows will come; `sampling` says
    how well the recorder keeps its rate, if known; `directory` is the recorder's, for marks;
    `processes` are the processes of the machine, after the request for them.
    """

    columns: list[str]
    sources: Sequence[ReadSource]
    missing: Sequence[Refusal]
    rate_hz: float
    directory: str = ""
    csv: Path | None = None
    lost: str | None = None
    sampling: Sampling | None = None
    processes: Processes | None = None

    @property
    def disk(self) -> Disk | None:
        """What is on the disk of the run file that is being written."""
        return None

    @property
    def _stopped(self) -> str:
        return f"the recorder stopped ({self.lost}); press r to restart"

    @property
    def alarm(self) -> str | None:
        """Why nothing is being recorded, and since when, in words; None while all is well."""
        return None

    @property
    def is_silent(self) -> bool:
        """Whether requests would block for long."""
        return False

    @property
    def refusal(self) -> str:
        """Why nothing can ever be marked; empty if it can."""
        return ""

    def notices(self) -> list[str]:
        """News about exported values since the last call."""
        return []

    def poll(self) -> list[Message]:
        """Rows and events that have come since the last call."""

    def request(self, **message: Any) -> Message:
        """Send a request; an error is in the answer's `error`."""

    def finish(self, **about: Any) -> Finished | None:
        """End the stream; returns the end of a recording."""

    def stop(self, **about: Any) -> None:
        """End the stream, but leave the file of a recording as it is until `keep`."""
        self.finish(**about)

    def keep(self) -> Finished | None:
        """Convert the file of a recording that was stopped, if it is to be Parquet, which may take
        a while; returns the end of the recording, None if its recorder was lost."""
        return None


class Session(Stream):
    """One recorder process, with a run file or without; `process` is one started in advance.

    Raises RecorderError if it cannot start; `lost` says why it stopped after starting.
    """

    def __init__(
        self,
        config: Config,
        exports: Exports | None = None,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.csv, self.rate_hz = config.csv, config.rate_hz
        self._force = config.force
        self._exports = exports
        self._exporter: Exporter | None = None
        self.done: Finished | None = None
        self._is_kept, self._keeping = False, Lock()
        self._health = Health(time.monotonic_ns())
        self._messages: list[Message] = []
        self._client = Client(replace(config, follow=True), self._take, process)

    def wait_ready(self) -> Session:
        """Wait until the sources are open."""
        ready = self._client.wait_ready()
        self.columns = ready["columns"]
        self.sources = read_sources(ready["sources"])
        self.missing = read_refusals(ready["missing"])
        self.directory = str(ready["directory"])
        if self._exports:
            self._exporter = self._exports.start(self.directory, stderr=subprocess.PIPE)
        self._health = Health(time.monotonic_ns())
        self.request(do="rows", rate_hz=min(SCREEN_HZ, self.rate_hz))
        return self

    def poll(self) -> list[Message]:
        """Rows and events that have come since the last call."""
        self._listen()
        # Threads of a launch also send requests, and receive messages along with the answers.
        known = len(self._messages)
        found = self._messages[:known]
        del self._messages[:known]
        return [message for message in found if message["t"] in SHOWN]

    def unread(self) -> list[Message]:
        """What `poll` will give, so far."""
        self._listen()
        return list(self._messages)

    @property
    def disk(self) -> Disk | None:
        """What is on the disk of the run file that is being written."""
        return self._health.disk

    @property
    def is_silent(self) -> bool:
        """Whether the recorder is not responding, so that requests would block."""
        self._listen()
        return self.lost is None and self._health.trouble(time.monotonic_ns()) == SILENT

    @property
    def alarm(self) -> str | None:
        """Why nothing is being recorded, and since when, in words; None while all is well."""
        now_ns = time.monotonic_ns()
        trouble = self._health.trouble(now_ns)
        if self.lost is not None:
            trouble = self._stopped
        if trouble is None or self.done is not None:
            return None
        since_s = time.time() - self._health.well_s_ago(now_ns)
        return alarm_text(trouble, since_s, is_recording=self.csv is not None)

    def request(self, **message: Any) -> Message:
        """Send a request to the recorder; an empty answer if the recording has ended."""
        if self.lost is None and self.done is not None:
            return {}
        try:
            return {"error": self._stopped} if self.lost else self._client.request(**message)
        except RecorderError as error:
            self.lost = str(error)
            return {"error": self._stopped}

    def _listen(self) -> None:
        if self.lost is None and self.done is None:
            try:
                self._client.poll()
            except RecorderError as error:
                self.lost = str(error)

    def _take(self, message: Message) -> None:
        """Keep a message for `poll`; pulses and tables are handled at once."""
        if message["t"] == "pulse":
            self._health.take(message)
            self.sampling = read_sampling(message["sampling"])
        elif message["t"] == "processes":
            self.processes = read_processes(message)
        else:
            self._messages.append(message)

    def finish(self, **about: Any) -> Finished | None:
        """End the recording; returns None if the recorder has stopped."""
        self.stop(**about)
        return self.keep()

    def stop(self, **about: Any) -> None:
        """End the recording; its file stays a CSV until `keep`."""
        if self.lost is None and self.done is None:
            try:
                self.done = self._client.finish(**about)
            except RecorderError as error:
                self.lost = str(error)
        self._client.close()
        if self._exporter:
            self._exporter.leave()
            self._exporter = None

    def keep(self) -> Finished | None:
        """Convert the file if it is to be Parquet; a second thread waits for the first."""
        with self._keeping:
            if self.done is not None and not self._is_kept:
                self._is_kept = True
                self.done = of_its_file(self.done, self.csv, self._force)
                if self.csv is not None:
                    self.csv = place_of(self.done, self.csv)
            elif self.done is None and self.csv is not None:
                self.csv = journal_path(self.csv)
            return self.done

    def notices(self) -> list[str]:
        """News about exported values since the last call."""
        return self._exporter.notices() if self._exporter else []
