"""The process that exports a recording: it reads the page, and answers or pushes.

Its first line on standard input is what to do (`wattui.live.exporting` writes it). It ends with the
recording, whatever became of the front end, and says on standard error what a person must know.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recorders.page import is_abandoned
from wattui.live.exporting import FLUSH_S
from wattui.live.snapshot import Page
from wattui.show.printing import say

LOOK_S = 0.2


def main() -> int:
    """Export until the recording ends; returns the exit status."""
    try:
        _export(json.loads(sys.stdin.readline()))
    except Exception as error:  # a person gets one line, and the recording is not affected
        say(f"the recording is not exported: {type(error).__name__}: {error}")
        return 1
    return 0


def _export(config: Mapping[str, Any]) -> None:
    try:
        page = Page(Path(config["directory"]))
    except OSError:
        return  # the recording ended at once
    if (descriptor := config["listener"]) is not None:
        from wattui.live.prometheus import MetricsServer

        server = MetricsServer(socket.socket(fileno=descriptor), page.read)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    provider: Any = None
    trouble = Trouble(config["otlp"] or "")
    if config["otlp"] is not None:
        from wattui.live import otlp

        provider = otlp.start(config["otlp"], page.read, trouble.tell, config["every_s"])
    print("ready", flush=True)  # noqa: T201  the front end waits for it
    while not _has_ended(page):
        time.sleep(LOOK_S)
    if provider is not None:
        threading.Thread(target=_flush, args=(provider,), daemon=True).start()
        time.sleep(FLUSH_S)
        trouble.tell("no answer at the end")
    os._exit(0)


class Trouble:
    """Says once that values do not reach a collector."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._is_told = False

    def tell(self, reason: str) -> None:
        """Say the reason, the first time."""
        if not self._is_told:
            self._is_told = True
            say(f"--otlp: {self._host}: {reason}: values are dropped while this lasts")


def _has_ended(page: Page) -> bool:
    now = page.read()
    if page.is_removed or (now is not None and now.has_ended):
        return True
    is_stale = now is None or now.is_stale(time.monotonic_ns())
    return is_stale and is_abandoned(page.place)


def _flush(provider: Any) -> None:
    """Push the last values, and end this process."""
    provider.shutdown()
    os._exit(0)
