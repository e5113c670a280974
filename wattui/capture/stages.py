"""The stages of a command's recording: rests and runs, in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Number of the repeat, for a command: it may append to files that the first one wrote.
REPEAT_VARIABLE = "WATTUI_REPEAT"


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


def stages(idle_s: float, repeats: int, cooldown_s: float, idle_after_s: float) -> list[Stage]:
    """Idle baseline, repeats with a cool-down between, cool-down and idle after; no empty rests."""
    found: list[Stage] = [Rest("idle", idle_s, "idle baseline")]
    for repeat in range(1, repeats + 1):
        if repeat > 1:
            found.append(Rest("cooldown", cooldown_s, f"cool-down before repeat {repeat}"))
        found.append(CommandStage(repeat if repeats > 1 else None))
    if idle_after_s > 0:
        found += [
            Rest("cooldown", cooldown_s, "cool-down"),
            Rest("idle", idle_after_s, "idle after"),
        ]
    return [stage for stage in found if isinstance(stage, CommandStage) or stage.seconds > 0]


def told_repeat(environ: Mapping[str, str], repeat: int | None) -> dict[str, str]:
    """An environment with the number of this repeat, or without that of another recording."""
    others = {name: value for name, value in environ.items() if name != REPEAT_VARIABLE}
    return others if repeat is None else {**others, REPEAT_VARIABLE: str(repeat)}
