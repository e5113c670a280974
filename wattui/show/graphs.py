"""Groups columns into graphs with their series. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType

from recorders.channels import (
    Plotted,
    channel_of,
    kind_of,
    kind_of_column,
    number_of,
    short_name,
    unit_of,
)


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: its column, its name in the graph's border, its place in the cycle of colours,
    and the power limit of its device, if known."""

    column: str
    name: str
    colour: int = 0
    limit_w: float | None = None

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
    """A graph: title, unit and series.

    `parts` is the collective name of its series; `top` the fixed upper end of its axis, if any.
    They are `disjoint` if none of them contains another, so that they can be added.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    parts: str = "series"
    top: float | None = None
    disjoint: bool = True


# That of the command's first share.
COMMAND_COLOUR = 11
# Units as people write them.
_UNITS = {"pct": "%", "C": "°C"}


def graphs(
    columns: Sequence[str], limits_w: Mapping[str, float] = MappingProxyType({})
) -> list[GraphSpec]:
    """Every graph that the columns give, the most important first; `limits_w` are the power limits
    of channels."""
    drawn: dict[Plotted, list[str]] = {}
    for column in columns:
        if graph := kind_of_column(column).graph:
            drawn.setdefault(graph, []).append(column)
    found = []
    for graph, names in sorted(drawn.items(), key=lambda item: item[0].place):
        channels = [channel_of(name) for name in names]
        series = tuple(
            Series(name, short_name(channel), colour, limits_w.get(channel))
            for name, channel, colour in zip(
                names, channels, _colours(channels, graph), strict=True
            )
        )
        unit = unit_of(names[0])
        shares = any(kind_of(channel).of_command for channel in channels)
        given = graph.parts, graph.top, graph.disjoint and not shares
        found.append(GraphSpec(graph.title, _UNITS.get(unit, unit), series, *given))
    return found


def _colours(channels: Sequence[str], graph: Plotted) -> list[int]:
    """Places in the cycle of colours: a device's own, and others for the command's shares."""
    are_shares = [kind_of(channel).of_command for channel in channels]
    own = [channel for channel, is_share in zip(channels, are_shares, strict=True) if not is_share]
    numbers, shares = iter(_numbers(own)), count(COMMAND_COLOUR)
    return [next(shares) if is_share else graph.colour + next(numbers) for is_share in are_shares]


def _numbers(channels: Sequence[str]) -> Sequence[int]:
    """The numbers of the channels' devices, or their places where those do not tell them apart."""
    numbers = [number for each in channels if (number := number_of(each)) is not None]
    return numbers if len(set(numbers)) == len(channels) else range(len(channels))
