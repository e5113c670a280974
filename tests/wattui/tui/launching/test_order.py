"""Orders of the launch form as recipes, command lines, strips and times."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest

from wattui.capture.stages import Recipe
from wattui.config import Settings
from wattui.tui.launching.command import ProgramSubject
from wattui.tui.launching.order import (
    COUNTED,
    COUNTERS,
    METERS,
    recipe,
    recipe_fields,
    same_headless,
    time_line,
)


def test_the_same_command_line_is_what_headless_takes() -> None:
    from wattui.commands.main_options import main_parser

    order = ProgramSubject().order(
        {"command": "sh -c 'exit 0'", "count match": r"(\d+) done", "label": "a b"}
    )
    made = Recipe(
        order.argv,
        Path("a b.csv"),
        idle_s=2.5,
        repeats=3,
        cooldown_s=4,
        idle_after_s=5,
        label=order.label,
        count_match=order.count_match,
        counters=("instructions", "llc_misses"),
        counted=("cpu", "gpu1"),
        meters=("wall=shelly2:plug", "usb=exec:tc66 --watch"),
    )
    words = shlex.split(shlex.join(same_headless(made, made.argv)))
    place = words.index("--")
    assert tuple(words[place + 1 :]) == made.argv
    asked = main_parser().parse_args(words[1:place])
    assert asked.headless
    assert (asked.csv, asked.label, asked.count_match) == ("a b.csv", "a b", r"(\d+) done")
    assert tuple(asked.meter) == made.meters
    assert (asked.idle, asked.repeats, asked.cooldown, asked.idle_after) == (2.5, 3, 4, 5)
    assert asked.counters == ("instructions", "llc_misses")
    assert asked.count == ("cpu", "gpu1")


@pytest.mark.parametrize(
    ("typed", "taken"),
    [("", ("wall=file:/x",)), ("none", ()), ("a=file:/1, b=file:/2", ("a=file:/1", "b=file:/2"))],
)
def test_meters_are_those_of_the_settings_unless_others_are_typed(
    typed: str, taken: tuple[str, ...]
) -> None:
    fields = recipe_fields(Settings(meters=("wall=file:/x",)), "run", lambda _: None)
    held = {field.name: field.placeholder for field in fields}
    order = ProgramSubject().order({"command": "sh -c x"})
    given = {METERS: typed} if typed else {}
    assert recipe(order, given, held).meters == taken


@pytest.mark.parametrize(
    ("typed", "taken"),
    [("", ("cycles",)), ("none", ()), ("LLC-misses, cycles", ("LLC-misses", "cycles"))],
)
def test_counters_are_those_of_the_settings_unless_others_are_typed(
    typed: str, taken: tuple[str, ...]
) -> None:
    fields = recipe_fields(Settings(counters=("cycles",)), "run", lambda _: None)
    held = {field.name: field.placeholder for field in fields}
    order = ProgramSubject().order({"command": "sh -c x"})
    given = {COUNTERS: typed} if typed else {}
    assert recipe(order, given, held).counters == taken


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        ("package0_J dram0_J total_J", []),
        ("gpu0_J total_J", []),
        ("package0_J gpu0_J igpu0_J total_J", ["everything", "CPU + DRAM", "GPU 0"]),
        (
            "package0_J gpu0_J gpu1_J total_J",
            ["everything", "CPU + DRAM", "GPUs 0,1", "CPU + DRAM + GPU0", "CPU + DRAM + GPU1"],
        ),
    ],
)
def test_what_to_count_is_asked_where_there_is_a_choice(columns: str, labels: list[str]) -> None:
    fields = recipe_fields(Settings(), "run", lambda _: None, columns.split())
    found = [field.choices for field in fields if field.name == COUNTED]
    assert [label for choices in found for label, _ in choices] == labels


def test_the_gpus_are_left_out_of_a_run_of_the_cpu() -> None:
    columns = ["package0_J", "gpu0_J", "total_J"]
    fields = recipe_fields(Settings(), "run", lambda _: None, columns)
    held = {field.name: field.placeholder for field in fields}
    order = ProgramSubject().order({"command": "sh -c x"})
    made = recipe(order, {COUNTED: "cpu"}, held)
    assert made.counted == ("cpu",)
    assert "--count cpu" in shlex.join(same_headless(made, ["x"]))


def test_the_time_says_when_it_ends() -> None:
    made = Recipe(("x",), Path("x.csv"), 10)
    now_s = time.mktime((2026, 11, 29, 23, 0, 0, 0, 0, -1))
    assert time_line(made, 50, now_s).endswith("; ends about 23:01:00")
    assert time_line(made, 7200, now_s).endswith("; ends about Mon 30 Nov 01:00")


def test_the_time_has_all_rests_and_all_repeats() -> None:
    made = Recipe(("x",), Path("x.csv"), 10, repeats=3, cooldown_s=5, idle_after_s=20)
    assert time_line(made, 10, 0).startswith("Estimated time 75 s: 45 s of rests plus 3 × ")
    assert time_line(made, None, 0) == "Time unknown: 45 s of rests plus 3 × the command"
