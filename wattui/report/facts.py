"""What is known of a recording beside its figures: machine, method, versions, command, date."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from wattui.report.document import Facts, Note
from wattui.show.summary import machine_line, method_parts

CODE = frozenset({"command", "file"})


def facts_of(run: dict[str, Any], file: str, first_utc: str | None) -> Facts:
    """Everything about the recording itself, as far as it is known."""
    found = (
        ("file", file),
        ("recorded", _date(run, first_utc)),
        ("command", _command(run)),
        ("exit status", _exit(run)),
        ("status", run.get("status", "")),
        ("machine", machine_line(run).plain),
        ("method", _method(run)),
        ("versions", _versions(run)),
        ("imported from", _imported(run)),
    )
    known = tuple((term, text) for term, text in found if text)
    if not run:
        known += (("run.json", "is missing: machine, method and command are unknown"),)
    return Facts(known, CODE)


def missing_of(run: dict[str, Any]) -> tuple[Note, ...]:
    """Sources that were refused or not there, each with its reason and what mends it."""
    return tuple(_missing(part.plain) for part in method_parts({**run, "sampling": None}))


def _missing(text: str) -> Note:
    said, _, remedy = text.removeprefix("– ").partition("\n  mend: ")
    name, _, reason = said.partition("  ")
    return Note(name, "", reason, remedy)


def _date(run: dict[str, Any], first_utc: str | None) -> str:
    started_ns = run.get("clock", {}).get("start_utc_ns")
    try:
        if isinstance(started_ns, int):
            started = datetime.fromtimestamp(started_ns / 1e9, UTC)
        else:
            started = datetime.fromisoformat(first_utc or "")
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{started:%Y-%m-%d %H:%M:%S} UTC"


def _command(run: dict[str, Any]) -> str:
    argv = run.get("command", {}).get("argv")
    return shlex.join(map(str, argv)) if isinstance(argv, list) and argv else ""


def _exit(run: dict[str, Any]) -> str:
    statuses = run.get("command", {}).get("exit_statuses")
    known = statuses if isinstance(statuses, list) else []
    return ", ".join("–" if status is None else str(status) for status in known)


def _versions(run: dict[str, Any]) -> str:
    versions = run.get("versions", {}).items()
    return " · ".join(f"{name} {text}" for name, text in versions if text and isinstance(text, str))


def _imported(run: dict[str, Any]) -> str:
    found = run.get("import")
    source = found.get("source") if isinstance(found, dict) else None
    return source if isinstance(source, str) else ""


def _method(run: dict[str, Any]) -> str:
    return "\n".join(part.plain for part in method_parts({**run, "missing": []}))
