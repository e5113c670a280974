"""The doctor: every sensor with a live reading, or why it is missing and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from wattui.commands.doctor import LOOK_S, examine, lines
from wattui.errors import WattuiError
from wattui.tui.screens.steady import SteadyModal

Report = Mapping[str, Any]
LOOKING = f"looking at the sensors for {LOOK_S:g} s …"


class DoctorScreen(SteadyModal[None]):
    """What `wattui doctor` says. A recorder process of its own looks, in a thread."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "dismiss", "Back", key_display="Esc"),
        Binding("r", "look", "Look again"),
        Binding("y", "copy", "Copy a remedy"),
    ]
    DEFAULT_CSS = """
    DoctorScreen { align: center middle; }
    DoctorScreen VerticalScroll {
        width: 110; max-width: 100%; height: auto; max-height: 100%; padding: 1 2;
        background: $surface; border: round $accent; border-title-color: $text;
    }
    DoctorScreen Static { height: auto; }
    """

    def __init__(self, all_gpus: bool = False, look: Callable[[bool], Report] = examine) -> None:
        super().__init__()
        self._all_gpus, self._look_at = all_gpus, look
        self._remedies: list[str] = []
        self._copied = 0

    def compose(self) -> ComposeResult:
        """A page that scrolls."""
        with VerticalScroll() as box:
            box.border_title = "Doctor"
            yield Static(markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Look at once."""
        self.action_look()

    def action_look(self) -> None:
        """Look anew."""
        self.query_one(Static).update(LOOKING)
        self._remedies, self._copied = [], 0
        self.run_worker(
            lambda: self._look_at(self._all_gpus), thread=True, exclusive=True, exit_on_error=False
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what was found, or why nothing was."""
        page = self.query_one(Static)
        if event.state is WorkerState.SUCCESS and event.worker.result is not None:
            report: Report = event.worker.result
            text = Text("\n").join(lines(report))
            page.update(text)
            self._remedies = [each["remedy"] for each in report["missing"] if each["remedy"]]
        elif event.state is WorkerState.ERROR:
            error = event.worker.error
            if not isinstance(error, WattuiError):
                raise error or RuntimeError("the doctor ended without a word")
            page.update(Text(f"{error}: r looks again"))

    def action_copy(self) -> None:
        """Put a remedy on the clipboard; the next one with the next key."""
        if not self._remedies:
            self.notify("there is nothing to mend")
            return
        remedy = self._remedies[self._copied % len(self._remedies)]
        self._copied += 1
        self.app.copy_to_clipboard(remedy)
        self.notify(remedy, title="copied")
