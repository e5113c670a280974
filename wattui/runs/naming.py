"""Names the run file that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wattui.errors import UsageError
from wattui.runs.run_file import NotARunFileError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what keeps a run file from being read into a UsageError that names it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or "it is no plain file"
        raise UsageError(f"{path} cannot be read ({reason}): check the name") from None
    except NotARunFileError as error:
        raise UsageError(f"{path} is not a run file: {error}") from None
