"""Power curves in closed form: watts and exact joules at any time."""

from __future__ import annotations

import math
import mmap
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

DRIVEN_BYTES = 1 << 16


class PowerCurve(Protocol):
    """A power curve over the bench's time, 0 s at the bench's start."""

    kind: ClassVar[str]

    def power_w(self, t_s: float) -> float:
        """Power at t_s, W."""
        ...

    def energy_j(self, t_s: float) -> float:
        """Exact integral of the power from 0 to t_s, J (negative for t_s < 0)."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data that curve_from_dict() turns back into an equal curve."""
        ...


class _Plain:
    """The JSON half of a curve dataclass."""

    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain data that curve_from_dict() turns back into an equal curve."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


@dataclass(frozen=True)
class Constant(_Plain):
    """The same power always."""

    level_w: float
    kind: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        _require(self.level_w >= 0, "a level is at least 0 W")

    def power_w(self, t_s: float) -> float:
        """Power at t_s, W."""
        return self.level_w

    def energy_j(self, t_s: float) -> float:
        """Integral from 0 to t_s, J."""
        return self.level_w * t_s


@dataclass(frozen=True)
class Square(_Plain):
    """high_w for the first `duty` share of every period, low_w for the rest."""

    low_w: float
    high_w: float
    period_s: float
    duty: float = 0.5
    phase_s: float = 0.0
    kind: ClassVar[str] = "square"

    def __post_init__(self) -> None:
        _require(0 <= self.low_w <= self.high_w, "0 W <= low_w <= high_w")
        _require(self.period_s > 0, "a period is longer than 0 s")
        _require(0 <= self.duty <= 1, "a duty is a share of 1")

    def power_w(self, t_s: float) -> float:
        """Power at t_s, W."""
        rest_s = self._split(t_s + self.phase_s)[1]
        return self.high_w if rest_s < self.duty * self.period_s else self.low_w

    def energy_j(self, t_s: float) -> float:
        """Integral from 0 to t_s, J."""
        return self._since_edge_j(t_s + self.phase_s) - self._since_edge_j(self.phase_s)

    def _split(self, x_s: float) -> tuple[float, float]:
        whole = math.floor(x_s / self.period_s)
        return whole, x_s - whole * self.period_s

    def _since_edge_j(self, x_s: float) -> float:
        whole, rest_s = self._split(x_s)
        high_s = self.duty * self.period_s
        swing_w = self.high_w - self.low_w
        per_period_j = self.low_w * self.period_s + swing_w * high_s
        return whole * per_period_j + self.low_w * rest_s + swing_w * min(rest_s, high_s)


@dataclass(frozen=True)
class Sine(_Plain):
    """mean_w + amplitude_w * sin(2 pi t / period_s + phase_rad)."""

    mean_w: float
    amplitude_w: float
    period_s: float
    phase_rad: float = 0.0
    kind: ClassVar[str] = "sine"

    def __post_init__(self) -> None:
        _require(0 <= self.amplitude_w <= self.mean_w, "0 W <= amplitude_w <= mean_w")
        _require(self.period_s > 0, "a period is longer than 0 s")

    def power_w(self, t_s: float) -> float:
        """Power at t_s, W."""
        return self.mean_w + self.amplitude_w * math.sin(self._angle_rad(t_s))

    def energy_j(self, t_s: float) -> float:
        """Integral from 0 to t_s, J."""
        swing_j = self.amplitude_w * self.period_s / (2 * math.pi)
        return self.mean_w * t_s + swing_j * (
            math.cos(self.phase_rad) - math.cos(self._angle_rad(t_s))
        )

    def _angle_rad(self, t_s: float) -> float:
        return 2 * math.pi * t_s / self.period_s + self.phase_rad


