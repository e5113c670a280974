"""Names of run files: one to suggest, and why one cannot be."""

from __future__ import annotations

import time
from pathlib import Path


def suggested(stem: str = "wattui") -> Path:
    """A name with the time of day, which is new."""
    return Path(time.strftime(f"{stem}-%Y%m%d-%H%M%S.csv"))


def refusal(text: str) -> str | None:
    """Why a run file of this name cannot be written; None where it can, or nothing is named."""
    path = Path(text.strip())
    if not text.strip():
        return None
    if path.suffix == ".json":
        return "its summary would have the same name: end it in .csv"
    for name in (path, path.with_suffix(".json")):
        if name.exists():
            return f"{name} exists: give another name"
    if not path.absolute().parent.is_dir():
        return f"there is no folder {path.parent}"
    return None
