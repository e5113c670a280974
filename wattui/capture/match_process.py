"""The process that matches a command's output, so that a pattern that never ends can be killed.

Python's matcher blocks every other thread, so it gets its own process. Output arrives on standard
input; the requests from each piece leave as one line of JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys

from wattui.capture.matching import HEADER, Matcher

PR_SET_PDEATHSIG = 1
DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main(count: str, phase: str) -> int:
    """Match until standard input ends; an empty pattern matches nothing."""
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":  # elsewhere it ends with its standard input
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    matcher = Matcher(_pattern(count), _pattern(phase))
    printed = sys.stdin.buffer
    while header := printed.read(HEADER.size):
        stream, at_ns, size = HEADER.unpack(header)
        found = matcher.feed(stream, printed.read(size)) if stream else matcher.finish()
        requests = [r | {"at_ns": at_ns} if r["do"] == "mark" else r for r in found]
        _write(json.dumps(requests).encode() + b"\n")
    return 0


def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text) if text else None


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
