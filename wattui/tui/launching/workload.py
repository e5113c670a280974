"""The launch form's fields for a workload. Pure, apart from looking up free memory."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.text import Text

from wattui.capture.launch import OWN
from wattui.show.quantities import counted
from wattui.tui.launching.order import REPEATS as RECIPE_REPEATS
from wattui.tui.launching.order import (
    FieldError,
    FormValues,
    Group,
    LaunchPlan,
    Step,
    seconds_text,
)
from wattui.tui.widgets.field import FALSE, TRUE, FieldSpec
from workloads.cli import run_settings
from workloads.engines import ENGINES, engine_name, missing_text
from workloads.errors import WorkloadError
from workloads.memory import available_bytes
from workloads.plan import Cell, Plan
from workloads.report import at_least, estimated_s, short
from workloads.runner import FREE_SHARE, RunSettings, mebibytes
from workloads.workload import Option, Workload

PRESET, REPEATS = "preset", "repeats"
SHOWN_CELLS = 100
# How an option is named in the form, and its section.
WORDS: Mapping[str, tuple[str, Group]] = {
    PRESET: ("Preset", "What"),
    "path": ("Model", "What"),
    "networks": ("Networks", "What"),
    "layerwise": ("Layer by layer", "What"),
    "apart": ("Prefill, decode apart", "What"),
    "method": ("Layers", "What"),
    "input": ("Input shape", "What"),
    "tokens": ("Token numbers", "What"),
    "check": ("Test accuracy", "What"),
    "argv": ("Command", "What"),
    "label": ("Label", "What"),
    "bsize": ("Batch sizes", "Size"),
    "batch": ("Batch size", "Size"),
    "prompt": ("Prompt lengths", "Size"),
    "output": ("Output lengths", "Size"),
    "neurons": ("Widths", "Size"),
    "copies": ("Branches", "Size"),
    "layers": ("Hidden layers", "Size"),
    "sizes": ("Input sizes", "Size"),
    "memory": ("Memory (MiB)", "Size"),
    "seconds": ("Run each for (s)", "Length"),
    "count": ("Inferences", "Length"),
    "images": ("Images", "Length"),
    "inferences": ("Inferences", "Length"),
    "armed": ("Stay armed (s)", "Length"),
    "warmup": ("Warm up (s)", "Length"),
    "cooldown": ("Cool down (s)", "Length"),
    "engine": ("Engine", "Engine"),
    "device": ("Device", "Engine"),
    "threads": ("Threads", "Engine"),
    "channels-last": ("Channels last", "Engine"),
    "seed": ("Seed", "Engine"),
    "result": ("Results file", "Recording"),
    "latencies": ("Times file", "Recording"),
}
FOLDED = frozenset(
    {"check", "channels-last", "seed", "armed", "warmup", "cooldown", "result", "latencies"}
)
_DEFAULT = re.compile(r" \(default: [^()]*\)$")
_OPTION = re.compile(r"--([a-z-]+)")


class WorkloadSubject:
    """Runs `wattui workloads NAME`; the recording does the repeats."""

    def __init__(self, workload: Workload, free_bytes: Callable[[], int] = available_bytes) -> None:
        self.name, self.title = workload.name, workload.title
        self._workload = workload
        self._free_bytes = free_bytes
        self._options = {o.name: o for o in workload.all_options if o.name != REPEATS}

    def fields(self) -> list[FieldSpec]:
        """The preset, the workload's options, and engine and device."""
        shown = [self._spec(o) for o in self._options.values() if o.name not in FOLDED]
        if not self._workload.presets:
            return shown
        names = tuple((_preset_line(name, of), name) for name, of in self._workload.presets.items())
        hint = "a set of values; anything you enter below overrides it"
        label, group = WORDS[PRESET]
        preset = FieldSpec(
            PRESET,
            hint,
            "choice",
            label=label,
            choices=(("none", ""), *names),
            wide=True,
            group=group,
        )
        return [preset, *shown]

    def folded(self) -> list[FieldSpec]:
        """Rests inside the workload, seed, and result files."""
        return [self._spec(o) for o in self._options.values() if o.name in FOLDED]

    def suggestions(self, given: FormValues) -> dict[str, str]:
        """Values of the preset, else the workload's, else the defaults."""
        values = self._workload.values({}, given.get(PRESET))
        found = {name: shown_value(values[name]) for name in self._options}
        if "engine" in found:
            found["engine"] = engine_name(values["engine"], given.get("device", values["device"]))
        return {**found, RECIPE_REPEATS: shown_value(values.get(REPEATS, 1))}

    def stem(self, given: FormValues) -> str:
        """The workload's name."""
        return self.name

    def order(self, given: FormValues) -> LaunchPlan:
        """The command line and a description of the plan."""
        argv = self._arguments(given)
        path = given.get("path", "")
        if path and not path.endswith(".json"):
            # Loading its libraries or a user's module here could slow or crash the dashboard.
            text = Text.assemble((f"{self.title}\n", "bold"), "Inspecting the model …\n")
            steps = (Step("running", "running …"),)
            return LaunchPlan((*OWN, *argv), text, steps=steps, dry_run=(*OWN, *argv, "--dry-run"))
        try:
            values = self._workload.values(self._values(given), given.get(PRESET))
            plan = self._workload.plan(values)
        except WorkloadError as error:
            found = _OPTION.search(str(error))
            if found and found[1] in self._options:
                raise FieldError(found[1], _in_words(str(error))) from None
            raise
        if self._workload.on_engine and (missing := missing_engine(plan, values)):
            raise FieldError("engine", missing)
        free_bytes = self._free_bytes() if values.get("device", "cpu") == "cpu" else None
        settings = run_settings(values, recorded=True)
        seconds = estimated_s(plan, settings) if plan.cells else None
        return LaunchPlan(
            (*OWN, *argv),
            plan_text(plan, free_bytes),
            cell_table(plan, free_bytes),
            seconds,
            tuple(steps_of(plan, settings)),
        )

    def _values(self, given: FormValues) -> dict[str, Any]:
        return {
            name: text == TRUE if option.kind == "truth" else _parsed(option, text)
            for name, option in self._options.items()
            if (text := given.get(name))
        }

    def _arguments(self, given: FormValues) -> list[str]:
        argv = ["workloads", self.name]
        for name, option in self._options.items():
            text = given.get(name, "")
            if option.kind == "truth":
                argv += [f"--{name}"] if text == TRUE else []
            elif text and option.name == "argv":
                continue
            elif text:
                argv += [text] if option.positional else [f"--{name}", text]
        if PRESET in given:
            argv += ["--preset", given[PRESET]]
            if REPEATS in self._workload.presets[given[PRESET]]:
                argv += [f"--{REPEATS}", "1"]
        return argv + (["--", *shlex.split(given["argv"])] if "argv" in given else [])

    def _spec(self, option: Option) -> FieldSpec:
        default = self._workload.settings.get(option.name, option.default)
        # The field already shows the default.
        is_shown = default is not None or option.choices
        hint = _in_words(_DEFAULT.sub("", option.help) if is_shown else option.help)
        label, group = WORDS.get(option.name, (_label(option.name), "What"))
        if option.kind == "truth":
            value = TRUE if default else FALSE
            return FieldSpec(option.name, hint, "truth", label=label, value=value, group=group)
        if option.choices:
            others = tuple((_choice_line(o), o) for o in option.choices if o != default)
            choices = (("default", ""), *others)
            return FieldSpec(option.name, hint, "choice", label=label, choices=choices, group=group)
        return FieldSpec(
            option.name,
            hint,
            label=label,
            group=group,
            placeholder=shown_value(default),
            check=lambda text: _wrong(option, text),
            wide=option.positional,
        )


