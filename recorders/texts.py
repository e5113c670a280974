"""What users may write into a run file: labels and notes, bounded, and none like ours. Pure."""

from __future__ import annotations

import re

# So much of a label or a note is kept, in bytes of UTF-8.
MOST_BYTES = 4096
# How the recorder's own notes begin. Readers take what follows as facts of the recording.
OWN_NOTES = (
    "broken off",
    "command ended",
    "cut",
    "dropped",
    "hidden_gpus",
    "implausible",
    "import",
    "integrated",
    "lacks",
    "lost marks",
    "meter",
    "mig",
    "missing",
    "moving",
    "no_range",
    "now",
    "old_idle",
    "per_phase",
    "read again",
    "refused",
    "run_file",
    "stuck",
    "the machine was suspended",
    "undone",
    "unmatched",
    "update_period_s",
    "which_gpu",
)
_LIKE_OURS = re.compile(rf"(?:{'|'.join(OWN_NOTES)})\b")


def cut(text: str) -> str:
    """As much of a label or note as is kept; what was cut ends with …"""
    if len(text) * 4 <= MOST_BYTES:
        return text
    data = text.encode(errors="backslashreplace")
    if len(data) <= MOST_BYTES:
        return text
    return data[: MOST_BYTES - len("…".encode())].decode(errors="ignore") + "…"


def users_note(text: str) -> str:
    """A user's note as it stands in the file: after a space where it begins like one of ours.

    No other note begins with a space, so a reader takes none of a user's for the recorder's.
    """
    text = text.strip()
    return f" {text}" if _LIKE_OURS.match(text) else text
