"""Selection lists that survive any size and any burst of input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.command import CommandList
from textual.events import Click
from textual.widgets import DataTable, OptionList
from textual.widgets._select import SelectOverlay
from textual.widgets.data_table import RowKey

DOWN_UP: tuple[Binding, ...] = (
    Binding("j", "cursor_down", "Down", show=False),
    Binding("k", "cursor_up", "Up", show=False),
)


class RowTable(DataTable[Any]):
    """A table with the cursor keys of vi beside the arrows, whose columns have fixed widths."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *DOWN_UP,
        Binding("h", "cursor_left", "Left", show=False),
        Binding("l", "cursor_right", "Right", show=False),
        Binding("home", "scroll_top", "First row", show=False),
        Binding("end", "scroll_bottom", "Last row", show=False),
    ]

    def change_cell(self, row: str, column: str, cell: Text) -> None:
        """Show a text in a cell, unless it has that one already, in the same style."""
        before: Text = self.get_cell(row, column)
        # Texts are equal whatever their style is.
        if before != cell or before.style != cell.style:
            self.update_cell(row, column, cell)

    def _update_dimensions(self, new_rows: Iterable[RowKey]) -> None:
        """Do not measure the cells: of thousands, it takes seconds."""
        super()._update_dimensions(())


class Picks(OptionList):
    """A list that, unlike Textual's, does not crash when it has no room or was just mounted."""

    BINDINGS: ClassVar[list[BindingType]] = [*DOWN_UP]

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        """Turn a page, if there is room for one."""
        if self.scrollable_content_region:
            super()._move_page(direction)

    async def _on_click(self, event: Click) -> None:
        """Ignore a click on an option that vanished between press and release."""
        option = event.style.meta.get("option")
        if option is not None and option >= self.option_count:
            event.prevent_default()


# Textual takes styles only from the first base.
class PicksOverlay(SelectOverlay, Picks):
    """The drop-down list of a form field."""


class PicksCommands(CommandList, Picks):
    """The command palette's list."""
