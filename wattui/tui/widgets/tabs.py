"""The names of all graphs in a line, where only some of them fit the screen."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Static


class GraphTabs(Static):
    """A click on a name shows that graph; those that are shown stand out."""

    DEFAULT_CSS = "GraphTabs { height: 1; padding: 0 1; link-style: none; link-color: $text; }"

    def show(self, titles: Sequence[str], shown: Collection[int]) -> None:
        """Write the line anew."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for place, title in enumerate(titles):
            style = Style(
                bold=place in shown,
                reverse=place in shown,
                dim=place not in shown,
                meta={"@click": f"screen.show_graph({place})"},
            )
            line.append(f" {title} ", style)
        self.update(line)
