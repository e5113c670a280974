"""The table of channels: the properties of a channel, by its name. Pure.

A channel is named by its kind and a number or name (`package0`, `meter_wall`), a column by its
channel and unit (`package0_J`). All code that depends on the kind of a channel uses this table: a
new kind of sensor is a row of `KINDS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from recorders.counts import COUNTED
from recorders.source import COUNT, REQUESTS, TALLY, UNNAMED, Channel, Origin

Quantity = Literal[
    "energy",
    "utilisation",
    "memory",
    "temperature",
    "clock",
    "reasons",
    "requests",
    "count",
    "tally",
]


@dataclass(frozen=True, slots=True)
class Plotted:
    """The graph in which a channel is plotted over time; kinds of the same graph share its axis.

    `place` orders the graphs, most wanted first. `colour` is the index of device 0 into the
    palette's colours, the same in each graph that the device is in; estimates have a colour of
    their own. `parts` is the plural noun for the
    series, `top` the fixed upper end of the axis, if any. `disjoint`: none of its series may
    contain another, so they can be added.
    """

    place: int
    title: str
    colour: int
    parts: str = "series"
    top: float | None = None
    disjoint: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table: the properties of all channels whose names match `pattern`.

    `inside` are the kinds that contain it; one that `is_whole` contains the whole machine. `quoted`
    ranks the channels that can be the headline. `most_w` is a mean power that no such device
    exceeds; if it is `kept_to_limit`, its own limit bounds it instead. Every machine has one that
    `is_processor`. `each_second`: flags use one reading a second. `by_hand`: it may be read
    manually, so a power without an energy is a single point. `nouns` are its singular and plural,
    `device` the word for those whose energies are summed in a figure, if different. `may_rest`: its
    counter may stand still, as that of an idle core or graphics unit does. `short` is a part of its
    name, and its abbreviation in graphs. `lost` says in a flag what happened if it ends.
    `of_command`: it is the share of the command's processes.
    """

    name: str
    pattern: str
    quantity: Quantity = "energy"
    graph: Plotted | None = None
    origin: Origin = "measured"
    in_total: bool = False
    inside: tuple[str, ...] = ()
    is_whole: bool = False
    quoted: int | None = None
    most_w: float = math.inf
    kept_to_limit: bool = False
    is_processor: bool = False
    each_second: bool = False
    by_hand: bool = False
    nouns: tuple[str, str] = ("", "")
    device: str = ""
    may_rest: bool = False
    short: tuple[str, str] = ("", "")
    lost: str = "the sensor disappeared"
    of_command: bool = False

    @property
    def unit(self) -> str:
        """Unit of the plotted column; an energy has a `_J` beside its `_W`."""
        return _UNITS[self.quantity]

    @property
    def is_numbered(self) -> bool:
        """Whether a machine can have several, told apart by number."""
        return r"\d" in self.pattern


# In a recording of several machines, their channels begin with `node0_`, `node1_` …
NODE = re.compile(r"(node\d+)_(?=.)")
# The prefixes of wall meters and of hardware counters, and the name of the sum.
METER, COUNTER, TOTAL = "meter_", "perf_", "total"
_UNITS = {
    "energy": "W",
    "utilisation": "pct",
    "memory": "MiB",
    "temperature": "C",
    "clock": "MHz",
    "reasons": "bits",
    "requests": REQUESTS,
    "count": COUNT,
    "tally": TALLY,
}
# A counter of a socket, of one of its dies, or of a second zone with its name.
_N = r"\d*(_(die|zone)\w+)?"
_PACKAGE_W = 1000.0
_CORES = Plotted(130, "CPU cores", 10, "domains")
_CPU, _USE = Plotted(10, "CPU", 5), Plotted(50, "CPU utilisation", 10, top=100.0)
_GPU_USE = Plotted(40, "GPU utilisation", 2, "GPUs", 100.0)
_GPU_MEMORY = Plotted(120, "GPU memory", 2, "GPUs")
_REQUESTS = Plotted(45, "Requests", 4)

