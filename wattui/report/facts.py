"""Facts about a recording beside its figures: machine, method, versions, command, date."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from wattui.analysis.results_file import Note
from wattui.clean import texts
from wattui.report.document import Facts
from wattui.runs.run_json import RunJson
from wattui.show.summary import machine_line, missing, sampling_text

CODE = frozenset({"command", "file"})


def facts_of(about: RunJson, file: str, first_utc: str | None) -> Facts:
    """Everything about the recording itself, as far as known."""
    statuses = ("–" if status is None else str(status) for status in about.exit_statuses)
    found = (
        ("file", file),
        ("recorded", _date(about.start_utc_ns, first_utc)),
        ("command", shlex.join(about.argv)),
        ("commit", about.commit.short if about.commit else ""),
        ("exit status", ", ".join(statuses)),
        ("status", about.status or ""),
        ("machine", machine_line(about).plain),
        ("method", sampling_text(about)),
        ("versions", " · ".join(f"{name} {text}" for name, text in about.versions.items())),
        ("imported from", about.imported_from),
    )
    return Facts(tuple((term, text) for term, text in found if text), CODE)


def missing_of(about: RunJson) -> tuple[Note, ...]:
    """Sources that were refused or missing, each with its reason and fix."""
    return tuple(
        Note(refusal.source, "", refusal.reason, refusal.remedy)
        for refusal in texts(missing(about))
    )


def _date(start_utc_ns: int | None, first_utc: str | None) -> str:
    try:
        if start_utc_ns is not None:
            started = datetime.fromtimestamp(start_utc_ns / 1e9, UTC)
        else:
            started = datetime.fromisoformat(first_utc or "")
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{started:%Y-%m-%d %H:%M:%S} UTC"
