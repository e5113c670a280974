"""A command's recording, and its stages: rests and runs, in order. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Number of the repeat, for a command: it may append to files that the first one wrote.
REPEAT_VARIABLE = "WATTUI_REPEAT"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recording to make: command, file, repeats, rests, and how inferences are counted."""

    argv: Sequence[str]
    csv: Path
    idle_s: float
    repeats: int = 1
    cooldown_s: float = 10.0
    idle_after_s: float = 0.0
    label: str = ""
    inferences: int | None = None
    count_match: re.Pattern[str] | None = None
    phase_match: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """The machine is left idle for `seconds`, in a phase of this name."""

    phase: str
    seconds: float
    title: str


@dataclass(frozen=True, slots=True)
class CommandStage:
    """The command runs in a fresh process; `repeat` is None if it runs only once."""

    repeat: int | None


Stage = Rest | CommandStage


def stages(recipe: Recipe) -> list[Stage]:
    """Idle baseline, repeats with a cool-down between, cool-down and idle after; no empty rests."""
    found: list[Stage] = [Rest("idle", recipe.idle_s, "idle baseline")]
    for repeat in range(1, recipe.repeats + 1):
        if repeat > 1:
            found.append(Rest("cooldown", recipe.cooldown_s, f"cool-down before repeat {repeat}"))
        found.append(CommandStage(repeat if recipe.repeats > 1 else None))
    if recipe.idle_after_s > 0:
        found += [
            Rest("cooldown", recipe.cooldown_s, "cool-down"),
            Rest("idle", recipe.idle_after_s, "idle after"),
        ]
    return [stage for stage in found if isinstance(stage, CommandStage) or stage.seconds > 0]


def told_repeat(environ: Mapping[str, str], repeat: int | None) -> dict[str, str]:
    """An environment with the number of this repeat, or without that of another recording."""
    others = {name: value for name, value in environ.items() if name != REPEAT_VARIABLE}
    return others if repeat is None else {**others, REPEAT_VARIABLE: str(repeat)}