# In the order of the run file's columns. The first row that matches applies.
KINDS = (
    Kind(
        "package",
        f"package{_N}",
        graph=Plotted(0, "CPU package", 0, "packages"),
        in_total=True,
        inside=("psys", "board", "est_cpu", "est"),
        most_w=_PACKAGE_W,
        nouns=("package", "packages"),
        is_processor=True,
        device="CPU",
        short=("package", "pkg"),
    ),
    Kind("core", f"core{_N}", graph=_CORES, inside=("package",), most_w=_PACKAGE_W, may_rest=True),
    Kind(
        "uncore", f"uncore{_N}", graph=_CORES, inside=("package",), most_w=_PACKAGE_W, may_rest=True
    ),
    Kind(
        "dram",
        f"dram{_N}",
        graph=Plotted(30, "DRAM", 12, "sockets"),
        in_total=True,
        inside=("psys", "board", "est_cpu", "est"),
        most_w=300.0,
        kept_to_limit=True,
        nouns=("DRAM", "DRAM"),
        device="CPU",
    ),
    Kind("psys", f"psys{_N}", graph=Plotted(60, "Platform", 1), quoted=1, most_w=20_000.0),
    # All that a computer module or single-board computer draws.
    Kind("board", "board", graph=Plotted(5, "Board", 0), quoted=1, most_w=20_000.0),
    Kind(
        "rail",
        r"rail_\w+",
        graph=Plotted(35, "Board rails", 1, "rails", disjoint=False),
        inside=("board",),
        most_w=3000.0,
        nouns=("rail", "rails"),
        short=("rail_", ""),
    ),
    Kind(
        "battery",
        "battery",
        graph=Plotted(75, "Battery", 5),
        most_w=1000.0,
        lost="it stopped discharging, so that it no longer shows what the machine draws",
    ),
    Kind(
        "gpu",
        r"gpu\d*",
        graph=Plotted(20, "GPU board", 2, "GPUs"),
        in_total=True,
        inside=("board",),
        most_w=3000.0,
        kept_to_limit=True,
        nouns=("GPU", "GPUs"),
        lost="the sensor disappeared or sleeps",
    ),
    # A GPU in the processor's package, whose energy is there.
    Kind(
        "igpu",
        r"igpu\d+",
        graph=Plotted(25, "GPU in the processor", 6, "GPUs"),
        inside=("package",),
        most_w=_PACKAGE_W,
        may_rest=True,
    ),
    # A neural engine in the processor's package.
    Kind(
        "npu",
        r"npu\d+",
        graph=Plotted(26, "Neural engine", 3, "engines"),
        inside=("package",),
        most_w=_PACKAGE_W,
        may_rest=True,
    ),
    Kind("gpu_util", r"gpu\d+_util", "utilisation", _GPU_USE),
    Kind("gpu_mem", r"gpu\d+_mem", "memory", _GPU_MEMORY),
    Kind(
        "gpu_temp",
        r"gpu\d+_temp",
        "temperature",
        Plotted(80, "GPU temperature", 2, "GPUs"),
        each_second=True,
    ),
    Kind(
        "gpu_clock",
        r"gpu\d+_clock",
        "clock",
        Plotted(110, "GPU clock", 2, "GPUs"),
        each_second=True,
    ),
    Kind("gpu_held", r"gpu\d+_held", "reasons", each_second=True),
    Kind("cpu_util", "cpu_util", "utilisation", _USE, each_second=True, short=("cpu", "all")),
    Kind("cpu_freq", "cpu_freq", "clock", Plotted(100, "CPU frequency", 10), each_second=True),
    Kind(
        "cpu_temp", "cpu_temp", "temperature", Plotted(90, "CPU temperature", 10), each_second=True
    ),
    Kind("command_cpu", "command_cpu", "utilisation", _USE, each_second=True, of_command=True),
    Kind(
        "command_gpu",
        r"command_i?gpu\d+",
        "utilisation",
        _GPU_USE,
        each_second=True,
        of_command=True,
    ),
    Kind(
        "command_gpu_mem",
        r"command_i?gpu\d+_mem",
        "memory",
        _GPU_MEMORY,
        each_second=True,
        of_command=True,
    ),
    Kind(
        "est_cpu",
        "est_cpu",
        graph=_CPU,
        origin="estimated",
        quoted=2,
        short=("est_cpu", "estimated"),
    ),
    Kind("est", "est_.*", origin="estimated", quoted=2),
    Kind(
        "meter",
        f"{METER}.*",
        graph=Plotted(70, "Wall meter", 7, "meters", disjoint=False),
        is_whole=True,
        quoted=4,
        by_hand=True,
    ),
    Kind(
        "sim",
        "sim_.*",
        graph=_CPU,
        origin="simulated",
        is_whole=True,
        quoted=3,
        short=("sim_cpu", "simulated"),
    ),
    # Hardware counters; the channel's name is also that of its column.
    Kind(
        "counter",
        rf"{COUNTER}\w+",
        "count",
        lost="it stopped counting, as of a command with other rights than yours, such as sudo",
    ),
    # Requests that the servers of language models work on, and those that wait for it.
    Kind(
        "requests_running",
        "requests_running",
        "requests",
        _REQUESTS,
        each_second=True,
        short=("requests", "running"),
    ),
    Kind(
        "requests_waiting",
        "requests_waiting",
        "requests",
        _REQUESTS,
        each_second=True,
        short=("requests", "waiting"),
    ),
    # Counts of programs and servers; also a column without a unit.
    Kind("counted", rf"{COUNTED}\w+", "tally"),
    Kind(TOTAL, TOTAL, quoted=0),
    Kind("other", ".*"),
)


