"""What is known of a recording beside its figures: machine, method, versions, command, date."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from wattui.report.document import Facts, Note
from wattui.tables import machine_line, method_parts

CODE = frozenset({"command", "file"})


def facts_of(run: dict[str, Any], file: str, first_utc: str | None) -> Facts:
    """Everything about the recording itself, as far as it is known."""
    found = (
        ("file", file),
        ("recorded", _date(run, first_utc)),
        ("command", _command(run)),
        ("exit status", _exit(run)),
        ("status", run.get("status", "")),
        ("machine", _plain(lambda: [machine_line(run)])),
        ("method", _plain(lambda: list(method_parts({**run, "missing": []})))),
        ("versions", _versions(run)),
        ("imported from", str(run.get("import", {}).get("source", "")) if _imported(run) else ""),
    )
    known = tuple((term, text) for term, text in found if text)
    if not run:
        known += (("run.json", "is missing: machine, method and command are unknown"),)
    return Facts(known, CODE)


def missing_of(run: dict[str, Any]) -> tuple[Note, ...]:
    """Sources that were refused or not there, each with its reason and what mends it."""
    try:
        parts = list(method_parts({**run, "sampling": None}))
    except (KeyError, TypeError, AttributeError):
        return ()
    return tuple(_missing(part.plain) for part in parts)


def _missing(text: str) -> Note:
    said, _, remedy = text.removeprefix("– ").partition("\n  mend: ")
    name, _, reason = said.partition("  ")
    return Note(name, "", reason, remedy)


def _date(run: dict[str, Any], first_utc: str | None) -> str:
    started_ns = run.get("clock", {}).get("start_utc_ns")
    if isinstance(started_ns, int | float):
        try:
            started = datetime.fromtimestamp(started_ns / 1e9, UTC)
        except (OverflowError, ValueError, OSError):
            return first_utc or ""
        return f"{started:%Y-%m-%d %H:%M:%S} UTC"
    if first_utc and len(first_utc) >= 19:
        return f"{first_utc[:10]} {first_utc[11:19]} UTC"
    return first_utc or ""


def _command(run: dict[str, Any]) -> str:
    argv = run.get("command", {}).get("argv")
    return shlex.join(map(str, argv)) if isinstance(argv, list) and argv else ""


def _exit(run: dict[str, Any]) -> str:
    statuses = run.get("command", {}).get("exit_statuses")
    return ", ".join(map(str, statuses)) if isinstance(statuses, list) else ""


def _versions(run: dict[str, Any]) -> str:
    return " · ".join(f"{name} {text}" for name, text in run.get("versions", {}).items() if text)


def _imported(run: dict[str, Any]) -> bool:
    return isinstance(run.get("import"), dict)


def _plain(parts: Any) -> str:
    """Rich texts as lines; empty where run.json has not the form that it should have."""
    try:
        return "\n".join(_lines(parts()))
    except (KeyError, TypeError, AttributeError, ValueError):
        return ""


def _lines(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if part.plain:
            yield part.plain
