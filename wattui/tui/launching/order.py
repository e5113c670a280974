"""The order that a filled-in launch form makes, and the recipe to record it. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

from rich.text import Text

from recorders.channels import total_parts, with_unit
from recorders.summing import CPU, GPUS, names_of
from wattui.capture.run_names import suggested
from wattui.capture.stages import (
    EVERYTHING,
    CommandStage,
    Recipe,
    Rest,
    Stage,
    counted_list,
    stages,
)
from wattui.config import Settings, counter_list, meter_list, refusal
from wattui.tui.widgets.field import FieldSpec
from workloads.report import duration

FormValues = Mapping[str, str]
# The sections of the form, in order.
Group = Literal["What", "Size", "Length", "Engine", "Recording"]
GROUPS: tuple[Group, ...] = get_args(Group)
# Fields of the recording start with this word, unlike those of a workload.
RECIPE = "recipe "
IDLE, REPEATS, COOLDOWN, IDLE_AFTER, COUNTED, COUNTERS, METERS, FILE = (
    RECIPE + name
    for name in (
        "idle before",
        "repeats",
        "cool-down",
        "idle after",
        "count",
        "counters",
        "meters",
        "run file",
    )
)
NONE = "none"
RECORDING: Group = "Recording"


class Step(NamedTuple):
    """A phase of what will be recorded, and what the strip says of it."""

    phase: str
    text: str


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """A command to run, its description, and its estimated time in seconds, if known.

    `table` gives more detail. `steps` are the phases that it goes through. `dry_run` is a command
    that prints the plan, for plans that would be slow or unsafe to make in this process.
    """

    argv: tuple[str, ...]
    text: Text
    table: Text = field(default_factory=Text)
    seconds: float | None = None
    steps: tuple[Step, ...] = ()
    dry_run: tuple[str, ...] = ()
    label: str = ""
    inferences: int | None = None
    count_match: re.Pattern[str] | None = None
    phase_match: re.Pattern[str] | None = None
    tokens: tuple[str, ...] = ()


class Subject(Protocol):
    """Something that can be launched: its form fields, and the order they make."""

    name: str
    title: str

    def fields(self) -> list[FieldSpec]:
        """The fields that are always shown."""

    def folded(self) -> list[FieldSpec]:
        """The fields that are folded away, as they are needed less often."""

    def suggestions(self, given: FormValues) -> dict[str, str]:
        """The values of fields that are left empty."""

    def stem(self, given: FormValues) -> str:
        """The beginning of the run file's name."""

    def order(self, given: FormValues) -> LaunchPlan:
        """The order for these values; raises FieldError, ValueError, WorkloadError, WattuiError."""