# Asked again with every row. Not all names of a large fleet fit, but those on a node do.
@lru_cache(maxsize=4096)
def kind_of(channel: str) -> Kind:
    """The kind of a channel, on whatever node; a generic one if unknown."""
    return _kind(without_node(channel))


@lru_cache(maxsize=4096)
def _kind(channel: str) -> Kind:
    return next(kind for kind in KINDS if re.fullmatch(kind.pattern, channel, re.DOTALL))


def node_of(channel: str) -> str:
    """The node of a channel, as in node1_gpu0; empty if it is of the only one, or of all."""
    found = NODE.match(channel) if channel.startswith("node") else None
    return found[1] if found else ""


def without_node(channel: str) -> str:
    """A channel's name on its own node: gpu0 of node1_gpu0."""
    found = NODE.match(channel) if channel.startswith("node") else None
    return channel[found.end() :] if found else channel


def on_node(node: str, name: str) -> str:
    """The name of a node's channel, or of another part of it, among those of several nodes."""
    return f"{node}_{name}" if node else name


def is_measured(channel: Channel) -> bool:
    """Whether a channel is energy or power that the machine's own sensors measure."""
    own = not kind_of(channel.name).by_hand
    return own and channel.is_energy and channel.origin == "measured"


def named(name: str, unit: str) -> Channel:
    """A channel with only the properties of its kind."""
    kind = kind_of(name)
    return Channel(name, unit, kind.origin, kind.in_total and unit in ("J", "W"))


def kinds_in_total() -> list[Kind]:
    """The kinds that are summed in `total`."""
    return [kind for kind in KINDS if kind.in_total]


def contains(whole: str, part: str) -> bool:
    """Whether the energy of one channel is part of another's, by their kinds and nodes."""
    if node_of(whole) not in ("", node_of(part)):
        return False
    around, kind = kind_of(whole), kind_of(part)
    return not kind.is_whole if around.is_whole else around.name in _around(kind.name)


