"""Writes an imported recording as a run file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorders.fingerprint import fingerprint
from recorders.runfile import (
    FORMAT_VERSION,
    RunFile,
    RunFileBusyError,
    RunFileExistsError,
    encoded,
    write_json,
)
from recorders.summary.figures import Summary
from recorders.summary.summary import summarise
from wattui.analysis.importers.joining import JoinedLogs
from wattui.analysis.importers.log import SECOND_NS
from wattui.analysis.importers.run_text import RunText
from wattui.analysis.importers.stamps import DATED_NS, stamp_text
from wattui.errors import UsageError
from wattui.version import __version__

FLUSH_BYTES = 1 << 20


def write_run(
    csv: Path, recording: JoinedLogs, about: Mapping[str, Any], force: bool
) -> dict[str, Any]:
    """Write a run file and its run.json; returns a record of both. Raises UsageError."""
    from wattui.runs.reduce import reduce_csv

    text = RunText(recording)
    reader = " and ".join(dict.fromkeys(log.reader for log in recording.logs))
    about = {**about, "reader": reader, "remarks": list(recording.remarks)}
    try:
        csv.parent.mkdir(parents=True, exist_ok=True)
        file = RunFile(csv, text.header, force)
        try:
            for lines in text.lines():
                file.write(encoded(lines))
                if file.pending_bytes > FLUSH_BYTES:
                    file.flush()
            file.flush()
        finally:
            file.close()
        summary = summarise(reduce_csv(csv))
        run = _run(recording, text, reader, about, summary)
        write_json(csv, run | {"csv": fingerprint(csv)})
    except RunFileExistsError as error:
        raise UsageError(f"{error} exists: fix: use another --out, or add --force") from None
    except RunFileBusyError as error:
        raise UsageError(f"{error} is being recorded by wattui: fix: use another --out") from None
    except OSError as error:
        raise UsageError(
            f"{csv} cannot be written ({error.strerror}): fix: use another --out"
        ) from None
    return {"csv": str(csv), **about}


def _run(
    recording: JoinedLogs,
    text: RunText,
    reader: str,
    about: Mapping[str, Any],
    summary: Summary,
) -> dict[str, Any]:
    """The content of run.json. The machine that was measured is not known."""
    channels = [
        {"name": c.name, "unit": c.unit, "origin": c.origin, "in_total": c.in_total}
        for c in recording.channels
    ]
    return {
        "format": FORMAT_VERSION,
        "status": "finished",
        "versions": {"wattui": __version__},
        "host": {},
        "clock": _clock(recording),
        "sources": [{"name": reader, "reader": "import", "channels": channels, "devices": {}}],
        "missing": [],
        "command": {},
        "import": about,
        "update_periods_s": text.update_periods_s,
        "lost_rows": 0,
        "summary": summary.to_dict(),
    }


def _clock(recording: JoinedLogs) -> dict[str, Any]:
    """Where each log begins, on the run file's axis and on its own clock."""
    first = recording.logs[0]
    begins = [
        {
            "time_s": start_ns / SECOND_NS,
            "utc" if log.utc else "local": stamp_text(log.samples[0].time_ns),
        }
        for log, start_ns in zip(recording.logs, recording.starts_ns, strict=True)
        if log.samples[0].time_ns > DATED_NS
    ]
    known = {"start_utc_ns": first.samples[0].time_ns} if first.utc else {}
    return {"name": "clock of the log", "logs": begins, **known}
