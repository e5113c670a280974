"""Published figures as data: a JSON file each, with its source, units in the keys."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

NAMES = ("kws", "deepmeter", "synergy", "aipowermeter")


def published(name: str) -> dict[str, Any]:
    """The tables of one publication. Raises KeyError for a name not in NAMES."""
    if name not in NAMES:
        raise KeyError(name)
    found: dict[str, Any] = json.loads(
        files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    )
    return found
