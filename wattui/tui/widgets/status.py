"""The status line: recording, time, phase, rate, sources."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from recorders.counts import count_text
from wattui.runs.run_json import Sampling
from wattui.show.palette import Palette
from wattui.show.quantities import number
from wattui.tui.state.health import Disk
from wattui.tui.state.live import Live
from wattui.tui.state.pages import Pages
from wattui.tui.state.playback import Playback
from wattui.tui.state.session import Stream
from wattui.tui.state.viewport import Viewport

# With less disk space than this, the status line shows how much is left.
LITTLE_BYTES = 500_000_000


class StatusLine(Static):
    """Shows the current state in one line, most important first."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def show(
        self,
        stream: Stream,
        live: Live,
        view: Viewport,
        palette: Palette,
        pages: Pages,
    ) -> None:
        """Rewrite the line."""
        line = Text.assemble(("wattui", "bold"), "  ")
        append_source(line, stream, palette)
        line.append(f"{clock(live.run_s)}  ", "bold")
        append_phase(line, live, palette)
        if not view.live:
            line.append("❚❚ frozen, End for live  ", f"bold {palette.estimated}")
        line.append(f"{rate_text(stream.rate_hz, stream.sampling)}  ", palette.dim)
        if pages.count > 1:
            line.append(f"graphs {pages.number + 1}/{pages.count}  ", palette.dim)
        readers = " · ".join(s.name for s in stream.sources if s.reader != "hand")
        line.append(readers, palette.dim)
        self.update(line, layout=False)


def rate_text(asked_hz: float, sampling: Sampling | None) -> str:
    """Sampling rate asked and achieved, lateness, and the number of missed samples."""
    achieved_hz = sampling.rate_achieved_hz if sampling else None
    text = f"{asked_hz:.3g} Hz"
    if achieved_hz is not None and abs(achieved_hz / asked_hz - 1) > 0.01:
        text = f"{achieved_hz:.3g} of {text}"
    if sampling and sampling.late_p99_ms is not None:
        text += f"  late {sampling.late_p99_ms:.1f} ms"
    if sampling and sampling.missed:
        text += f"  missed {sampling.missed}"
    return text


def space_text(disk: Disk) -> str:
    """The space left on disk, if it is low."""
    free_bytes = disk.free_bytes
    if free_bytes is None or free_bytes >= LITTLE_BYTES:
        return ""
    return f"{free_bytes / 1e6:.0f} MB left on disk"


def clock(seconds: float) -> str:
    """A duration as minutes and seconds, with hours if any."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes:02}:{rest:04.1f}"


def append_phase(line: Text, live: Live, palette: Palette) -> None:
    """Append the phase and its label, if any, and what is counted."""
    if stretch := live.stretch:
        line.append("▶ ", palette.of_phase(stretch.phase))
        line.append(stretch.phase, f"bold {palette.of_phase(stretch.phase)}")
        line.append(f" {stretch.label}  " if stretch.label else "  ")
    if (n := live.counts.get(live.per)) is not None:
        line.append(f"{count_text(n, live.per)}  ")
        if live.rate_per_s is not None:
            line.append(f"{number(live.rate_per_s)}/s  ")


def append_source(line: Text, stream: Stream, palette: Palette) -> None:
    """Append whether rows are being recorded, only shown, or played back."""
    if stream.lost is not None:
        line.append("● recorder lost ", f"bold {palette.alarm}")
        line.append(f"{stream.lost}; press r to restart  ", palette.alarm)
    elif isinstance(stream, Playback):
        line.append("◀ playback ", f"bold {palette.accent}")
        line.append(f"{stream.title}  ")
        does = "play again" if stream.ended else "continue" if stream.paused else "pause"
        speed = "" if stream.ended else ", < > speed"
        back = "q for all nodes" if stream.is_of_fleet else "r for live"
        line.append(f"space to {does}{speed}, {back}  ", palette.dim)
    elif stream.csv is not None:
        if stream.alarm is None:
            line.append("● REC ", f"bold {palette.alarm}")
        else:
            line.append("○ not recording ", f"bold {palette.alarm}")
        line.append(f"{stream.csv.name}  ")
        if stream.disk and (left := space_text(stream.disk)):
            line.append(f"{left}  ", f"bold {palette.estimated}")
    else:
        line.append("○ live  ", palette.dim)
