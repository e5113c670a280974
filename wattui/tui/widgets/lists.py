"""Lists to pick from, in any room that there is, under any hands."""

from __future__ import annotations

from typing import Literal

from textual.command import CommandList
from textual.events import Click
from textual.widgets import OptionList
from textual.widgets._select import SelectOverlay


class Picks(OptionList):
    """A list that does not fail, as Textual's own does, where it has no room or is new."""

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        """Turn a page, once there is room for one."""
        if self.scrollable_content_region:
            super()._move_page(direction)

    async def _on_click(self, event: Click) -> None:
        """Take no click on an option that went between the press and the release."""
        option = event.style.meta.get("option")
        if option is not None and option >= self.option_count:
            event.prevent_default()


# Textual takes styles from the first base alone.
class PicksOverlay(SelectOverlay, Picks):
    """The list of a field, over the form."""


class PicksCommands(CommandList, Picks):
    """The list of commands."""
