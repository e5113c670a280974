"""The processes panel: the busiest processes, while nothing is recorded."""

from __future__ import annotations

from rich.cells import set_cell_size
from rich.text import Text

from wattui.show.palette import Palette
from wattui.tui.state import processes
from wattui.tui.state.processes import Processes
from wattui.tui.state.session import Stream
from wattui.tui.widgets.panel import Panel

MOST = 5
# Seldom: to count them takes the recorder several milliseconds.
PERIOD_S = 5.0
COLUMNS = (processes.NAME, processes.PID, processes.CPU, processes.GPU, processes.MEMORY)


class ProcessesPanel(Panel):
    """Shows the busiest processes, which the recorder counts as long as they are wanted."""

    BORDER_TITLE = "Processes"
    DEFAULT_CSS = """
    ProcessesPanel { height: auto; display: none; }
    """

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._asked: Stream | None = None

    def forget(self) -> None:
        """Ask again, as another screen may have ended the counting."""
        self._asked = None

    def show(self, stream: Stream, is_wanted: bool, palette: Palette) -> None:
        """Rewrite the lines if they are wanted, else have the recorder stop."""
        is_asked = self._asked is stream
        if is_wanted is not is_asked and not stream.is_silent:
            stream.request(do="processes", show=is_wanted, period_s=PERIOD_S)
            self._asked = stream if is_wanted else None
        found = stream.processes if is_wanted else None
        self.display = found is not None
        if found is not None:
            shown = table(found, palette)
            subtitle = f"P lists all {len(found.processes) + found.left_out}"
            self.write(shown, 1 + shown.plain.count("\n"), subtitle=subtitle)


def table(found: Processes, palette: Palette) -> Text:
    """A heading, and a line for each of the busiest processes."""
    columns = processes.columns(found.gpus, COLUMNS)
    busiest = sorted(found.processes, key=processes.use_pct, reverse=True)[:MOST]
    heading = "  ".join(_fitted(column, column.title) for column in columns)
    lines = [Text(heading, palette.dim)]
    for process in busiest:
        idle = "" if processes.use_pct(process) else palette.dim
        style = palette.of_phase("running") if process.of_command else idle
        cells = (_fitted(column, column.text(process)) for column in columns)
        lines.append(Text("  ".join(cells), style))
    return Text("\n").join(lines)


def _fitted(column: processes.Column, text: str) -> str:
    width = column.width
    return f"{text:>{width}}" if column.is_number else set_cell_size(text, width)
