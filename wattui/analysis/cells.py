"""The labels of a run as cells of a sweep: figures that are never mixed into one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PER_INFERENCE, WHILE_RUNNING = "total_j_per_inference", "running_j"
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
