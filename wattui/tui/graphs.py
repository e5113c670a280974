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
    """A graph: title, unit, series; `top` is the fixed upper end of its axis, if it has one."""

    title: str
    unit: str
    series: tuple[Series, ...]
    top: float | None = None


_GRAPHS = (
    ("CPU package", "W", r"package\d+(_die\d+)?_W", None),
    ("CPU", "W", r"est_cpu_W|sim_\w+_W", None),
    ("GPU board", "W", r"gpu\d+_W", None),
    ("DRAM", "W", r"dram\d+_W", None),
    ("GPU utilisation", "%", r"gpu\d+_util_pct", 100.0),
    ("CPU utilisation", "%", r"cpu_util_pct|command_cpu_pct", 100.0),
    ("Platform", "W", r"psys_W", None),
    ("Wall meter", "W", r"meter_\w+_W", None),
    ("GPU temperature", "°C", r"gpu\d+_temp_C", None),
    ("CPU temperature", "°C", r"cpu_temp_C", None),
    ("CPU frequency", "MHz", r"cpu_freq_MHz", None),
    ("GPU clock", "MHz", r"gpu\d+_clock_MHz", None),
    ("GPU memory", "MiB", r"gpu\d+_mem_MiB", None),
    ("CPU cores", "W", r"(core|uncore)\d+_W", None),
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
    for title, unit, pattern, top in _GRAPHS:
        names = [name for name in columns if re.fullmatch(pattern, name)]
        if names:
            series = tuple(Series(name, _name(name)) for name in names)
            found.append(GraphSpec(title, unit, series, top))
    return found


def _name(column: str) -> str:
    short = _UNITS.sub("", column)
    return _NAMES.get(short, _NAMES.get(column.rpartition("_")[0], short)).replace("package", "pkg")
