"""Uncertainty of an energy due to the counter's resolution at phase edges. Pure.

An edge that was located has a ± of its own (k = 2); at one that was not, the counter may be up to
one update (P * T) behind, and what the program's calls for the phase used is not known. Edges are
independent, except where they lie in the same refresh of the counter, where their errors are added;
where a window ends at the edge at which the next begins, its error cancels. The parts of a sum are
refreshed together, so their errors are added as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from recorders.summary.spans import Span, block_share


def edges_j(channel: str, windows: Iterable[Span], update_j: float) -> float:
    """± of a counter's energy over some windows, joules; `update_j` is one update of it."""
    errors_j: list[float] = []
    signs: dict[float, int] = {}
    located: dict[float, tuple[float, float]] = {}
    for span in windows:
        if bridged_j := span.bridged_j.get(channel, 0.0):
            errors_j.append(max(bridged_j, update_j))
        elif channel not in span.located:
            share = block_share(span.begin, span.end)
            calls_j = (
                (span.energy_j.get(channel) or 0.0) * (1 / share - 1) if 0 < share < 1 else 0.0
            )
            errors_j.append(update_j + calls_j)
        else:
            edges = (span.begin.row, span.end.row)
            for sign, row, at in zip((-1, 1), edges, span.located[channel], strict=True):
                signs[row.time_s] = signs.get(row.time_s, 0) + sign
                shown_j = row.energy_j.get(channel, at.energy_j)
                located[row.time_s] = shown_j, at.plus_minus_j
    in_refresh: dict[float, list[float]] = {}
    for time_s, (shown_j, error_j) in located.items():
        if signs[time_s]:
            in_refresh.setdefault(shown_j, []).append(abs(signs[time_s]) * error_j)
    # All that was used in one refresh is at most twice the widest of its edges' errors.
    errors_j += [min(math.fsum(errors), 2 * max(errors)) for errors in in_refresh.values()]
    return math.hypot(*errors_j)
