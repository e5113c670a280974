"""The phases panel: the phases so far, as many of the latest as fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from recorders.channels import kind_of
from recorders.summary.figures import PhaseFigures, Summary, is_unmoved
from wattui.show.palette import Palette
from wattui.show.quantities import Units, energy_unit, number
from wattui.show.stacking import plain_table
from wattui.tui.widgets.panel import Panel

MOST_ROWS = 40
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
        shown = phases[-MOST_ROWS:]
        table = phase_table(shown, channel, palette, units)
        self.write(table, 1 + len(shown), subtitle=f"J: {channel}")


def phase_table(
    phases: Sequence[PhaseFigures], channel: str, palette: Palette, units: Units
) -> Table:
    """Phases from the newest back, with the energy of one channel."""
    per_inference = [_per_inference(phase, channel) for phase in phases]
    factor, unit = energy_unit(per_inference, units)
    whole, whole_unit = energy_unit([], units)
    table = plain_table("phase", "s", whole_unit, "inf.", f"{unit}/inf.")
    for phase, each in reversed(list(zip(phases, per_inference, strict=True))):
        name = Text(no_wrap=True, overflow="ellipsis")
        name.append("■ ", palette.of_phase(phase.phase))
        name.append(phase.label or phase.phase)
        name.truncate(20, overflow="ellipsis")
        energy_j = _energy_j(phase, channel)
        counted = f"{phase.inferences:,}" if phase.inferences else ""
        table.add_row(
            name,
            f"{phase.seconds:.1f}",
            number(None if energy_j is None else energy_j / whole, 4),
            counted,
            number(each / factor) if each is not None else "",
        )
    return table


def _per_inference(phase: PhaseFigures, channel: str) -> float | None:
    energy_j = _energy_j(phase, channel)
    if energy_j is None or not phase.inferences:
        return None
    return energy_j / phase.inferences


def _energy_j(phase: PhaseFigures, channel: str) -> float | None:
    energy_j = phase.energy_j.get(channel)
    return None if is_unmoved(energy_j, kind_of(channel).by_hand) else energy_j
