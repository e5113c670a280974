"""A dialog that asks for one line of text, with earlier answers to pick from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, OptionList

from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.line import Line
from wattui.tui.widgets.lists import Picks


class Ask(SteadyModal[str | None]):
    """Asks for one line; None if cancelled. `check` returns an error message or None.

    An empty line is no answer unless it `may_be_empty`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", key_display="Esc"),
        Binding("down", "pick", "Pick", show=False),
    ]
    # A box that fits six rows.
    VERTICAL_BREAKPOINTS = [(0, "-low"), (12, "-high")]  # noqa: RUF012  as Textual declares it
    DEFAULT_CSS = """
    Ask > Vertical { width: 70; max-width: 90%; height: auto; padding: 1 2; }
    Ask Input { border: tall $border; }
    Ask .wrong { color: $error; width: 1fr; height: auto; }
    Ask .hint { color: $text-muted; width: 1fr; }
    Ask OptionList {
        height: auto; max-height: 8; border: none; padding: 0 1; background: $surface;
    }
    Ask.-low > Vertical { max-width: 100%; padding: 0 1; }
    Ask.-low Input { border: none; height: 1; }
    Ask.-low .hint { max-height: 1; }
    """

    def __init__(
        self,
        title: str,
        hint: str,
        value: str = "",
        known: Sequence[str] = (),
        check: Callable[[str], str | None] = lambda _: None,
        may_be_empty: bool = False,
    ) -> None:
        super().__init__()
        self._may_be_empty = may_be_empty
        self._title, self._hint, self._value = title, hint, value
        self._known, self._check = known, check

    def compose(self) -> ComposeResult:
        """A box with an input line."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            suggester = SuggestFromList(self._known, case_sensitive=False)
            yield Line(self._value, suggester=suggester, select_on_focus=False)
            if self._known:
                yield Picks(*self._known, markup=False)
            wrong = self._check(self._value) if self._value else None
            yield Label(wrong or "", classes="wrong", markup=False)
            yield Label(self._hint, classes="hint", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show errors while typing."""
        self.query_one(".wrong", Label).update(self._check(event.value) or "")
        for choices in self.query(OptionList):
            choices.clear_options()
            choices.add_options([name for name in self._known if event.value in name])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the picked answer."""
        self.dismiss(str(event.option.prompt))

    def action_pick(self) -> None:
        """Move from the line down to the list."""
        for choices in self.query(OptionList):
            choices.focus()
            choices.action_first()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the answer if it is valid."""
        text = event.value.strip()
        if (text or self._may_be_empty) and self._check(text) is None:
            self.dismiss(text)
