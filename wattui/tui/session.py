"""The recorder process as the dashboard sees it: messages in, requests out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from recorders.client import Client, Config, RecorderError
from recorders.wire import Message

# Rows beyond this rate are in the file, not on the screen.
SCREEN_HZ = 10.0
SHOWN = frozenset({"row", "event", "renamed", "undone"})


class Stream(Protocol):
    """Rows that come by themselves: from a recorder, or from a file that is played back.

    `csv` is the run file being written; `lost` says why nothing more will come.
    """

    columns: list[str]
    sources: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    directory: str
    lost: str | None

    @property
    def csv(self) -> Path | None:
        """The run file being written."""

    @property
    def rate_hz(self) -> float:
        """Samples per second."""

    def poll(self) -> list[Message]:
        """Rows and events that have come since the last call."""

    def request(self, **message: Any) -> Message:
        """Ask for something; what is wrong with it is the answer's `error`."""

    def finish(self, **about: Any) -> Message | None:
        """End it; returns a recording's `done` message."""


class Session:
    """One recorder process, with a run file or without.

    Raises RecorderError where it cannot start; `lost` says why one that had started is gone.
    """

    def __init__(self, config: Config) -> None:
        self._config = replace(config, follow=True)
        self._messages: list[Message] = []
        self._client = Client(self._config, self._messages.append)
        self.lost: str | None = None
        self.done: Message | None = None

    def wait_ready(self) -> Session:
        """Wait until the sources are open."""
        ready = self._client.wait_ready()
        self.columns: list[str] = ready["columns"]
        self.sources: list[dict[str, Any]] = ready["sources"]
        self.missing: list[dict[str, Any]] = ready["missing"]
        self.directory = str(ready["directory"])
        self.request(do="rows", rate_hz=min(SCREEN_HZ, self._config.rate_hz))
        return self

    @property
    def csv(self) -> Path | None:
        """The run file being written."""
        return self._config.csv

    @property
    def rate_hz(self) -> float:
        """Samples per second asked for."""
        return self._config.rate_hz

    def poll(self) -> list[Message]:
        """Rows and events that have come since the last call."""
        if self.lost is None and self.done is None:
            try:
                self._client.poll()
            except RecorderError as error:
                self.lost = str(error)
        # A launched command's threads ask the recorder as well, and messages come with the answers.
        known = len(self._messages)
        found = self._messages[:known]
        del self._messages[:known]
        return [message for message in found if message["t"] in SHOWN]

    def request(self, **message: Any) -> Message:
        """Ask the recorder; an empty answer where it is lost."""
        if self.lost is not None or self.done is not None:
            return {}
        try:
            return self._client.request(**message)
        except RecorderError as error:
            self.lost = str(error)
            return {}

    def finish(self, **about: Any) -> Message | None:
        """End the recording; returns its `done` message, None where the recorder is lost."""
        if self.lost is None and self.done is None:
            try:
                self.done = self._client.finish(**about)
            except RecorderError as error:
                self.lost = str(error)
        self._client.close()
        return self.done
