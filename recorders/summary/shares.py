"""The command's share of the processor and of the GPUs while running, beside the joules. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recorders.channels import channel_of, device_of_share, kind_of_column
from recorders.summary.figures import CommandShare
from recorders.summary.reduction import Reduction
from recorders.summary.spans import Span, outermost


def command_shares(reduction: Reduction, everything: Sequence[Span]) -> list[CommandShare]:
    """For each device whose share is known: the mean share of its time, and the most memory."""
    running = outermost(everything, "running")
    time_pct: dict[str, float] = {}
    memory_mib: dict[str, float] = {}
    for column, points in reduction.seconds.items():
        kind = kind_of_column(column)
        if not kind.of_command:
            continue
        values = [v for s in running for v in points.between(s.start_s, s.end_s).value]
        if not values:
            continue
        device = device_of_share(channel_of(column))
        if kind.quantity == "memory":
            memory_mib[device] = max(values)
        else:
            time_pct[device] = math.fsum(values) / len(values)
    devices = dict.fromkeys([*time_pct, *memory_mib])
    return [CommandShare(d, time_pct.get(d), memory_mib.get(d)) for d in devices]
