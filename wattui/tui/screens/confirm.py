"""A yes-or-no dialog."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.footer import Footer


class Confirm(SteadyModal[bool]):
    """Asks before an action that cannot be undone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter,q", "dismiss(True)", "Yes", key_display="y"),
        Binding("n,escape", "dismiss(False)", "No", key_display="n"),
    ]
    DEFAULT_CSS = """
    Confirm > Vertical { width: 70; max-width: 90%; height: auto; padding: 1 2; }
    """

    def __init__(self, title: str, question: str) -> None:
        super().__init__()
        self._title, self._question = title, question

    def compose(self) -> ComposeResult:
        """A box with the question and the keys that answer it."""
        with Vertical() as box:
            box.border_title = self._title
            yield Static(Text(self._question), markup=False)
        yield Footer()
