"""The working directory, which may be gone."""

from __future__ import annotations

import os


def working_directory() -> str | None:
    """The current directory; None if it was deleted or cannot be looked up."""
    try:
        return os.getcwd()
    except OSError:
        return None
