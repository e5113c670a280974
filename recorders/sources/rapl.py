"""Chooses how RAPL counters are read: through powercap, and what it lacks through perf."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from recorders.channels import kind_of
from recorders.source import Refusal
from recorders.sources.perf import open_perf
from recorders.sources.perf_event import Events
from recorders.sources.powercap import Clock, Powercap, open_powercap


def open_rapl(
    root: Path = Path("/"), events: Events | None = None, clock: Clock = time.monotonic_ns
) -> tuple[list[Powercap], list[Refusal]]:
    """The readers of RAPL, with no counter in two of them, and the refusals.

    Perf is only asked for what powercap refuses. A part that perf reads is not missing, but why
    powercap does not read it is kept.
    """
    powercap, refused = open_powercap(root, clock)
    lacking = {refusal.part for refusal in refused} - {""}
    if powercap and not lacking:
        return [powercap], refused
    perf, denied = open_perf(root, events, clock, only=lacking if powercap else None)
    denied = [replace(r, part="") if _covers(lacking, r.part) else r for r in denied]
    if perf is None:
        return ([powercap] if powercap else []), refused + denied
    read = {channel.name for channel in perf.channels()}
    read |= {kind_of(name).name for name in read}
    kept = [replace(r, source="powercap", part="") if r.part in read else r for r in refused]
    return [*([powercap] if powercap else []), perf], kept + denied


def _covers(parts: set[str], part: str) -> bool:
    """Whether a part, or its whole kind, is among these."""
    return part in parts or (part != "" and kind_of(part).name in parts)
