"""Which graphs a set of columns gives, and their series. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ESTIMATED = "est_"


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: its column, and what it is called in the graph's border."""

    column: str
    name: str

    @property
    def channel(self) -> str:
        """The column without its unit."""
        return self.column.rpartition("_")[0]

    @property
    def estimated(self) -> bool:
        """Whether it is not a measurement."""
        return self.column.startswith(ESTIMATED)


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """A graph: title, unit, series, and the place of its first one in the cycle of colours.

    `parts` is what its series are called together; `top` the fixed upper end of its axis, if any.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    colour: int = 0
    parts: str = "series"
    top: float | None = None


# Title, unit, columns, place in the cycle of colours, what the series are together, top.
_GRAPHS = (
    ("CPU package", "W", r"package\d+(_(die|zone)\w+)?_W", 0, "packages", None),
    ("CPU", "W", r"est_cpu_W|sim_\w+_W", 5, "series", None),
    ("GPU board", "W", r"gpu\d+_W", 1, "GPUs", None),
    ("DRAM", "W", r"dram\d+_W", 2, "sockets", None),
    ("GPU utilisation", "%", r"gpu\d+_util_pct", 3, "GPUs", 100.0),
    ("CPU utilisation", "%", r"cpu_util_pct|command_cpu_pct", 6, "series", 100.0),
    ("Platform", "W", r"psys_W", 4, "series", None),
    ("Wall meter", "W", r"meter_\w+_W", 7, "meters", None),
    ("GPU temperature", "°C", r"gpu\d+_temp_C", 1, "GPUs", None),
    ("CPU temperature", "°C", r"cpu_temp_C", 0, "series", None),
    ("CPU frequency", "MHz", r"cpu_freq_MHz", 5, "series", None),
    ("GPU clock", "MHz", r"gpu\d+_clock_MHz", 2, "GPUs", None),
    ("GPU memory", "MiB", r"gpu\d+_mem_MiB", 3, "GPUs", None),
    ("CPU cores", "W", r"(core|uncore)\d+_W", 6, "domains", None),
)
_UNITS = re.compile(r"_(W|util_pct|pct|temp_C|C|freq_MHz|clock_MHz|MHz|mem_MiB)$")
_NAMES = {
    "est_cpu": "estimated",
    "command_cpu": "command",
    "cpu_util": "all",
    "sim_cpu": "simulated",
}


def graphs(columns: Sequence[str]) -> list[GraphSpec]:
    """Every graph that the columns give, the most wanted first."""
    found = []
    for title, unit, pattern, colour, parts, top in _GRAPHS:
        names = [name for name in columns if re.fullmatch(pattern, name)]
        if names:
            series = tuple(Series(name, _name(name)) for name in names)
            found.append(GraphSpec(title, unit, series, colour, parts, top))
    return found


def _name(column: str) -> str:
    short = _UNITS.sub("", column)
    return _NAMES.get(short, _NAMES.get(column.rpartition("_")[0], short)).replace("package", "pkg")
