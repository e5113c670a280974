"""Whether what was read from JSON has the form that type hints give. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

from recorders.summary.figures import VERSION, Summary

# No figure is larger: 10^15 J, as in the rows themselves.
MOST = 1e15
# Times have six decimals: what lasts less, but for rounding, is no time.
LEAST_S = 1e-7
ERRORS = ("plus_minus", "resolution", "baseline_noise", "interval95", "seconds")
PER_INFERENCE = ("total_j_per_inference", "dynamic_j_per_inference", "marginal_j_per_inference")


class _Phase(TypedDict):
    phase: str
    label: str
    repeat: int | None
    inside: list[str]
    start_s: float
    end_s: float
    inferences: int | None
    finished: bool
    energy_j: dict[str, float | None]


class _Channel(TypedDict):
    name: str
    unit: str
    origin: str


class _Source(TypedDict):
    name: str
    reader: str
    channels: list[_Channel]


class _Missing(TypedDict):
    source: str
    reason: str
    remedy: str | None


class _Late(TypedDict):
    p99_ms: float


class _Sampling(TypedDict):
    rate_asked_hz: float
    rate_achieved_hz: float | None
    lateness_ms: _Late | None
    own_cpu_pct_of_core: float | None


class _Command(TypedDict, total=False):
    argv: list[str]
    exit_statuses: list[int | None]


class _Csv(TypedDict):
    bytes: int
    blake2b: str


class _Clock(TypedDict, total=False):
    start_utc_ns: int


# The parts of run.json that are read, beside its summary.
PARTS: dict[str, Any] = {
    **dict.fromkeys(("host", "versions"), dict[str, Any]),
    "clock": _Clock,
    "command": _Command,
    "sampling": _Sampling | None,
    "sources": list[_Source],
    "missing": list[_Missing],
    "status": str,
    "csv": _Csv,
}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what a hint says; of a dataclass or TypedDict, an object with its keys."""
    if hint is Any or ((hint is None or hint is NoneType) and value is None):
        return True
    origin, parts = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is list:
        return isinstance(value, list) and all(fits(each, parts[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(each, parts[1]) for each in value.values())
    if is_dataclass(hint) or is_typeddict(hint):
        return isinstance(value, dict) and _has_keys(value, hint)
    if hint is float:
        return _is_number(value, (int, float)) and math.isfinite(value) and abs(value) <= MOST
    if hint is int:
        return _is_number(value, int) and abs(value) <= 1 << 63
    return isinstance(hint, type) and isinstance(value, hint)


def is_summary(found: Any) -> bool:
    """Whether this is a summary of the form that is made now, whole and without a contradiction."""
    if not fits(found, Summary) or found["version"] != VERSION:
        return False
    headline, running = found["headline"], found["running"]
    groups = [*filter(None, [running]), *found["labels"], *found["repeats"]]
    combined = [*found["differences"], *found["sums"]]
    if (groups or combined) and running is None:
        return False
    channels = running["domains"].keys() if running else set()
    return (
        all(fits(phase, _Phase) for phase in found["phases"])
        and (headline is None or running is None or headline in channels)
        and all(each["domains"].keys() == channels for each in [*groups, *combined])
        and all(set(PER_INFERENCE) <= d.keys() for c in combined for d in c["domains"].values())
        and all(map(_is_possible, groups))
        and all(value >= 0 for value in _named(found, ERRORS))
    )


def _is_possible(group: Mapping[str, Any]) -> bool:
    """Whether a group has a time and a count that its figures can have been divided by."""
    n, seconds = group["inferences"], group["seconds"]
    divided = [domain[name] for domain in group["domains"].values() for name in PER_INFERENCE]
    if n is None:
        return group["inferences_per_s"] is None and all(value is None for value in divided)
    return bool(n > 0 and (seconds == 0 or seconds >= LEAST_S))


def _is_number(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _has_keys(value: Mapping[str, Any], hint: Any) -> bool:
    required = getattr(hint, "__required_keys__", None)
    return all(
        fits(value[name], kind) if name in value else required is not None and name not in required
        for name, kind in _hints(hint).items()
    )


@cache
def _hints(hint: Any) -> dict[str, Any]:
    return get_type_hints(hint)


def _named(value: Any, names: Iterable[str]) -> Iterator[float]:
    """The numbers under some keys, wherever they are."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in names and isinstance(each, (int, float)):
                yield each
            else:
                yield from _named(each, names)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each, names)
