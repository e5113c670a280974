"""The headline channel, its contents, and the parts of the machine it lacks. Pure.

A machine has packages, DRAM and GPUs; `total` is the sum of those that could be read. Any other
part is noted in the run file as `note:missing PART: REASON`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from recorders.channels import TOTAL, Kind, contains, kind_of, kinds_in_total, node_of, total_parts
from recorders.summary.reduction import LOST, Reduction
from recorders.texts import OwnNote


def missing_note(part: str, reason: str) -> str:
    """The note for a part of the machine that cannot be read."""
    return f"{OwnNote.MISSING} {part}: {' '.join(reason.split())}"


def headline(channels: Sequence[str]) -> str | None:
    """The headline channel: a measured sum, else psys, else one that is not measured.

    psys contains the packages and their DRAM, so it is better than a sum of DRAM alone.
    """
    ranks = {channel: kind_of(channel).quoted for channel in channels}
    quotable = {channel: rank for channel, rank in ranks.items() if rank is not None}
    parts = total_parts(channels)
    if parts and not any(kind_of(part).is_processor for part in parts):
        for channel in quotable:
            measured = kind_of(channel).origin == "measured" and not kind_of(channel).by_hand
            if measured and all(contains(channel, part) for part in parts):
                return channel
    # Of several nodes, their sum comes before each of them.
    return min(
        quotable or ranks,
        key=lambda channel: (quotable.get(channel, 0), bool(node_of(channel))),
        default=None,
    )


def wanted_channel(reduction: Reduction) -> str:
    """The channel that was asked for as the headline; empty if none was."""
    return next(iter(reduction.noted(OwnNote.HEADLINE)), "")


def quoted_channel(reduction: Reduction) -> str | None:
    """The headline channel of a recording: the one that was asked for, if it was read."""
    wanted, channels = wanted_channel(reduction), reduction.energy_channels
    return wanted if wanted in channels else headline(channels)


def left_out(reduction: Reduction) -> list[str]:
    """The parts that were read, but not summed, as was asked for (`--count`)."""
    return [part for note in reduction.noted(OwnNote.NOT_COUNTED) for part in note.split()]


def summed_parts(reduction: Reduction) -> list[str]:
    """The channels that are summed in `total`."""
    without = left_out(reduction)
    return [part for part in total_parts(reduction.energy_channels) if part not in without]


def missing_parts(reduction: Reduction, until_s: float) -> dict[str, str]:
    """Parts that were missing at the start or lost before `until_s`, each with its reason."""
    missing: dict[str, str] = {}
    without = left_out(reduction)
    for row in reduction.remarks:
        if note := row.noted(OwnNote.MISSING):
            part, _, reason = note.partition(": ")
        elif row.event.startswith(LOST) and row.time_s <= until_s:
            part, reason = row.event.removeprefix(LOST), f"lost at {row.time_s:.1f} s"
        else:
            continue
        if kind_of(part).in_total and part not in without:
            missing.setdefault(part, reason)
    return missing


def missing_from(channel: str | None, missing: Mapping[str, str]) -> dict[str, str]:
    """The missing parts that a channel does not cover."""
    return {part: why for part, why in missing.items() if not contains(channel or "", part)}


def contents(
    channel: str | None,
    channels: Sequence[str],
    missing: Mapping[str, str],
    without: Collection[str] = (),
) -> str:
    """The parts of a sum in words, such as "DRAM only" or "1 of 2 packages, 2 DRAM"; `without`
    are those that were left out of it on purpose, as in "2 GPUs not counted".

    Empty if the channel is not a sum, or if the sum covers the whole machine.
    """
    if channel != TOTAL:
        return ""
    words = _contents([each for each in channels if each not in without], missing)
    kinds = [kind_of(part) for part in without]
    counts = [(kinds.count(kind), kind.nouns) for kind in kinds_in_total()]
    named = ", ".join(f"{n} {nouns[n > 1]}" for n, nouns in counts if n)
    return ", ".join(filter(None, (words, named and f"{named} not counted")))


def _contents(channels: Sequence[str], missing: Mapping[str, str]) -> str:
    there = [kind_of(part) for part in total_parts(channels) if part not in missing]
    absent = [kind_of(part) for part in missing]
    kinds = list(dict.fromkeys(there))
    if len(kinds) == 1 and not kinds[0].is_processor and kinds[0] not in absent:
        return f"{kinds[0].nouns[len(there) > 1]} only"
    if not absent:
        return ""
    words = (
        _share(kind, there.count(kind), absent.count(kind), missing) for kind in kinds_in_total()
    )
    return ", ".join(filter(None, words))


def incomplete_text(missing: Mapping[str, str]) -> str:
    """The parts that a sum lacks, grouped by reason."""
    by_reason: dict[str, list[str]] = {}
    for part, reason in missing.items():
        by_reason.setdefault(reason, []).append(part)
    return "; ".join(f"without {', '.join(p)}: {reason}" for reason, p in by_reason.items())


def _share(kind: Kind, there: int, absent: int, missing: Mapping[str, str]) -> str:
    one, several = kind.nouns
    if not absent:
        return f"{there} {several if there > 1 else one}" if there else ""
    if not there:
        return f"no {one}"
    if kind.name in missing:
        return f"{there} of more than {there} {several}"  # their number is unknown
    return f"{there} of {there + absent} {several}"
