"""Errors, each with one line for the user and an exit status."""

from __future__ import annotations

FAILED, USAGE = 1, 2


class WorkloadError(Exception):
    """Ends the workload with one line on stderr."""

    status = FAILED


class UsageError(WorkloadError):
    """An invalid option, file or model; nothing was run."""

    status = USAGE
