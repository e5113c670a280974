"""Tabs naming all graphs, for screens where only some fit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Static


class GraphTabs(Static):
    """Shows a graph when its name is clicked, and highlights the visible ones."""

    DEFAULT_CSS = """
    GraphTabs {
        height: 1; padding: 0 1; link-style: none; link-color: $text;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def show(self, titles: Sequence[str], shown: Collection[int]) -> None:
        """Rewrite the line."""
        line = Text()
        for place, title in enumerate(titles):
            style = Style(
                bold=place in shown,
                reverse=place in shown,
                dim=place not in shown,
                meta={"@click": f"screen.show_graph({place})"},
            )
            line.append(f" {title} ", style)
        self.update(line)
