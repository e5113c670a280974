"""What came of a recording: its summary, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from wattui.tables import summary_parts


class Results(ModalScreen[None]):
    """The summary of a finished recording."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Back", key_display="Esc")
    ]
    DEFAULT_CSS = """
    Results { align: center middle; }
    Results VerticalScroll {
        width: 90; max-width: 96%; height: auto; max-height: 92%; padding: 1 2;
        background: $surface; border: round $accent; border-title-color: $text;
    }
    """

    def __init__(self, run: dict[str, Any], csv: Path) -> None:
        super().__init__()
        self._run, self._csv = run, csv

    def compose(self) -> ComposeResult:
        """The tables that `wattui summary` prints."""
        parts: list[Any] = []
        for part in summary_parts(self._run["summary"]):
            parts += [part, Text()]
        if not parts:
            parts = [Text("Nothing was marked as running: space does that.")]
        with VerticalScroll() as box:
            box.border_title = str(self._csv)
            box.border_subtitle = f"wattui summary {self._csv}"
            yield Static(Group(*parts))
        yield Footer()
