"""What the headline channel contains, and which parts of the machine its sum lacks. Pure.

A machine has packages, DRAM and GPUs; `total` is the sum of those that could be read. A part that
could not is noted in the run file as `note:missing PART: REASON`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from recorders.summary.reduction import LOST, METER, NOTE, Reduction

MISSING_NOTE = f"{NOTE}missing "
# One and several of each part of a sum.
_NOUNS = {"package": ("package", "packages"), "dram": ("DRAM", "DRAM"), "gpu": ("GPU", "GPUs")}
# What a channel that is no sum stands for; a wall meter and a made-up curve stand for everything.
_COVERS = {
    "psys": ("package", "dram"),
    "est_": ("package", "dram"),
    "sim_": tuple(_NOUNS),
    METER: tuple(_NOUNS),
}


def missing_note(part: str, reason: str) -> str:
    """The text of the note for a part of the machine that cannot be read."""
    return f"{MISSING_NOTE.removeprefix(NOTE)}{part}: {' '.join(reason.split())}"


def sum_parts(channels: Sequence[str]) -> list[str]:
    """The channels that `total` is the sum of, where they were measured."""
    return [channel for channel in channels if _kind(channel) in _NOUNS]


def headline(channels: Sequence[str]) -> str | None:
    """The channel to quote: a measured sum, else psys, and only then what is not measured.

    psys contains the packages and their DRAM, so it is better than a sum of DRAM alone.
    """
    kinds = {_kind(part) for part in sum_parts(channels)}
    order = ("psys", "total") if kinds == {"dram"} else ("total", "psys")
    for head in (*order, "est_", "sim_", METER):
        for channel in channels:
            if channel.startswith(head):
                return channel
    return channels[0] if channels else None


def missing_parts(reduction: Reduction, until_s: float) -> dict[str, str]:
    """Parts that were missing at the start or lost before `until_s`, each with its reason."""
    missing: dict[str, str] = {}
    for row in reduction.remarks:
        if row.event.startswith(MISSING_NOTE):
            part, _, reason = row.event.removeprefix(MISSING_NOTE).partition(": ")
        elif row.event.startswith(LOST) and row.time_s <= until_s:
            part, reason = row.event.removeprefix(LOST), f"it was lost at {row.time_s:.1f} s"
        else:
            continue
        if _kind(part) in _NOUNS:
            missing.setdefault(part, reason)
    return missing


def missing_from(channel: str | None, missing: Mapping[str, str]) -> dict[str, str]:
    """The missing parts that a channel does not stand for."""
    covered = next(
        (kinds for head, kinds in _COVERS.items() if (channel or "").startswith(head)), ()
    )
    return {part: reason for part, reason in missing.items() if _kind(part) not in covered}


def contents(channel: str | None, channels: Sequence[str], missing: Mapping[str, str]) -> str:
    """The parts of a sum in words, such as "DRAM only" or "1 of 2 packages, 2 DRAM".

    Empty where the channel is no sum, and where the sum is of everything that the machine has.
    """
    if channel != "total":
        return ""
    there = [_kind(part) for part in sum_parts(channels) if part not in missing]
    absent = [_kind(part) for part in missing]
    kinds = list(dict.fromkeys(there))
    if len(kinds) == 1 and kinds[0] not in ("package", *absent):
        return f"{_NOUNS[kinds[0]][len(there) > 1]} only"
    if not absent:
        return ""
    words = (_share(kind, there.count(kind), absent.count(kind), missing) for kind in _NOUNS)
    return ", ".join(filter(None, words))


def incomplete_text(missing: Mapping[str, str]) -> str:
    """What a sum lacks and why, parts with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for part, reason in missing.items():
        by_reason.setdefault(reason, []).append(part)
    return "; ".join(f"without {', '.join(p)}: {reason}" for reason, p in by_reason.items())


def _share(kind: str, there: int, absent: int, missing: Mapping[str, str]) -> str:
    one, several = _NOUNS[kind]
    if not absent:
        return f"{there} {several if there > 1 else one}" if there else ""
    if not there:
        return f"no {one}"
    if kind in missing:
        return f"{there} of more than {there} {several}"  # their number is not known
    return f"{there} of {there + absent} {several}"


def _kind(channel: str) -> str:
    found = re.match("[a-z]+", channel)
    return found[0] if found else channel
