"""The same recorder without the command line: `with wattui.record("run.csv") as run: …`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from recorders.client import Client, Config, RecorderError
from wattui import marks


class Recording:
    """A recording made from Python; see `record`. `summary` is there when it has ended."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.summary: dict[str, Any] | None = None
        self.run: dict[str, Any] | None = None

    def __enter__(self) -> Recording:
        self._client = Client(self._config)
        ready = self._client.wait_ready()
        self._before = os.environ.get(marks.ENVIRONMENT)
        self._outer = marks.take_off()
        os.environ[marks.ENVIRONMENT] = str(ready["directory"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.environ.pop(marks.ENVIRONMENT, None)
        if self._before is not None:
            os.environ[marks.ENVIRONMENT] = self._before
        marks.put_back(self._outer)
        try:
            done = self._client.finish(argv=sys.argv)
            self.run, self.summary = done["run"], done["run"]["summary"]
        except RecorderError:
            if error is None:  # else the body's own error is the one to tell
                raise
        finally:
            self._client.close()


def record(csv: str | Path, **settings: Any) -> Recording:
    """Record this program: `with wattui.record("run.csv") as run: …`, then `run.summary`.

    Settings are those of `Config`: rate_hz, force, estimate, tdp_w, all_gpus, require, meters.
    Raises RecorderError when the file exists or cannot be written, or a requirement is not met.
    """
    return Recording(Config(csv=Path(csv), **settings))
