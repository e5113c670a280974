"""The process that matches a command's output: a pattern may take for ever, and can then be ended.

Python's matcher lets nothing else of its process go on, so it has one to itself. What was printed
comes on standard input; for each piece the requests that it makes go out as a line of JSON.
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
    """Match until standard input ends; empty patterns are none."""
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
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
