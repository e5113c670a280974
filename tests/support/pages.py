"""Pages of recordings that are not being made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorders.publisher import Publisher

CHANNELS = {
    "powercap": [("package0", "J", "measured"), ("package1", "J", "measured")],
    "nvml": [("gpu0", "J", "measured"), ("gpu0_util", "pct", "measured")],
}
READINGS = {
    "package0_J": ("10.0", "412.100000"),
    "package0_W": ("10.0", "21.300"),
    "package1_J": ("10.0", "390.000000"),
    "package1_W": ("9.9", "20.900"),
    "gpu0_J": ("9.8", "3000.123000"),
    "gpu0_W": ("9.8", "311.400"),
    "gpu0_util_pct": ("9.5", "97.00"),
}
PROGRESS = {
    "channel": "total",
    "label": "b32",
    "repeat": None,
    "energy_j": 83.0,
    "inferences": 100,
    "joules_per_inference": 0.83,
    "why": "",
    "counts": {},
}


def fixed(
    channels: Mapping[str, list[tuple[str, str, str]]] = CHANNELS, **changes: Any
) -> dict[str, Any]:
    """The part of a page that never changes."""
    return {
        "pid": 4711,
        "version": "0",
        "csv": "/data/run.csv",
        "rate_hz": 10.0,
        "start_monotonic_ns": 1_000_000_000,
        "start_utc_ns": 1_700_000_000_000_000_000,
        "argv": ["python", "infer.py"],
        "sources": [
            {
                "name": source,
                "channels": [
                    {"name": name, "unit": unit, "origin": origin, "in_total": unit == "J"}
                    for name, unit, origin in found
                ],
            }
            for source, found in channels.items()
        ],
        "periods_s": {"gpu0": 0.1},
        "refused": ["psys"],
    } | changes


def now(**changes: Any) -> dict[str, Any]:
    """The rest of a page."""
    return {
        "at_ns": 11_000_000_000,
        "time_s": "10.0",
        "phase": "running",
        "label": "b32",
        "repeat": 2,
        "inferences": 100,
        "counts": {},
        "progress": PROGRESS,
        "flags": [],
        "contents": "",
        "lost": [],
        "disk": None,
        "ended": False,
    } | changes


def whole(readings: Mapping[str, tuple[str, str]] = READINGS, **changes: Any) -> dict[str, Any]:
    """A page as it is read."""
    given = fixed() | now() | changes
    return {**given, "readings": {name: list(pair) for name, pair in readings.items()}}


def write_page(place: Path, page: Mapping[str, Any], **changes: Any) -> None:
    """Put a page into a recorder's directory."""
    given = {**page, **changes}
    columns = list(given["readings"])
    rows = [
        (time_text, [text if column == name else "" for column in columns])
        for name, (time_text, text) in given["readings"].items()
    ]
    publisher = Publisher(place, {key: given[key] for key in fixed()}, columns)
    publisher.put({key: given[key] for key in now()}, rows)
    publisher.close()
