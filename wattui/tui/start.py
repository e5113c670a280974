"""Starts the dashboard: the recorder first, so that it measures while the screen is made."""

from __future__ import annotations

import argparse
import os
import sys

from recorders.client import Config, RecorderError
from wattui import __version__
from wattui.config import checked, config_path, load, merged
from wattui.errors import UsageError, WattuiError
from wattui.tui.session import Session


def main(options: argparse.Namespace) -> int:
    """Show the dashboard; returns the exit status. Raises WattuiError."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the dashboard needs a terminal: record without one with "
            "`wattui --headless --csv run.csv -- COMMAND`"
        )
    if not sys.stderr.isatty():
        raise UsageError(
            "the dashboard draws on standard error, which goes elsewhere here: leave out the "
            "redirection, or record with `wattui --headless`"
        )
    given = {
        "rate_hz": options.rate,
        "estimate": options.estimate,
        "tdp_w": options.tdp,
        "all_gpus": options.all_gpus,
        "idle_s": options.idle,
    }
    known = {key: value for key, value in given.items() if value is not None}
    settings = checked(merged(load(config_path()), known, "command line"), "command line")
    config = Config(
        csv=None,
        rate_hz=settings.rate_hz,
        estimate=settings.estimate,
        tdp_w=settings.tdp_w,
        all_gpus=settings.all_gpus,
        require=options.require,
        simulate=options.simulate,
        version=__version__,
        about={"argv": ["wattui"], "cwd": os.getcwd()},
    )
    session = Session(config)
    from wattui.tui.app import Dashboard

    try:
        session.wait_ready()
    except RecorderError as error:
        raise WattuiError(f"the recorder cannot start ({error}): try again") from None
    ascii_only = os.environ.get("TERM") == "linux" or not _speaks_utf8()
    app = Dashboard(session, config, settings.idle_s, ascii_only)
    try:
        app.run()
    finally:
        csv = app.close_session()
    if csv is not None:
        sys.stderr.write(f"wattui: recorded into {csv}: wattui summary {csv}\n")
    return app.return_code or 0


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
