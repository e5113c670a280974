"""The content of a power-over-time picture: panels, phase ribbon, names that fit. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from recorders.channels import channel_of, is_counted_again, kind_of, total_parts, with_unit
from recorders.rows import TOTAL_COLUMNS
from recorders.summary.figures import INVENTED, PhaseFigures
from wattui.clean import one_line, short
from wattui.show.graphs import Series, graphs

MOST_PHASE = 40


@dataclass(frozen=True, slots=True)
class Panel:
    """The powers of one kind of device, and their origin."""

    title: str
    origins: tuple[str, ...]
    curves: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class RibbonPhase:
    """A phase in the ribbon, seconds; `texts` are its possible names, the longest first."""

    phase: str
    start_s: float
    end_s: float
    texts: tuple[str, ...]


def panels(columns: Sequence[str], by_hand: Sequence[str] = ()) -> list[Panel]:
    """A panel for each kind of device with power, after one of the total if it has parts; those of
    the columns that were read `by_hand` are not measured."""
    powers = with_unit(columns, "W")
    kinds = graphs([f"{channel}_W" for channel in powers if not is_counted_again(channel)])
    found = [
        Panel(
            spec.title,
            _origins((series.column for series in spec.series), by_hand),
            tuple(_curve(series.column, len(spec.series)) for series in spec.series),
        )
        for spec in kinds
    ]
    if TOTAL_COLUMNS[1] in columns and len(total_parts(powers)) > 1:
        found.insert(0, Panel("Total", ("measured",), (Series(TOTAL_COLUMNS[1], ""),)))
    return found


def stretches(phases: Iterable[PhaseFigures]) -> list[RibbonPhase]:
    """Phases in drawing order: nested ones come after those around them."""
    found = []
    for row in sorted(phases, key=lambda row: (row.start_s, -row.end_s)):
        if row.end_s <= row.start_s:
            continue
        phase, label = short(one_line(row.phase), MOST_PHASE), one_line(row.label)
        texts = (f"{phase} {label}", label) if label else ()
        found.append(RibbonPhase(phase, row.start_s, row.end_s, (*texts, phase)))
    return found


def label_stretches(phases: Iterable[PhaseFigures]) -> list[RibbonPhase]:
    """The span of consecutive phases with one label."""
    labelled = [row for row in phases if row.phase in ("warmup", "running") and row.label]
    labelled.sort(key=lambda row: row.start_s)
    found = []
    for label, rows in groupby(labelled, key=lambda row: row.label):
        of_label = list(rows)
        running = [row for row in of_label if row.phase == "running"]
        if running:
            end_s = max(row.end_s for row in running)
            found.append(RibbonPhase("running", running[0].start_s, end_s, (one_line(label),)))
    return found


def phase_names(found: Iterable[RibbonPhase]) -> list[str]:
    """Names of phases, each once, in order of their start."""
    return list(dict.fromkeys(stretch.phase for stretch in found))


def fitting(texts: Sequence[str], room: float, width: Callable[[str], float]) -> str:
    """The first text that fits the room; empty if none does."""
    return next((text for text in texts if width(text) <= room), "")


def spread(wanted: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, from low to high and apart if there is room."""
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    least = min(least, (high - low) / max(1, len(wanted) - 1))
    placed: list[float] = []
    for place in order:
        placed.append(max([wanted[place], low, *(p + least for p in placed[-1:])]))
    ceiling = high
    for number in range(len(placed) - 1, -1, -1):
        placed[number] = min(placed[number], ceiling)
        ceiling = placed[number] - least
    found = [0.0] * len(wanted)
    for place, value in zip(order, placed, strict=True):
        found[place] = value
    return found


def _curve(column: str, among: int) -> Series:
    channel = channel_of(column)
    word = kind_of(channel).origin
    if word in INVENTED:
        return Series(column, word if among > 1 else "")
    return Series(column, channel)


def _origins(columns: Iterable[str], by_hand: Sequence[str]) -> tuple[str, ...]:
    found = ("manual" if c in by_hand else kind_of(channel_of(c)).origin for c in columns)
    return tuple(dict.fromkeys(found))