def steps_of(plan: Plan, settings: RunSettings) -> Iterator[Step]:
    """The phases that a workload goes through, with those of its networks once."""
    if not plan.cells:
        return
    yield Step("loading", "load")
    if settings.armed_s:
        yield Step("armed", f"armed {seconds_text(settings.armed_s)}")
    least_s = {0.0 if cell.count else cell.seconds for cell in plan.cells}
    (only_s,) = least_s if len(least_s) == 1 else (0.0,)
    running = f"running {seconds_text(only_s) if only_s else '…'}"
    warmup = f"warm-up {seconds_text(settings.warmup_s)}" if settings.warmup_s else ""
    each = len(plan.cells) // len(plan.groups)
    if each > 1:
        yield Step("running", f"{each} × ({', '.join(filter(None, (warmup, running)))})")
    else:
        yield from (Step("warmup", warmup),) if warmup else ()
        yield Step("running", running)
    if settings.cooldown_s:
        yield Step("cooldown", f"cool-down {seconds_text(settings.cooldown_s)}")
    if len(plan.groups) > 1:
        yield Step("", f"× {len(plan.groups)}")


def missing_engine(plan: Plan, values: Mapping[str, Any]) -> str | None:
    """An error message if the engine that would be used is not installed, else None."""
    name = engine_name(plan.engine or values["engine"], values["device"])
    engine = ENGINES[name]
    return missing_text(name, engine.missing, engine.extra) if engine.missing else None


