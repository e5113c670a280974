"""User text in a run file: labels and notes, of bounded length, unlike our own notes. Pure."""

from __future__ import annotations

import re

# The most bytes of UTF-8 kept of a label or note.
MOST_BYTES = 4096
# The beginnings of the recorder's own notes, which readers take as facts of the recording.
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
    """A label or note truncated to the maximum length, ending in … if truncated."""
    if len(text) * 4 <= MOST_BYTES:
        return text
    data = text.encode(errors="backslashreplace")
    if len(data) <= MOST_BYTES:
        return text
    return data[: MOST_BYTES - len("…".encode())].decode(errors="ignore") + "…"


def users_note(text: str) -> str:
    """A user's note as written in the file, with a leading space if it begins like one of ours.

    No other note begins with a space, so readers never take a user's note for the recorder's.
    """
    text = text.strip()
    return f" {text}" if _LIKE_OURS.match(text) else text
