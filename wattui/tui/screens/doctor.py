"""The doctor screen: every sensor with a live reading, or why it is missing and how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from wattui import clean
from wattui.commands.doctor import Tell, examine
from wattui.errors import WattuiError
from wattui.show.doctor import lines, remedies
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.state.advice import with_keys
from wattui.tui.widgets.footer import Footer

Report = Mapping[str, Any]
LOOKING = "Looking for sensors …"


class DoctorScreen(SteadyModal[None]):
    """Shows what `wattui doctor` prints, read by a separate recorder process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "dismiss", "Back", key_display="Esc"),
        Binding("r", "look", "Check again"),
        Binding("y", "copy", "Copy fixes"),
    ]
    DEFAULT_CSS = """
    DoctorScreen > VerticalScroll { width: 110; height: auto; padding: 1 2; }
    """

    def __init__(
        self, all_gpus: bool = False, look: Callable[[bool, Tell], Report] = examine
    ) -> None:
        super().__init__()
        self._all_gpus, self._look_at = all_gpus, look
        self._remedies: list[str] = []

    def compose(self) -> ComposeResult:
        """A scrolling page."""
        with VerticalScroll() as box:
            box.border_title = "Doctor"
            yield Static(markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Check at once."""
        self.action_look()

    def action_look(self) -> None:
        """Check the sensors again."""
        self.query_one(Static).update(LOOKING)
        self._remedies = []
        self.run_worker(self._look, thread=True, exclusive=True, exit_on_error=False)

    def _look(self) -> Report:
        """Check the sensors, in a thread, and show what it waits for."""
        worker, page = get_current_worker(), self.query_one(Static)

        def tell(text: str) -> None:
            if not worker.is_cancelled:
                self.app.call_from_thread(page.update, Text(f"{text[:1].upper()}{text[1:]} …"))

        return self._look_at(self._all_gpus, tell)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show the report, or the error."""
        page = self.query_one(Static)
        if event.state is WorkerState.SUCCESS and event.worker.result is not None:
            report: Report = clean.texts(event.worker.result, with_keys)
            page.update(Text("\n").join(lines(report)))
            self._remedies = remedies(report)
        elif event.state is WorkerState.ERROR:
            error = event.worker.error
            if not isinstance(error, WattuiError):
                raise error or RuntimeError("the doctor ended without an error message")
            page.update(Text(f"{error}; press r to check again"))

    def action_copy(self) -> None:
        """Copy the fixes to the clipboard, a line each."""
        if not self._remedies:
            self.notify("Nothing to fix")
            return
        count, text = len(self._remedies), "\n".join(self._remedies)
        self.app.copy_to_clipboard(clean.lines(text))
        self.notify(text, title=f"Copied {count} fix{'es' * (count > 1)}")