def plan_text(plan: Plan, free_bytes: int | None) -> Text:
    """A description of the plan: number of cells, memory needed and free."""
    text = Text.assemble((f"{plan.title}\n", "bold"))
    if plan.cells:
        text.append_text(_memory(plan.cells, free_bytes))
    else:
        text.append("Nothing to measure; it only prints output.\n")
    for remark in plan.remarks:
        text.append(f"{remark}\n")
    return text


def cell_table(plan: Plan, free_bytes: int | None) -> Text:
    """A table of the cells: MACs, parameters, memory."""
    if not plan.cells:
        return Text()
    width = min(22, max(4, *(len(cell.label) for cell in plan.cells)))
    header = f"{'cell':{width}} {'MACs':>7} {'params':>7} {'memory':>10}\n"
    text = Text.assemble((header, "dim"))
    for cell in plan.cells[:SHOWN_CELLS]:
        sizes = f"{at_least(cell) + short(cell.macs):>7} {short(cell.parameters):>7}"
        line = f"{cell.label[:width]:{width}} {sizes} {mebibytes(cell.needed_bytes):>10}"
        fits = _fits(cell, free_bytes)
        text.append(f"{line}{'' if fits else ' !'}\n", "" if fits else "bold")
    if len(plan.cells) > SHOWN_CELLS:
        text.append(f"and {len(plan.cells) - SHOWN_CELLS} more\n")
    return text


def shown_value(value: Any) -> str:
    """A value as it would be typed; long lists are shortened in the middle."""
    if isinstance(value, tuple):
        texts = [str(each) for each in value]
        return ",".join(texts if len(texts) <= 7 else [*texts[:2], "…", texts[-1]])
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _memory(cells: list[Cell], free_bytes: int | None) -> Text:
    largest = max(cells, key=lambda cell: cell.needed_bytes)
    count = counted(len(cells), "cell")
    free = "–" if free_bytes is None else mebibytes(free_bytes)
    needed = mebibytes(largest.needed_bytes)
    text = Text(f"{count}; memory: {largest.label} needs about {needed} (estimated), {free} free\n")
    skipped = sum(not _fits(cell, free_bytes) for cell in cells)
    if skipped:
        text.append(f"{skipped} (!) need more memory than is free and will be skipped\n", "bold")
    return text


def _fits(cell: Cell, free_bytes: int | None) -> bool:
    return free_bytes is None or cell.needed_bytes <= FREE_SHARE * free_bytes


def _parsed(option: Option, text: str) -> Any:
    if option.name == "argv":
        return tuple(shlex.split(text))
    try:
        return option.parse(text)
    except ValueError as error:
        raise FieldError(option.name, str(error)) from None


def _wrong(option: Option, text: str) -> str | None:
    try:
        _parsed(option, text)
    except ValueError as error:
        return str(error)
    return None


def _in_words(text: str) -> str:
    """An error about options, as it is about fields of the form."""
    return _OPTION.sub(lambda found: WORDS[found[1]][0] if found[1] in WORDS else found[0], text)


def _choice_line(choice: str) -> str:
    missing = choice in ENGINES and ENGINES[choice].missing
    return f"{choice} (not installed)" if missing else choice


def _preset_line(name: str, values: Mapping[str, Any]) -> str:
    shown = (f"{_label(option)} {shown_value(value)}" for option, value in values.items())
    return f"{name}: {' · '.join(shown)}"


def _label(option: str) -> str:
    """The name of an option's field in the form."""
    return WORDS[option][0] if option in WORDS else option.capitalize()
