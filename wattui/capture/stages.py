"""A command's recording, and its stages: rests and runs, in order. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERYTHING = "everything"
# Number of the repeat, for a command: it may append to files that the first one wrote.
REPEAT_VARIABLE = "WATTUI_REPEAT"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the label of its running phases."""

    argv: Sequence[str]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recording to make: command, file, repeats, rests, and how inferences are counted.

    `other` is a second command, recorded in turn with the first: A B B A A B … `counters` names
    hardware counters, `meters` has the meters outside the machine, each NAME=SPEC. `counted` names
    the parts of the machine to sum (`recorders.summing`), all if empty. `tokens` has the addresses
    of servers' metrics, whose requests an edge waits for `drain_s` at most.
    """

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
    other: Command | None = None
    counters: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    drain_s: float = 30.0

    @property
    def commands(self) -> list[Command]:
        """The command, or both of them."""
        return [Command(self.argv, self.label), *([self.other] if self.other else [])]


@dataclass(frozen=True, slots=True)
class Rest:
    """The machine is left idle for `seconds`, in a phase of this name."""

    phase: str
    seconds: float
    title: str


@dataclass(frozen=True, slots=True)
class CommandStage:
    """A command runs in a fresh process.

    `repeat` is None if it runs only once, `which` is its place among the recipe's commands.
    """

    repeat: int | None
    which: int = 0


Stage = Rest | CommandStage


def stages(recipe: Recipe) -> list[Stage]:
    """Idle baseline, repeats with a cool-down between, cool-down and idle after; no empty rests.

    Of two commands, the first comes first in odd repeats and second in even ones, so that each is
    as often early as late, and a steady drift raises both alike.
    """
    found: list[Stage] = [Rest("idle", recipe.idle_s, "idle baseline")]
    commands = recipe.commands
    for repeat in range(1, recipe.repeats + 1):
        for which in range(len(commands))[:: 1 if repeat % 2 else -1]:
            if len(found) > 1:
                before = f"{commands[which].label}, " if recipe.other else ""
                title = f"cool-down before {before}repeat {repeat}"
                found.append(Rest("cooldown", recipe.cooldown_s, title))
            is_numbered = recipe.repeats > 1 or recipe.other is not None
            found.append(CommandStage(repeat if is_numbered else None, which))
    if recipe.idle_after_s > 0:
        found += [
            Rest("cooldown", recipe.cooldown_s, "cool-down"),
            Rest("idle", recipe.idle_after_s, "idle after"),
        ]
    return [stage for stage in found if isinstance(stage, CommandStage) or stage.seconds > 0]


def counted_list(text: str) -> tuple[str, ...]:
    """The parts in a comma-separated list, as in cpu,gpu0; none for everything."""
    names = (part.strip().lower() for part in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name and name != EVERYTHING))


def told_repeat(environ: Mapping[str, str], repeat: int | None) -> dict[str, str]:
    """An environment with the number of this repeat, or without that of another recording."""
    others = {name: value for name, value in environ.items() if name != REPEAT_VARIABLE}
    return others if repeat is None else {**others, REPEAT_VARIABLE: str(repeat)}
