"""The line at the top: recording, time, phase, rate, sources."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from wattui.quantities import number
from wattui.tui.live import Live
from wattui.tui.palette import Palette
from wattui.tui.session import Session
from wattui.tui.viewport import Viewport


class StatusLine(Static):
    """What is going on, in one line."""

    DEFAULT_CSS = "StatusLine { height: 1; background: $panel; padding: 0 1; }"

    def show(self, session: Session, live: Live, view: Viewport, palette: Palette) -> None:
        """Write the line anew."""
        line = Text.assemble(("wattui", "bold"), "  ", no_wrap=True, overflow="ellipsis")
        if session.lost is not None:
            line.append("● recorder lost ", f"bold {palette.alarm}")
            line.append(f"{session.lost}: press R to start it again  ", palette.alarm)
        elif session.csv is not None:
            line.append("● REC ", f"bold {palette.alarm}")
            line.append(f"{session.csv.name}  ")
        else:
            line.append("○ live  ", palette.dim)
        line.append(f"{clock(live.time_s)}  ", "bold")
        if stretch := live.stretch:
            line.append("▶ ", palette.of_phase(stretch.phase))
            line.append(stretch.phase, f"bold {palette.of_phase(stretch.phase)}")
            line.append(f" {stretch.label}  " if stretch.label else "  ")
        if live.inferences is not None:
            line.append(f"{live.inferences:,} inferences  ")
            if live.rate_per_s is not None:
                line.append(f"{number(live.rate_per_s)}/s  ")
        if not view.live:
            line.append("❚❚ standing still, End: live  ", f"bold {palette.estimated}")
        line.append(f"{session.rate_hz:g} Hz  ", palette.dim)
        readers = " · ".join(source["name"] for source in session.sources)
        line.append(readers, palette.dim)
        self.update(line, layout=False)


def clock(seconds: float) -> str:
    """A duration as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes:02}:{rest:04.1f}"
