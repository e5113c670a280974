"""Dashboard crashes: details go to a log file, one line to the user."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from pathlib import Path

from platformdirs import user_state_path


def log_path() -> Path:
    """The error log file."""
    return user_state_path("wattui") / "dashboard.log"


def keep_log(path: Path) -> None:
    """Send errors of threads, tasks and libraries to the log instead of the screen."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, delay=True, encoding="utf-8", errors="replace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(handler)
        # If the log cannot be written, stay silent rather than write over the screen.
        logging.raiseExceptions = False
    threading.excepthook = _on_thread_error


def log_error(error: BaseException) -> None:
    """Log an error with its traceback."""
    logging.getLogger("wattui").critical("the dashboard crashed", exc_info=error)


def error_line(error: BaseException, path: Path) -> str:
    """One line about the error: what, where, and the log file."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    said = " ".join(str(error).split())[:200]
    what = f"{type(error).__name__}{': ' if said else ''}{said}"
    return f"the dashboard crashed ({what}{place}); details in {path}"


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        log_error(args.exc_value)
