"""User text in a run file: labels and notes, of bounded length, unlike our own notes. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

# The most bytes of UTF-8 kept of a label or note.
MOST_BYTES = 4096


class OwnNote(StrEnum):
    """The beginnings of the recorder's own notes, which readers take as facts of the recording."""

    ANSWERS = "answers"
    ASSUMED_PERIOD = "assumed_period"
    BROKEN_OFF = "broken off"
    COMMAND_ENDED = "command ended"
    COUNTED_AT_REQUEST_END = "counted_at_request_end"
    COUNTED_ELSEWHERE = "counted_elsewhere"
    CUT = "cut"
    DRAINED = "drained"
    DROPPED = "dropped"
    HEADLINE = "headline"
    HIDDEN_GPUS = "hidden_gpus"
    IMPLAUSIBLE = "implausible"
    IMPORT = "import"
    INTEGRATED = "integrated"
    IN_USER_MODE = "of_user_mode"
    LACKS = "lacks up to"
    LEFT_PASS = "left_pass"
    LOST_MARKS = "lost marks"
    METER = "meter"
    MIG = "mig"
    MISSING = "missing"
    MIXED_MARKS = "mixed_marks"
    MOVING = "moving"
    MULTIPLEXED = "multiplexed"
    NO_RANGE = "no_range"
    NOT_COUNTED = "not_counted"
    NOW = "now"
    OF_COMMAND = "of_command"
    OF_MACHINE = "of_machine"
    OLD_IDLE = "old_idle"
    ONLY_PACKAGE = "only_package"
    OTHER_LOAD = "other_load"
    PER_PHASE = "per_phase"
    READ_AGAIN = "read again"
    REFUSED = "refused"
    RUN_FILE = "run_file"
    SERVER_ANSWERS = "server_answers"
    SERVER_COUNTED = "server_counted"
    SERVER_COUNTS = "server_counts"
    SERVER_RESTARTED = "server_restarted"
    SERVER_UNREAD = "server_unread"
    SILENT = "silent"
    STATED_COUNT = "stated_count"
    STUCK = "stuck"
    SUSPENDED = "the machine was suspended"
    TARGET_MISSED = "target_missed"
    UNALIGNED = "unaligned"
    UNDONE = "undone"
    UNKNOWN_SHARE = "unknown_share"
    UNMATCHED = "unmatched"
    UNTIL_TARGET = "until_target"
    UNTIMED = "untimed"
    UPDATE_PERIODS = "update_period_s"
    WALL_FIT = "wall_fit"
    WHICH_GPU = "which_gpu"


_LIKE_OURS = re.compile(rf"(?:{'|'.join(OwnNote)})\b")


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
