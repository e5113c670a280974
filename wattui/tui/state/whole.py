"""A finished recording as one graph: its power, its energies, its phases."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from recorders.channels import TOTAL, channel_of, kind_of
from recorders.summary.figures import PhaseFigures
from wattui.runs.traces import read_traces
from wattui.show.graphs import GraphSpec, Series, graphs
from wattui.show.history import BIN_S
from wattui.show.plot import DOTS_WIDE
from wattui.tui.state.live import Live, LivePhase
from wattui.tui.state.viewport import SAMPLES_A_BIN, Viewport

# A graph shows more curves than this as one, their total.
MOST_CURVES = 4
BINS = 4000


@dataclass(frozen=True, slots=True)
class Whole:
    """A recording's graph, all that is in it, and the finest view of it."""

    spec: GraphSpec
    live: Live
    finest_s: float

    def view(self, bins: int) -> Viewport:
        """All of it on a graph of so many dot columns: from edge to edge if it is long enough, else
        from the left."""
        rate_hz, bins = SAMPLES_A_BIN / self.finest_s, max(1, bins - DOTS_WIDE)
        if (fitting_s := self.live.time_s / bins) > self.finest_s:
            return Viewport(fitting_s, rate_hz)
        return Viewport(self.finest_s, rate_hz, end_s=bins * self.finest_s)


def read_whole(csv: Path, phases: Iterable[PhaseFigures]) -> Whole | None:
    """Read the power of what is in the sum; None if there is no power.

    Raises NotARunFileError, or OSError if the file cannot be read.
    """
    from wattui.runs.blocks import header

    names = header(csv)
    spec = power_graph(names)
    if spec is None:
        return None
    powers = [series.column for series in spec.series]
    energies = [name for s in spec.series if (name := f"{s.channel}_J") in names]
    found = read_traces(csv, BINS, [*powers, *energies])
    live = Live([*powers, *energies])
    live.fill(
        {name: found.traces[name] for name in powers if name in found.traces},
        {name: found.traces[name] for name in energies if name in found.traces},
        stretches(phases),
        found.end_s,
    )
    return Whole(spec, live, max(BIN_S, (found.end_s - found.start_s) / BINS))


def power_graph(columns: Iterable[str]) -> GraphSpec | None:
    """One graph of the parts of the sum, or of their total if they are many; without parts, the
    first graph of power."""
    names = list(columns)
    drawn = [spec for spec in graphs(names) if spec.unit == "W"]
    parts = tuple(s for spec in drawn for s in spec.series if kind_of(s.channel).in_total)
    total = f"{TOTAL}_W"
    if len(parts) > MOST_CURVES and total in names:
        parts = (Series(total, channel_of(total)),)
    return GraphSpec("Power", "W", parts, "parts") if parts else next(iter(drawn), None)


def stretches(phases: Iterable[PhaseFigures]) -> Iterator[LivePhase]:
    """The times under one innermost phase, of phases that may be inside each other or overlap: the
    one begun last."""
    ordered = sorted(phases, key=lambda phase: phase.start_s)
    edges_s = sorted({edge_s for p in ordered for edge_s in (p.start_s, p.end_s)})
    open_now: list[tuple[float, int]] = []
    last: LivePhase | None = None
    coming = 0
    for start_s, end_s in pairwise(edges_s):
        while coming < len(ordered) and ordered[coming].start_s <= start_s:
            heapq.heappush(open_now, (-ordered[coming].start_s, -coming))
            coming += 1
        while open_now and ordered[-open_now[0][1]].end_s <= start_s:
            heapq.heappop(open_now)
        own = ordered[-open_now[0][1]] if open_now else None
        name = (own.phase, own.label) if own else None
        if last is not None and name == (last.phase, last.label) and last.end_s == start_s:
            last.end_s = end_s
            continue
        if last is not None:
            yield last
        last = LivePhase(own.phase, own.label, start_s, end_s) if own else None
    if last is not None:
        yield last
