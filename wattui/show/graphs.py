"""Groups columns into graphs with their series. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorders.channels import (
    Plotted,
    channel_of,
    kind_of,
    kind_of_column,
    short_name,
    unit_of,
)


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: its column, and its name in the graph's border."""

    column: str
    name: str

    @property
    def channel(self) -> str:
        """The column without its unit."""
        return channel_of(self.column)

    @property
    def estimated(self) -> bool:
        """Whether it is not a measurement."""
        return kind_of(self.channel).origin == "estimated"


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """A graph: title, unit, series, and the place of its first one in the cycle of colours.

    `parts` is the collective name of its series; `top` the fixed upper end of its axis, if any.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    colour: int = 0
    parts: str = "series"
    top: float | None = None


# Units as people write them.
_UNITS = {"pct": "%", "C": "°C"}


def graphs(columns: Sequence[str]) -> list[GraphSpec]:
    """Every graph that the columns give, the most important first."""
    drawn: dict[Plotted, list[str]] = {}
    for column in columns:
        if graph := kind_of_column(column).graph:
            drawn.setdefault(graph, []).append(column)
    found = []
    for graph, names in sorted(drawn.items(), key=lambda item: item[0].place):
        series = tuple(Series(name, short_name(channel_of(name))) for name in names)
        unit = unit_of(names[0])
        given = graph.colour, graph.parts, graph.top
        found.append(GraphSpec(graph.title, _UNITS.get(unit, unit), series, *given))
    return found
