"""The output panel of a launched command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from wattui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from wattui.capture.launch import Launch

BAR_COLUMNS = 24


class OutputPanel(Panel):
    """Shows the last lines of output, with progress in the border."""

    DEFAULT_CSS = """
    OutputPanel { display: none; height: 9; }
    OutputPanel.shown { display: block; }
    """

    def show(self, launch: Launch | None, hidden: bool) -> None:
        """Rewrite the lines; the panel is hidden if nothing is running."""
        self.set_class(launch is not None and not hidden, "shown")
        if launch is None:
            return
        last = list(launch.output)[-max(1, self.content_size.height) :]
        self.write(
            Text("\n".join(last), no_wrap=True, overflow="crop"),
            title=launch.title,
            subtitle=f"{progress_bar(launch.progress)}x to stop · o to hide",
        )


def progress_bar(share: float | None) -> str:
    """A progress bar, empty if progress is unknown."""
    if share is None:
        return ""
    filled = round(min(1.0, max(0.0, share)) * BAR_COLUMNS)
    return f"{'━' * filled}{'─' * (BAR_COLUMNS - filled)} {share:.0%} · "
