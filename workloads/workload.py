"""Workloads and their options as data: for the command line, and for forms."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workloads.engines import DEVICES, ENGINES
from workloads.errors import UsageError
from workloads.plan import Plan

Values = Mapping[str, Any]


OptionKind = Literal["whole", "wholes", "shapes", "seconds", "text", "choice", "truth"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `kind` is the type of its value; `minimum` applies to whole numbers."""

    name: str
    kind: OptionKind
    default: Any
    help: str
    minimum: int = 1
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    positional: bool = False

    def parse(self, text: str) -> Any:
        """Parse a text to a value; raises ValueError, in words."""
        if self.kind == "whole":
            return self._whole(text)
        if self.kind == "wholes":
            return self._wholes(text)
        if self.kind == "shapes":
            return dict(map(self._named, text.split()))
        if self.kind == "seconds":
            return _seconds(text)
        if self.kind == "choice" and text not in self.choices:
            near = difflib.get_close_matches(text, self.choices, 1)
            hint = f": did you mean {near[0]}?" if near else f" ({', '.join(self.choices)})"
            raise ValueError(f"invalid choice {text!r}{hint}")
        return text

    def _named(self, text: str) -> tuple[str, tuple[int, ...]]:
        """NAME=SHAPE, or a shape alone, whose name is empty."""
        name, _, sizes = text.rpartition("=")
        return name, self._wholes(sizes)

    def _wholes(self, text: str) -> tuple[int, ...]:
        return tuple(self._whole(part) for part in text.split(","))

    def _whole(self, text: str) -> int:
        try:
            value = int(text.strip().replace("_", ""))
        except ValueError:
            raise ValueError(f"{text.strip()!r} is not a whole number") from None
        if value < self.minimum:
            raise ValueError(f"{value} is below {self.minimum}")
        return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not 0 <= value < 1e9:
        raise ValueError(f"{text} is not a number of seconds of 0 or more")
    return value


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload: `plan` turns option values into a plan, without running it.

    `presets` has values by option. `on_engine` is False for workloads that bring their own work.
    `settings` overrides the defaults of common options.
    """

    name: str
    title: str
    options: tuple[Option, ...]
    plan: Callable[[Values], Plan]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    on_engine: bool = True

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Its own options and the common ones."""
        common = COMMON if self.on_engine else tuple(o for o in COMMON if o not in ENGINE)
        return (*self.options, *common)

    def values(self, given: Values, preset: str | None = None) -> dict[str, Any]:
        """Values of all options: given values override a preset's, which override the defaults."""
        if preset is not None and preset not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise UsageError(f"{self.name} has no preset {preset!r} (there are: {known})")
        values = {option.name: option.default for option in self.all_options}
        return {**values, **self.settings, **self.presets.get(preset or "", {}), **given}


ENGINE = (
    Option(
        "engine",
        "choice",
        None,
        "inference engine (default: onnxruntime, and torch on a GPU)",
        choices=tuple(ENGINES),
    ),
    Option("device", "choice", "cpu", "device to run on (default: cpu)", choices=DEVICES),
    Option("threads", "whole", 1, "threads of the engine; 0: its own default (default: 1)", 0),
    Option("channels-last", "truth", False, "torch only: channels-last memory format"),
    Option("seed", "whole", 1, "seed of weights and inputs (default: 1)", 0),
)


COMMON = (
    *ENGINE,
    Option(
        "armed",
        "seconds",
        None,
        "rest with the model loaded (default: 5 when recorded, else 0)",
        metavar="S",
    ),
    Option(
        "warmup",
        "seconds",
        0.5,
        "warm-up before each cell, not counted (default: 0.5)",
        metavar="S",
    ),
    Option(
        "cooldown",
        "seconds",
        None,
        "rest after the last cell (default when recorded: 1, on a GPU 10; else 0)",
        metavar="S",
    ),
    Option("repeats", "whole", 1, "run everything N times, each in a fresh process (default: 1)"),
    Option("result", "text", None, "write the results as JSON", metavar="FILE.json"),
    Option("latencies", "text", None, "write the time of each call or chunk", metavar="FILE.csv"),
)


def shared_count(sizes: tuple[int, ...], counts: tuple[int, ...], what: str) -> tuple[int, ...]:
    """One count for all sizes, or one per size; raises UsageError for any other number of them."""
    if len(counts) == 1:
        return counts * len(sizes)
    if len(counts) != len(sizes):
        raise UsageError(f"--count has {len(counts)} values for {len(sizes)} {what}: give 1 or all")
    return counts
