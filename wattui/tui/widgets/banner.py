"""The banner above the graphs: why there is no measured power, or what to know before recording."""

from __future__ import annotations

from textual.widgets import Static

from wattui.tui.state.advice import with_keys
from wattui.tui.state.session import Stream

UNMEASURED = ("powercap", "nvml")


class Banner(Static):
    """Shows one reason and its fix; hidden if there is none."""

    DEFAULT_CSS = """
    Banner {
        display: none; height: auto; max-height: 3; padding: 0 1;
        background: $warning 20%; color: $text;
    }
    Banner.shown { display: block; }
    """

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)

    def show(self, stream: Stream) -> None:
        """Show the first reason of a stream."""
        if any(source.is_measured for source in stream.sources):
            opening = "Press d for the fix: "
            reasons = [f"{m.source}: {m.reason}" for m in stream.missing if m.warns]
        else:
            opening = "No power sensor (press d for details). "
            reasons = [
                f"{m.source}: {m.reason}" + (f"; fix: {m.remedy}" if m.remedy else "")
                for m in stream.missing
                if m.source in UNMEASURED
            ]
        self.set_class(bool(reasons), "shown")
        self.update(opening + with_keys(" · ".join(reasons[:1])))
