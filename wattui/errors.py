"""Errors, each with one line for the user and an exit status."""

from __future__ import annotations

from pathlib import Path

INCOMPLETE, USAGE, UNMET, REGRESSED, NOT_STARTED = 1, 2, 3, 4, 127


class WattuiError(Exception):
    """Ends the program with one line on stderr."""

    status = INCOMPLETE


class UsageError(WattuiError):
    """Invalid usage; nothing was started."""

    status = USAGE


class UnmetError(WattuiError):
    """A sensor named by --require is not there; nothing was started."""

    status = UNMET


class NotStartedError(WattuiError):
    """The command cannot be started."""

    status = NOT_STARTED


def unreadable(path: Path | str, error: OSError) -> UsageError:
    """The error for a file that cannot be read; `path` may begin with the option that names it."""
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{path}: no such file: check the name")
    reason = error.strerror or "it is not a regular file"
    return UsageError(f"{path} cannot be read ({reason}): check the name")
