"""The phases panel: the phases in order of time, as many of the latest as fit."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widget import Widget

from recorders.channels import kind_of
from recorders.counts import INFERENCES, short
from recorders.summary.bases import TOTAL
from recorders.summary.figures import Group, PhaseFigures, Summary, Value, is_unmoved
from wattui.show.palette import Palette
from wattui.show.quantities import Units, duration, energy_unit, number, with_uncertainty
from wattui.show.stacking import plain_table
from wattui.tui.widgets.panel import Panel

# The most of the column's height that it takes, and the rows of its border and titles.
SHARE, FRAME, LEAST_ROWS = 0.4, 3, 4
PAST, NOW = "■", "▶"
NOTHING_YET, MARK = "No phases yet.", " Press space to mark running and idle."


class PhasesPanel(Panel):
    """Shows a line for each phase: seconds, joules, inferences, joules per inference."""

    BORDER_TITLE = "Phases"
    can_mark = True

    def show(self, summary: Summary, palette: Palette, units: Units) -> None:
        """Rewrite the table."""
        phases, channel = summary.phases, summary.headline
        if not phases or channel is None:
            self.write(Text(NOTHING_YET + MARK * self.can_mark, "dim"), 1)
            return
        height = self.parent.size.height if isinstance(self.parent, Widget) else 0
        count = min(len(phases), max(LEAST_ROWS, int(height * SHARE) - FRAME))
        table = phase_table(summary, channel, count, palette, units)
        self.write(table, 1 + count, subtitle=f"J: {channel}")


def phase_table(
    summary: Summary, channel: str, count: int, palette: Palette, units: Units
) -> Table:
    """The latest phases in order of time, with the energy of one channel; their ± is known where
    a label has one phase."""
    phases = summary.phases[-count:]
    per_inference = [_per_inference(summary, phase, channel) for phase in phases]
    factor, unit = energy_unit([each.value for each in per_inference if each], units)
    whole, whole_unit = energy_unit([], units)
    count_title = "inf." if summary.per == INFERENCES else short(summary.per)
    table = plain_table("phase", "s", whole_unit, count_title, f"{unit}/{count_title}")
    for phase, each in zip(phases, per_inference, strict=True):
        name = Text(no_wrap=True, overflow="ellipsis")
        name.append(PAST if phase.finished else NOW, palette.of_phase(phase.phase))
        name.append(f" {phase.label or phase.phase}")
        name.truncate(20, overflow="ellipsis")
        energy_j = _energy_j(phase, channel)
        counted = f"{phase.inferences:,}" if phase.inferences else ""
        table.add_row(
            name,
            duration(phase.seconds),
            number(None if energy_j is None else energy_j / whole, 4),
            counted,
            with_uncertainty(each.value, each.plus_minus, factor) if each else "",
        )
    return table


def _per_inference(summary: Summary, phase: PhaseFigures, channel: str) -> Value | None:
    """Joules per inference in a phase; those of its label, which have a ±, if it is the only one
    with this label."""
    energy_j = _energy_j(phase, channel)
    if energy_j is None or not phase.inferences:
        return None
    group = _alone(summary, phase)
    domain = group.domains.get(channel) if group else None
    return (domain and TOTAL.of(domain)) or Value(energy_j / phase.inferences)


def _alone(summary: Summary, phase: PhaseFigures) -> Group | None:
    """The figures of a phase's label, if no other phase has it."""
    is_running = [each for each in summary.phases if each.phase == phase.phase]
    if [each.label for each in is_running].count(phase.label) > 1:
        return None
    if phase.label:
        return next((group for group in summary.labels if group.label == phase.label), None)
    return summary.running if len(is_running) == 1 else None


def _energy_j(phase: PhaseFigures, channel: str) -> float | None:
    energy_j = phase.energy_j.get(channel)
    return None if is_unmoved(energy_j, kind_of(channel).by_hand) else energy_j
