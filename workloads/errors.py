"""What can go wrong, as one line for a person and an exit status."""

from __future__ import annotations

FAILED, USAGE = 1, 2


class WorkloadError(Exception):
    """Ends the workload with one line on stderr."""

    status = FAILED


class UsageError(WorkloadError):
    """An option, a file or a model that cannot be; nothing was run."""

    status = USAGE
