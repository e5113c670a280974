"""The figures of a recording: what a summary consists of. Pure.

Energies are in joules, powers in watts, times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from recorders.garbage import uncollected
from recorders.source import Origin

VERSION = 1
PER_INFERENCE = (
    "total_j_per_inference",
    "dynamic_j_per_inference",
    "marginal_j_per_inference",
)


@dataclass(frozen=True, slots=True)
class Value:
    """A figure and what is left open about it (None: unknown).

    What the instrument leaves open, in its parts: `resolution`, the counter updates at the edges,
    and `baseline_noise`, the standard error of the baseline's power. `plus_minus` is both in
    quadrature, or over repeats the interval of their mean.
    """

    value: float
    plus_minus: float | None
    resolution: float | None = None
    baseline_noise: float | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """Powers and energies of one channel; joules per inference where inferences were counted."""

    origin: Origin
    idle_w: float | None
    armed_w: float | None
    running_w: float | None
    running_j: Value | None
    total_j_per_inference: Value | None
    dynamic_j_per_inference: Value | None
    marginal_j_per_inference: Value | None


@dataclass(frozen=True, slots=True)
class Group:
    """Running phases taken together: all of them, those of one label, or those of one repeat.

    `seconds` is the time in which any of them ran. `shared`: others ran as well in some of it, and
    the energies are this group's share of the machine's, split by time.
    """

    label: str
    repeat: int | None
    seconds: float
    inferences: int | None
    inferences_per_s: float | None
    domains: dict[str, Domain]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What one label costs per inference beyond another; negative values stay as they are."""

    label: str
    minus: str
    domains: dict[str, dict[str, Value | None]]


@dataclass(frozen=True, slots=True)
class Sum:
    """What the parts of a whole cost per inference together, each of them run alone."""

    whole: str
    parts: int
    domains: dict[str, dict[str, Value | None]]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A figure over repeats: mean, median, and half-width of the mean's 95 % interval."""

    mean: float
    median: float
    interval95: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole recording; `headline` is the channel to quote (total, else the best there is).

    `contents` says what the headline's sum is of where it is not of everything; else it is empty.
    """

    version: int
    headline: str | None
    contents: str
    running: Group | None
    labels: list[Group]
    repeats: list[Group]
    over_repeats: dict[str, Repeated]
    differences: list[Difference]
    sums: list[Sum]
    phases: list[dict[str, Any]]
    flags: list[Flag]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as in run.json and `wattui summary --json`."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        with uncollected():
            return {name: part if name == "phases" else _plain(part) for name, part in kept.items()}


def _plain(part: Any) -> Any:
    """Dataclasses as dictionaries; what is plain already is not copied, as `asdict` would."""
    if part.__class__ in _PLAIN:
        return part
    if isinstance(part, list):
        return [_plain(each) for each in part]
    items = part.items() if isinstance(part, dict) else _fields(part)
    return {key: each if each.__class__ in _PLAIN else _plain(each) for key, each in items}


def _fields(part: Any) -> Iterator[tuple[str, Any]]:
    names = part.__slots__
    return zip(names, _values_of(names)(part), strict=True)


@cache
def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*names)


_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Flag:
    """A named doubt, the channels or phases it is about, and what it means."""

    name: str
    where: str
    text: str
