"""Errors, each with one line for the user and an exit status."""

from __future__ import annotations

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