class FieldError(ValueError):
    """Something is wrong with one field."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def recipe_fields(
    settings: Settings,
    stem: str,
    check: Callable[[str], str | None],
    columns: Sequence[str] = (),
) -> list[FieldSpec]:
    """Fields for rests, repeats and the run file. `check` says why a file name is refused;
    `columns` are those of this machine, whose parts can be left out of the sum."""

    def seconds(setting: str) -> Callable[[str], str | None]:
        return lambda text: refusal(setting, _number(text))

    rests = (
        (IDLE, "idle_s", "Idle before (s)", "idle baseline before the command"),
        (COOLDOWN, "cooldown_s", "Cool-down (s)", "rest between repeats"),
        (IDLE_AFTER, "idle_after_s", "Idle after (s)", "shows drift; 0 for none"),
    )
    found = [
        FieldSpec(
            name,
            hint,
            label=label,
            placeholder=f"{getattr(settings, setting):g}",
            check=seconds(setting),
            group=RECORDING,
        )
        for name, setting, label, hint in rests
    ]
    repeats = FieldSpec(
        REPEATS,
        "number of runs, each in a new process",
        label="Repeats",
        placeholder="1",
        check=whole,
        group=RECORDING,
    )
    file = FieldSpec(
        FILE,
        "run file to write; the summary goes to a .json beside it",
        label="Run file",
        placeholder=str(suggested(stem)),
        check=check,
        wide=True,
        group=RECORDING,
    )
    counters = FieldSpec(
        COUNTERS,
        "hardware counters, such as instructions, llc_misses",
        label="Counters",
        placeholder=", ".join(settings.counters) or NONE,
        check=lambda text: refusal("counters", counter_list(text)),
        group=RECORDING,
    )
    meters = FieldSpec(
        METERS,
        "meters outside the machine: wall=shelly2:192.168.1.20",
        label="Meters",
        placeholder=", ".join(settings.meters) or NONE,
        check=lambda text: refusal("meters", meter_list(text.removeprefix(NONE))),
        wide=True,
        group=RECORDING,
    )
    return [found[0], repeats, *found[1:], *_counted_field(columns), counters, meters, file]


def _counted_field(columns: Sequence[str]) -> Iterator[FieldSpec]:
    """What to sum, if there are both processors and GPUs."""
    parts = total_parts(with_unit(columns, "J"))
    gpus = [part for part in parts if GPUS in names_of(part)]
    if len(gpus) in (0, len(parts)):
        return
    numbers = ",".join(gpu.removeprefix("gpu") for gpu in gpus)
    choices = [
        (EVERYTHING, ""),
        ("CPU + DRAM", CPU),
        (f"GPU{'s' * (len(gpus) > 1)} {numbers}", GPUS),
    ]
    if len(gpus) > 1:
        choices += [(f"CPU + DRAM + {gpu.upper()}", f"{CPU},{gpu}") for gpu in gpus]
    yield FieldSpec(
        COUNTED,
        "what is summed; all else is recorded beside it",
        "choice",
        label="Count",
        choices=tuple(choices),
        group=RECORDING,
    )


def recipe(order: LaunchPlan, given: FormValues, suggestions: FormValues) -> Recipe:
    """The recipe for an order; all fields must be valid."""
    values = {name: given.get(name) or suggestion for name, suggestion in suggestions.items()}
    return Recipe(
        order.argv,
        Path(values[FILE]),
        idle_s=float(values[IDLE]),
        repeats=int(values[REPEATS]),
        cooldown_s=float(values[COOLDOWN]),
        idle_after_s=float(values[IDLE_AFTER]),
        label=order.label,
        inferences=order.inferences,
        count_match=order.count_match,
        phase_match=order.phase_match,
        counters=counter_list(values[COUNTERS].removeprefix(NONE)),
        meters=meter_list(values[METERS].removeprefix(NONE)),
        counted=counted_list(given.get(COUNTED, "")),
        tokens=order.tokens,
    )


def time_line(recipe: Recipe, command_s: float | None, now_s: float) -> str:
    """The estimated total time, what it consists of, and when it ends if it starts now.

    `now_s` is the wall clock, in seconds since the epoch.
    """
    rest_s = sum(stage.seconds for stage in stages(recipe) if isinstance(stage, Rest))
    times = f"{recipe.repeats} × " if recipe.repeats > 1 else ""
    if command_s is None:
        return f"Time unknown: {duration(rest_s)} of rests plus {times}the command"
    total_s = rest_s + recipe.repeats * command_s
    return (
        f"Estimated time {duration(total_s)}: {duration(rest_s)} of rests plus "
        f"{times}{duration(command_s)}; ends about {_moment(now_s + total_s, now_s)}"
    )


def strip(recipe: Recipe, steps: Sequence[Step]) -> Iterator[Step]:
    """The phases that will be recorded, in order; those of repeats stand once."""
    found = stages(recipe)
    runs = [place for place, stage in enumerate(found) if isinstance(stage, CommandStage)]
    yield from _rests(found[: runs[0]])
    yield from steps
    if len(runs) > 1:
        yield from _rests(found[runs[0] + 1 : runs[1]])
        yield Step("", f"× {len(runs)}")
    yield from _rests(found[runs[-1] + 1 :])


def _rests(found: Sequence[Stage]) -> Iterator[Step]:
    words = {"cooldown": "cool-down"}
    for rest in (stage for stage in found if isinstance(stage, Rest)):
        yield Step(rest.phase, f"{words.get(rest.phase, rest.phase)} {seconds_text(rest.seconds)}")


def seconds_text(seconds: float) -> str:
    """A duration in the strip, which may be short."""
    return f"{seconds:g} s" if seconds < 100 else duration(seconds)


def _moment(time_s: float, now_s: float) -> str:
    """A time of day; with the date, unless it is today."""
    then, now = time.localtime(time_s), time.localtime(now_s)
    is_today = then[:3] == now[:3]
    return time.strftime("%H:%M:%S" if is_today else "%a %d %b %H:%M", then)


def same_headless(recipe: Recipe, words: Sequence[str]) -> list[str]:
    """The command line that makes the same recording without the dashboard."""
    found = ["wattui", "--headless", "--csv", str(recipe.csv), "--idle", f"{recipe.idle_s:g}"]
    if recipe.repeats > 1:
        found += ["--repeats", str(recipe.repeats)]
    if recipe.repeats > 1 or recipe.idle_after_s:
        found += ["--cooldown", f"{recipe.cooldown_s:g}"]
    if recipe.idle_after_s:
        found += ["--idle-after", f"{recipe.idle_after_s:g}"]
    if recipe.counters:
        found += ["--counters", ",".join(recipe.counters)]
    if recipe.counted:
        found += ["--count", ",".join(recipe.counted)]
    for meter in recipe.meters:
        found += ["--meter", meter]
    for server in recipe.tokens:
        found += ["--tokens", server]
    if recipe.label:
        found += ["--label", recipe.label]
    if recipe.inferences is not None:
        found += ["--inferences", str(recipe.inferences)]
    for option, pattern in (
        ("--count-match", recipe.count_match),
        ("--phase-match", recipe.phase_match),
    ):
        if pattern is not None:
            found += [option, pattern.pattern]
    return [*found, "--", *words]


def whole(text: str) -> str | None:
    """An error message if a text is not a whole number of 1 or more, else None."""
    good = text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) >= 1
    return None if good else "enter a whole number, 1 or more"


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