def is_counted_again(channel: str) -> bool:
    """Whether a channel is contained in another that is in the total, so would count twice."""
    around = _around(kind_of(channel).name)
    return any(kind.name in around for kind in kinds_in_total())


@cache
def _around(name: str) -> frozenset[str]:
    """The kinds that contain one, directly or indirectly."""
    inside = next(kind.inside for kind in KINDS if kind.name == name)
    return frozenset(inside).union(*map(_around, inside))


def total_parts(channels: Iterable[str]) -> list[str]:
    """The measured channels that are summed in `total`."""
    return [channel for channel in channels if kind_of(channel).in_total]


@lru_cache(maxsize=4096)
def column_order(channel: str) -> tuple[int, int, int, int, int]:
    """Sort key of the run file's columns: node by node, device by device, numbers as numbers."""
    node, channel = node_of(channel), without_node(channel)
    places = {kind.name: place for place, kind in enumerate(KINDS)}
    name = kind_of(channel).name
    device = places.get(name.partition("_")[0], places[name.removesuffix("_mem")])
    numbers = re.match(r"(?:command_)?[a-z]+(\d*)(?:_die(\d+))?", channel)
    number, die = numbers.groups() if numbers else ("", "")
    return int(node[4:] or -1), device, int(number or 0), int(die or 0), places[name]


def short_name(channel: str) -> str:
    """A channel's name in a graph's border: for a gauge, its device."""
    if node := node_of(channel):
        return f"{node} {short_name(without_node(channel))}"
    kind = kind_of(channel)
    if kind.of_command:
        device = device_of_share(channel)
        return "command" if device == "cpu" else f"command {device}"
    text = channel if kind.quantity == "energy" else device_of(channel)
    return text.replace(*kind.short) if kind.short[0] else text


def number_of(channel: str) -> int | None:
    """The number of a channel's device: 1 of gpu1, gpu1_temp; None if it has none or is a die."""
    found = re.fullmatch(r"[a-z]+(\d+)(?:_(?!die|zone)[a-z]+)?", without_node(channel))
    return int(found[1]) if found else None


def device_of(gauge: str) -> str:
    """The device of a gauge: gpu0 for gpu0_temp."""
    return gauge.rpartition("_")[0]


def device_of_share(share: str) -> str:
    """The device of a share of the command: gpu0 for command_gpu0_mem."""
    return on_node(node_of(share), without_node(share).split("_")[1])


@lru_cache(maxsize=4096)
def channel_of(column: str) -> str:
    """A column's channel."""
    return column if kind_of(column).unit in UNNAMED else column.rpartition("_")[0]


def unit_of(column: str) -> str:
    """A column's unit; empty if none. That of a count or of requests is not in its name."""
    if (unit := kind_of(column).unit) in UNNAMED:
        return unit
    channel, _, unit = column.rpartition("_")
    return unit if channel else ""


def counter_name(text: str) -> str:
    """A counter's name as in its column: perf's LLC-load-misses is llc_load_misses."""
    return text.strip().lower().replace("-", "_")


def is_count(column: str) -> bool:
    """Whether a column has the counts of a hardware counter."""
    return kind_of(column).quantity == "count"


def is_whole_number(column: str) -> bool:
    """Whether all numbers in a column are whole."""
    return kind_of(column).unit in UNNAMED


def is_cumulative(column: str) -> bool:
    """Whether a column never falls, so that a phase has the difference of its edges."""
    return unit_of(column) in ("J", COUNT)


def kind_of_column(column: str) -> Kind:
    """The kind of a column that can be plotted; a generic one for any other, even energies."""
    kind = kind_of(channel_of(column))
    return kind if unit_of(column) == kind.unit else KINDS[-1]


def with_unit(columns: Iterable[str], unit: str) -> list[str]:
    """The channels that have a column with this unit, in order."""
    return [channel_of(column) for column in columns if unit_of(column) == unit]
