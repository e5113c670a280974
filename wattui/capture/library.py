"""The recorder as a library: `with wattui.record("run.csv") as run: …`."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

from recorders.client import Client, Config, RecorderError
from recorders.summary.figures import Summary
from recorders.summary.reduction import Reducer
from recorders.summary.summary import summarise
from recorders.wire import Message
from wattui import marks
from wattui.capture.kept import of_its_file, place_of
from wattui.capture.surroundings import surroundings
from wattui.live.exporting import Exports
from wattui.version import __version__

# For rows that were written just before.
WRITTEN_S = 0.02
# Recordings in progress in this process, the innermost last: marks go to that one.
_nested: list[Recording] = []
_nesting = threading.Lock()


class Recording:
    """A recording made from Python; see `record`.

    `summary` is set when it has ended; `summary.to_dict()` is its plain form, as in run.json.
    """

    def __init__(self, config: Config, exports: Exports | None = None) -> None:
        self._config, self._exports = config, exports
        self._thread = 0
        self._reducer = Reducer(())
        self.summary: Summary | None = None

    def __enter__(self) -> Recording:
        self._thread = threading.get_ident()
        with _nesting:
            if _nested and _nested[-1]._thread != self._thread:
                raise RecorderError(
                    "busy",
                    "another thread of this program is recording, and marks go to one "
                    "recording: fix: end it first, or record each in its own process",
                )
            self._client = Client(self._config, self._on_message)
            ready = self._client.wait_ready()
            self._reducer = Reducer(ready["columns"])
            self._before = os.environ.get(marks.ENVIRONMENT)
            self._outer = marks.take_off()
            os.environ[marks.ENVIRONMENT] = str(ready["directory"])
            _nested.append(self)
        if self._exports:
            self._exporter = self._exports.start(str(ready["directory"])).wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        try:
            done = self._client.finish(argv=sys.argv)
            self.summary = done.summary
            kept = of_its_file(done, self._config.csv, self._config.force)
            self.summary = kept.summary
            if self._config.csv and place_of(kept, self._config.csv) != self._config.csv:
                warnings.warn(kept.remarks[-1], stacklevel=2)
        except RecorderError:
            if error is None:  # otherwise the body's own error is the one to report
                raise
        finally:
            self._client.close()
            if self._exports:
                self._exporter.end()
                self._exports.close()

    def so_far(self) -> Summary:
        """The summary of the phases so far; a recording that does not `follow` knows of none."""
        self._client.poll(WRITTEN_S)
        return summarise(self._reducer.reduction)

    def _on_message(self, message: Message) -> None:
        if message["t"] == "event":
            where = message["phase"], message["label"], message["repeat"]
            row = message["time"], message["cells"], message["event"], where
            self._reducer.add(*row, message["inferences"], message.get("counts"))

    def _leave(self) -> None:
        """Send marks to the enclosing recording, even if an inner one is still open."""
        with _nesting:
            place = _nested.index(self)
            if place < len(_nested) - 1:
                inner = _nested[place + 1]
                if (link := inner._outer[1]) is not None:
                    link.close()
                inner._outer, inner._before = self._outer, self._before
            else:
                os.environ.pop(marks.ENVIRONMENT, None)
                if self._before is not None:
                    os.environ[marks.ENVIRONMENT] = self._before
                marks.put_back(self._outer)
            del _nested[place]


def record(
    csv: str | Path, *, prometheus: str | None = None, otlp: str | None = None, **settings: Any
) -> Recording:
    """Record this program: `with wattui.record("run.csv") as run: …`, then `run.summary`.

    Settings are those of `Config`: rate_hz, force, estimate, tdp_w, all_gpus, require, meters,
    counters, tokens, drain_s.
    `prometheus` ("9464") and `otlp` ("http://localhost:4318") are as on the command line.
    Recordings may nest in one thread; marks go to the innermost. Raises RecorderError when the file
    exists or cannot be written, a requirement is not met, or another thread is recording, and
    UsageError if the values cannot be exported.
    """
    exports = None if prometheus is None and otlp is None else Exports(prometheus, otlp)
    settings.setdefault("about", surroundings())
    return Recording(Config(csv=Path(csv), version=__version__, **settings), exports)
