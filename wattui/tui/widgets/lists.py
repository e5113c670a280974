"""Selection lists that survive any size and any burst of input."""

from __future__ import annotations

from typing import Literal

from textual.command import CommandList
from textual.events import Click
from textual.widgets import OptionList
from textual.widgets._select import SelectOverlay


class Picks(OptionList):
    """A list that, unlike Textual's, does not crash when it has no room or was just mounted."""

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
