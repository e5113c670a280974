"""The numbers in a graph's border: now, at the crosshair, in view, and selected. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from wattui.show.graphs import GraphSpec, Series
from wattui.show.history import Bin
from wattui.show.plot import Glyphs
from wattui.show.quantities import number
from wattui.tui.state.live import Live
from wattui.tui.state.titles import TitleValue, reading

# For bins wider than this, show the extremes instead of the mean.
WIDE_BIN_S = 2.0

TimeSpan: TypeAlias = tuple[float, float]


def values_now(live: Live, spec: GraphSpec) -> list[TitleValue | None]:
    """The latest reading of each series."""
    latest = [live.history.latest(series.column) for series in spec.series]
    return [TitleValue(reading(each[1], spec.unit), each[1]) if each else None for each in latest]


def values_at(
    live: Live,
    spec: GraphSpec,
    found: Sequence[Sequence[Bin | None]],
    stretch_s: TimeSpan,
    glyphs: Glyphs,
) -> list[TitleValue | None]:
    """Each series' mean or extremes in a column of the picture; `found` are its bins."""
    values: list[TitleValue | None] = []
    wide = (stretch_s[1] - stretch_s[0]) / max(map(len, found), default=1) > WIDE_BIN_S
    for series, bins in zip(spec.series, found, strict=True):
        known = [each for each in bins if each]
        if not known:
            values.append(None)
            continue
        low, high = min(each[0] for each in known), max(each[1] for each in known)
        stats = live.history.stats(series.column, *stretch_s)
        # The reading that still holds was taken before the column.
        mean = stats[0] if stats and low <= stats[0] <= high else (low + high) / 2
        texts = [reading(low, spec.unit), reading(high, spec.unit)]
        one = not wide or texts[0] == texts[1]
        text = reading(mean, spec.unit) if one else glyphs.unknown.join(texts)
        values.append(TitleValue(text, mean))
    return values


def seen(
    live: Live, spec: GraphSpec, shown: Sequence[Series], stretch_s: TimeSpan, glyphs: Glyphs
) -> list[str]:
    """Joules so far; mean (from the counters, if any) and maximum of the visible stretch."""
    series = _counted(shown)
    is_added = _are_added(spec, series)
    energies = [live.energy_j(each.channel) for each in series] if is_added else []
    joules = [_joules(energies, glyphs)] if energies and None not in energies else []
    powers = [live.mean_w(each.channel, *stretch_s) for each in series] if spec.unit == "W" else []
    means = [power_w for power_w in powers if power_w is not None]
    mean = sum(means) / len(means) if means and len(means) == len(powers) else None
    return _told(series, [*joules, *_mean_and_highest(live, spec, series, stretch_s, mean)])


def of_span(
    live: Live, spec: GraphSpec, shown: Sequence[Series], span_s: TimeSpan, glyphs: Glyphs
) -> list[str]:
    """Length, joules, mean (from the counters, if any) and maximum of a span."""
    series, long_s = _counted(shown), span_s[1] - span_s[0]
    energies = [live.energy_between_j(each.channel, *span_s) for each in series]
    known = [energy for energy in energies if energy is not None]
    mean = None
    joules = []
    if series and _are_added(spec, series):
        whole = len(known) == len(energies)
        joules = [_joules(energies, glyphs) if whole else f"{glyphs.unknown} J"]
        mean = sum(known) / len(known) / long_s if whole and long_s > 0 else None
    figures = [*joules, *_mean_and_highest(live, spec, series, span_s, mean)]
    return [f"{number(long_s, 3)} s", *_told(series, figures)]


def _are_added(spec: GraphSpec, series: Sequence[Series]) -> bool:
    """Whether they have joules together, as none of them is in another's."""
    return spec.unit == "W" and (spec.disjoint or len(series) == 1)


def _counted(shown: Sequence[Series]) -> Sequence[Series]:
    """The measured series if any, else the estimated ones: the two are never mixed."""
    return [series for series in shown if not series.estimated] or shown


def _told(series: Sequence[Series], figures: list[str]) -> list[str]:
    """The figures, labelled if they are estimates."""
    if figures and any(each.estimated for each in series):
        return [f"estimated {figures[0]}", *figures[1:]]
    return figures


def _joules(energies: Sequence[float | None], glyphs: Glyphs) -> str:
    total = f"{glyphs.total} " if len(energies) > 1 else ""
    return f"{total}{number(sum(each or 0 for each in energies), 4)} J"


def _mean_and_highest(
    live: Live,
    spec: GraphSpec,
    series: Sequence[Series],
    stretch_s: TimeSpan,
    mean: float | None = None,
) -> Iterator[str]:
    """Mean and maximum over the series, which share one scale."""
    stats = [live.history.stats(each.column, *stretch_s) for each in series]
    known = [each for each in stats if each]
    if known:
        average = sum(each[0] for each in known) / len(known) if mean is None else mean
        yield f"mean {reading(average, spec.unit)}"
        yield f"max {reading(max(each[1] for each in known), spec.unit)}"
