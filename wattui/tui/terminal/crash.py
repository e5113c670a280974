"""Errors of the dashboard's own: all about them in a log file, one line for the person."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from pathlib import Path

from platformdirs import user_state_path


def log_path() -> Path:
    """The file that errors are written to."""
    return user_state_path("wattui") / "dashboard.log"


def keep_log(path: Path) -> None:
    """Write what threads, tasks and libraries complain about to the log, not over the screen."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, delay=True, encoding="utf-8", errors="replace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(handler)
        # A log that cannot be written is not complained about on the screen either.
        logging.raiseExceptions = False
    threading.excepthook = _on_thread_error


def log_error(error: BaseException) -> None:
    """Write an error with its traceback to the log."""
    logging.getLogger("wattui").critical("the dashboard failed", exc_info=error)


def error_line(error: BaseException, path: Path) -> str:
    """The error in a line: what, where, and where more of it is written."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    said = " ".join(str(error).split())[:200]
    what = f"{type(error).__name__}{': ' if said else ''}{said}"
    return f"the dashboard failed ({what}{place}): see {path}"


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        log_error(args.exc_value)
