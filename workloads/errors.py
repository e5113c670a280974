"""Errors, each with one line for the user and an exit status."""

from __future__ import annotations

from pathlib import Path

FAILED, USAGE = 1, 2


class WorkloadError(Exception):
    """Ends the workload with one line on stderr."""

    status = FAILED


class UsageError(WorkloadError):
    """An invalid option, file or model; nothing was run."""

    status = USAGE


def unreadable(path: Path, error: OSError) -> UsageError:
    """The error for a model file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{path}: no such file: check the name")
    return UsageError(f"{path} cannot be read ({error.strerror or error}): check the name")
