"""Tables: a cell is drawn again if its text or its style changes."""

from __future__ import annotations

from rich.text import Text
from textual.app import App, ComposeResult

from wattui.tui.widgets.lists import RowTable


class Page(App[None]):
    def compose(self) -> ComposeResult:
        yield RowTable()


async def test_a_cell_changes_with_its_style_alone() -> None:
    app = Page()
    async with app.run_test():
        table = app.query_one(RowTable)
        table.add_column("state", key="state")
        table.add_row(Text("lost", "red"), key="a")
        table.change_cell("a", "state", Text("lost", "blue"))
        assert table.get_cell("a", "state").style == "blue"
