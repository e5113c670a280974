"""`wattui status`: one line about a recording that runs, for prompts and status bars."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from recorders.page import is_abandoned
from wattui.commands.parser import Parser
from wattui.errors import INCOMPLETE, UNMET, WattuiError
from wattui.live import line, snapshot
from wattui.live.snapshot import OWN_ARGV, Page, Snapshot

EVERY_S = 1.0
# How long sensors are read where no recording runs.
LOOK_S = 1.2
RATE_HZ = 10.0
EPILOG = """\
It only reads what the recorder shows, so it never disturbs a recording, however often it runs.
Without one it reads the sensors itself for about a second, and says so on stderr.

  tmux       set -g status-right '#(wattui status --only-running)'
  prompt     PS1='$(wattui status --only-running) $ '

exit codes: 0 the line is of now; 1 the recorder has stopped responding or was killed;
2 invalid usage; 3 no recording runs, with --only-running or a FILE.
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui status`."""
    made = Parser(
        prog="wattui status",
        description="Show power, phase and joules per inference now, in one line.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="the run file whose recording to show (default: that of $WATTUI_RUN, or the newest)",
    )
    made.add_argument("--json", action="store_true", help="print a snapshot as JSON on stdout")
    made.add_argument("--follow", action="store_true", help="print a line a second")
    made.add_argument(
        "--only-running",
        action="store_true",
        help="print nothing where no recording runs, and exit with 3",
    )
    return made


class NotRunningError(WattuiError):
    """The recording that was asked for does not run."""

    status = UNMET


def main(options: argparse.Namespace) -> int:
    """Print the status; returns the exit status. Raises WattuiError."""
    found = snapshot.find(time.monotonic_ns(), options.file)
    if not found and options.file:
        raise NotRunningError(f"{options.file}: no running recording writes to it")
    if not found and options.only_running:
        return UNMET
    if not found:
        with _own_recorder() as place:
            return _show(options, place, 0)
    return _show(options, found[0].place, len(found) - 1)


def _show(options: argparse.Namespace, place: Path, others: int) -> int:
    """Print one line, or a line a second until the recording ends."""
    try:
        page = Page(place)
    except OSError:
        raise NotRunningError("the recording has just ended") from None
    with contextlib.closing(page):
        while True:
            now, now_ns = page.read(), time.monotonic_ns()
            if now is None or (now.has_ended and not options.follow):
                raise NotRunningError("the recording has just ended")
            if now.has_ended:
                return 0
            is_gone = page.is_removed or (now.is_stale(now_ns) and is_abandoned(place))
            status = _print(options, now, now_ns, is_gone, others)
            if is_gone or not options.follow:
                return status
            time.sleep(EVERY_S)


def _print(
    options: argparse.Namespace, now: Snapshot, now_ns: int, is_gone: bool, others: int
) -> int:
    is_silent = is_gone or now.is_stale(now_ns)
    if options.json:
        text = json.dumps(line.as_json(now, now_ns, is_silent))
    elif is_silent:
        text = line.silence(now, now_ns, is_gone)
    else:
        text = line.line(now) + (f" · +{others} more" if others else "")
    print(text, flush=True)  # noqa: T201  stdout is data
    return INCOMPLETE if is_silent else 0


@contextlib.contextmanager
def _own_recorder() -> Iterator[Path]:
    """A recorder without a file, read for a moment; gives its directory. Raises WattuiError."""
    from recorders.client import Client, Config, RecorderError
    from wattui.show.printing import say

    say(f"no recording runs: reading the sensors for {LOOK_S:g} s")
    try:
        client = Client(Config(csv=None, rate_hz=RATE_HZ, about={"argv": OWN_ARGV}))
        ready = client.wait_ready()
        try:
            time.sleep(LOOK_S)
            yield Path(ready["directory"])
            client.finish()
        finally:
            client.close()
    except RecorderError as error:
        raise WattuiError(f"the recorder cannot start ({error})") from None