@dataclass(frozen=True)
class Steps(_Plain):
    """levels_w[i] from starts_s[i] on; the last level holds for ever."""

    starts_s: tuple[float, ...]
    levels_w: tuple[float, ...]
    kind: ClassVar[str] = "steps"

    def __post_init__(self) -> None:
        _require(len(self.starts_s) == len(self.levels_w) > 0, "one level for each start")
        _require(self.starts_s[0] == 0, "the first step starts at 0 s")
        _require(sorted(set(self.starts_s)) == list(self.starts_s), "starts rise")
        _require(min(self.levels_w) >= 0, "a level is at least 0 W")

    def power_w(self, t_s: float) -> float:
        """Power at t_s, W."""
        begun = [
            w for start_s, w in zip(self.starts_s, self.levels_w, strict=True) if start_s <= t_s
        ]
        return begun[-1] if begun else self.levels_w[0]

    def energy_j(self, t_s: float) -> float:
        """Integral from 0 to t_s, J."""
        if t_s <= 0:
            return self.levels_w[0] * t_s
        total_j = 0.0
        ends_s = (*self.starts_s[1:], math.inf)
        for start_s, end_s, level_w in zip(self.starts_s, ends_s, self.levels_w, strict=True):
            if start_s < t_s:
                total_j += level_w * (min(t_s, end_s) - start_s)
        return total_j


@dataclass(frozen=True)
class Driven(_Plain):
    """base_w until a program on the bench sets another level, from then on that one.

    `path` is a file of DRIVEN_BYTES in 64-bit floating-point numbers: how many levels were set,
    then the bench's time and W of each, in order. See `make_drive`.
    """

    base_w: float
    path: str
    kind: ClassVar[str] = "driven"

    def __post_init__(self) -> None:
        _require(self.base_w >= 0, "a level is at least 0 W")

    def power_w(self, t_s: float) -> float:
        """Power at t_s, W, as far as it was set."""
        return self._log.at(t_s)[1]

    def energy_j(self, t_s: float) -> float:
        """Integral from 0 to t_s, J, as far as its levels were set."""
        start_s, level_w, before_j = self._log.at(t_s)
        return before_j + level_w * (t_s - start_s)

    @property
    def _log(self) -> _DriveLog:
        return _drive_log(self.path, self.base_w)


class _DriveLog:
    """The levels of a drive file as far as they were set, and the joules before each."""

    def __init__(self, path: str, base_w: float) -> None:
        self._numbers = _mapped(path)
        self._starts_s, self._levels_w, self._before_j = [0.0], [base_w], [0.0]

    def at(self, t_s: float) -> tuple[float, float, float]:
        """The start, W and joules before it of the level at t_s."""
        for place in range(len(self._starts_s), int(self._numbers[0]) + 1):
            start_s, level_w = self._numbers[2 * place - 1], self._numbers[2 * place]
            since_s = start_s - self._starts_s[-1]
            self._before_j.append(self._before_j[-1] + self._levels_w[-1] * since_s)
            self._starts_s.append(start_s)
            self._levels_w.append(level_w)
        place = max(0, bisect_right(self._starts_s, t_s) - 1)
        return self._starts_s[place], self._levels_w[place], self._before_j[place]


@cache
def _drive_log(path: str, base_w: float) -> _DriveLog:
    return _DriveLog(path, base_w)


def make_drive(path: Path) -> None:
    """Make the file of a `Driven` curve, in which no level was set yet."""
    path.write_bytes(bytes(DRIVEN_BYTES))


def _mapped(path: str) -> Any:
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), DRIVEN_BYTES, prot=mmap.PROT_READ)).cast("d")


_KINDS: dict[str, Callable[..., PowerCurve]] = {
    cls.kind: cls for cls in (Constant, Square, Sine, Steps, Driven)
}


def curve_from_dict(data: dict[str, Any]) -> PowerCurve:
    """The curve that to_dict() described; raises KeyError for an unknown kind."""
    fields = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
        if key != "kind"
    }
    return _KINDS[data["kind"]](**fields)
