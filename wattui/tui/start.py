"""Starts the dashboard; the recorder first, so that it measures while the screen loads."""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recorders.client import Config, RecorderError
from wattui.calibrations import fit_text
from wattui.config import config_path, from_options, load
from wattui.errors import INCOMPLETE, UsageError, WattuiError
from wattui.live.exporting import exports_of
from wattui.show.printing import say
from wattui.tui.first_watts import FirstWatts
from wattui.tui.state.options import Start, configured
from wattui.tui.state.session import Session, Stream
from wattui.version import __version__

if TYPE_CHECKING:
    from wattui.tui.state.fleet import FleetWatch

# Terminals and locales where only ASCII is reliable.
ASCII_TERMINALS = frozenset({"linux", "vt100", "vt220", "dumb", "ansi"})
ASCII_LOCALES = frozenset({"C", "POSIX"})
# Set when the program is served to a browser, where it has no terminal.
DRIVER = "TEXTUAL_DRIVER"


def main(options: argparse.Namespace, recorder: subprocess.Popen[bytes] | None = None) -> int:
    """Show the dashboard; returns the exit status. Raises WattuiError.

    `recorder` is a recorder process that was started in advance.
    """
    if DRIVER not in os.environ:
        _check_terminal()
    known = from_options(options)
    path = config_path()
    settings = replace(load(path), **known)
    config = Config(
        csv=None,
        require=options.require,
        simulate=options.simulate,
        quoted=options.per_inference_from,
        counted=options.count,
        wall_fit=fit_text() if options.wall_estimate else "",
        has_command=True,
        version=__version__,
        about={"argv": ["wattui"]},
    )
    config = configured(config, settings)
    exports = exports_of(options)
    stream: Stream
    fleet = None
    if options.replay is not None:
        if exports:
            raise UsageError("--replay has nothing to export: fix: leave out one of the two")
        stream, fleet = _replayed(Path(options.replay), options.speed)
    else:
        stream = session = Session(config, exports, recorder)
        first = FirstWatts(session, None if DRIVER in os.environ else sys.__stderr__)
        first.start()
    # Import Textual while the recorder probes its sensors.
    from wattui.tui.app import Dashboard
    from wattui.tui.terminal.crash import error_line, keep_log, log_path

    if options.replay is None:
        try:
            first.end()
        except RecorderError as error:
            raise WattuiError(f"the recorder cannot start ({error}); try again") from None
    ascii_only = needs_ascii(dict(os.environ), _encoding())
    log = log_path()
    keep_log(log)
    start = Start(
        settings,
        config,
        path,
        tuple(known),
        ascii_only,
        exports,
        recall_path=log.with_name("commands.json"),
        greeted_path=log.with_name("greeted"),
        # What is there by then stays, and need not be searched for garbage again and again.
        when_drawn=gc.freeze,
    )
    app = Dashboard(stream, start, fleet)
    try:
        app.run()
    finally:
        ended = app.close_session()
    if app.error is not None:
        say(error_line(app.error, log))
    for csv, missing in ended:
        say(f"recorded to {csv}; for the summary, run: wattui summary {csv}", *missing)
    return app.return_code or (INCOMPLETE if any(missing for _, missing in ended) else 0)


def _replayed(path: Path, speed: float) -> tuple[Stream, FleetWatch | None]:
    """The rows of a run file or of a node; of a fleet's folder, also what watches its nodes.

    Raises UsageError.
    """
    from wattui.fleet.folder import newest_run
    from wattui.tui.state.fleet import Fleet, FleetWatch, NoRows
    from wattui.tui.state.fleet_node import node_file
    from wattui.tui.state.playback import Playback

    if not path.is_dir():
        return Playback(path, speed), None
    if run := newest_run(path):
        return NoRows(), FleetWatch(Fleet(run))
    return Playback(node_file(path), speed), None


def needs_ascii(environ: dict[str, str], encoding: str = "utf-8") -> bool:
    """Whether the terminal can be trusted with ASCII only.

    Python itself sets LC_CTYPE=C.UTF-8 for a plain C locale, which says nothing about the terminal.
    """
    ctype = environ.get("LC_CTYPE", "")
    named = environ.get("LC_ALL") or (ctype if ctype != "C.UTF-8" else "") or environ.get("LANG")
    if environ.get("TERM") in ASCII_TERMINALS or named in ASCII_LOCALES:
        return True
    return not encoding.lower().replace("_", "-").startswith("utf-")


def _encoding() -> str:
    """The encoding of the stream that the dashboard draws on; UTF-8 for a browser."""
    stream = None if DRIVER in os.environ else sys.__stderr__
    return stream.encoding if stream else "utf-8"


def _check_terminal() -> None:
    """Raise UsageError if there is no terminal to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal; to record without one, run "
            "`wattui --headless --csv run.csv -- COMMAND`"
        )
    if not sys.stderr.isatty():
        raise UsageError(
            "the dashboard draws on standard error, which is redirected; remove the redirection, "
            "or record with `wattui --headless`"
        )
