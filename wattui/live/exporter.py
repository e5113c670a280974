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
from pathlib import Path
from typing import Any

from recorders.page import is_abandoned
from wattui.live.exporting import FLUSH_S
from wattui.live.snapshot import Page
from wattui.show.printing import say

LOOK_S = 0.1


def main() -> int:
    """Export until the recording ends; returns the exit status."""
    config = json.loads(sys.stdin.readline())
    try:
        page = Page(Path(config["directory"]))
    except OSError:
        return 0  # it ended at once
    provider: Any = None
    if (descriptor := config["listener"]) is not None:
        from wattui.live.prometheus import MetricsServer

        server = MetricsServer(socket.socket(fileno=descriptor), page.read)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    if (url := config["otlp"]) is not None:
        from wattui.live import otlp

        def tell(reason: str) -> None:
            say(f"--otlp {url}: {reason}: nothing is sent while that lasts; the recording goes on")

        provider = otlp.start(url, page.read, tell, config["every_s"])
    while not _has_ended(page):
        time.sleep(LOOK_S)
    if provider is not None:
        threading.Thread(target=_flush, args=(provider,), daemon=True).start()
        time.sleep(FLUSH_S)
    os._exit(0)


def _has_ended(page: Page) -> bool:
    now = page.read()
    if now is not None and now.has_ended:
        return True
    if page.is_removed:
        return True
    is_stale = now is None or now.is_stale(time.monotonic_ns())
    return is_stale and is_abandoned(page.place)


def _flush(provider: Any) -> None:
    """Push the last values, and end this process."""
    provider.shutdown(timeout_millis=FLUSH_S * 1000)
    os._exit(0)
