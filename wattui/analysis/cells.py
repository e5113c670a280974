"""The labels of a run as cells of a sweep: figures that are never mixed into one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PER_INFERENCE, WHILE_RUNNING = "total_j_per_inference", "running_j"
# A table for a person to read has no more labels, repeats, or differences of labels than this.
MOST_SHOWN = 200
# The running phases of a run with one label may begin and end a little beside those of the label.
SAME_S = 1e-6


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a run whose running phases are not all of one label.

    `figure` is the key of the figure that ranks them, `ranked` those of which it is known, from
    the lowest to the highest.
    """

    figure: str
    ranked: tuple[dict[str, Any], ...]
    count: int


def is_mixed(summary: Mapping[str, Any]) -> bool:
    """Whether running phases are of several labels, or some of one label and some of none."""
    running, labels = summary["running"], summary["labels"]
    if not running or not labels:
        return False
    return len(labels) > 1 or labels[0]["seconds"] < running["seconds"] - SAME_S


def cells_of(
    summary: Mapping[str, Any], channel: str | None = None, figure: str | None = None
) -> Cells | None:
    """The labels by a figure of a channel: of the one to quote, by energy per inference, or by
    energy where nothing was counted. None where all that ran is of one kind."""
    channel = channel or summary["headline"]
    if not is_mixed(summary) or channel not in summary["running"]["domains"]:
        return None
    labels = summary["labels"]
    if figure is None:
        counted = any(group["domains"][channel][PER_INFERENCE] for group in labels)
        figure = PER_INFERENCE if counted else WHILE_RUNNING
    known = [group for group in labels if group["domains"][channel][figure]]
    ranked = sorted(known, key=lambda group: float(group["domains"][channel][figure]["value"]))
    return Cells(figure, tuple(ranked), len(labels))


def costliest(
    groups: Sequence[dict[str, Any]], channel: str, figure: str = WHILE_RUNNING
) -> list[dict[str, Any]]:
    """As many groups as a table shows, those with most energy, in the order that they had."""
    if len(groups) <= MOST_SHOWN:
        return list(groups)

    def energy_j(place: int) -> float:
        value = groups[place]["domains"][channel][figure]
        return abs(value["value"]) if value else 0.0

    ranked = sorted(range(len(groups)), key=energy_j, reverse=True)
    return [groups[place] for place in sorted(ranked[:MOST_SHOWN])]


def left_out_text(left_out: int, what: str) -> str:
    """What is said below a table of the costliest; empty where none is left out."""
    return f"and {left_out:,} more {what}: --json and wattui export have all" if left_out else ""


def to_quote(
    summary: Mapping[str, Any],
    channel: str | None = None,
    mixed: bool = False,
    figure: str | None = None,
) -> list[tuple[str, dict[str, Any] | None]]:
    """What stands for a run beside others: all that ran, or of several labels the best and the
    worst, each with words to put behind the run's name."""
    cells = None if mixed else cells_of(summary, channel, figure)
    if cells is None:
        return [("", summary["running"])]
    if not cells.ranked:
        return [(f", {cells.count} labels", None)]
    best, worst = cells.ranked[0], cells.ranked[-1]
    if best is worst:
        return [(f", {best['label']}", best)]
    return [(f", best {best['label']}", best), (f", worst {worst['label']}", worst)]
