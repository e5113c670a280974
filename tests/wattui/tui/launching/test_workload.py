"""A bundled workload, as the launch form orders it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.capture.stages import Recipe
from wattui.tui.launching import workload as launch_workload
from wattui.tui.launching.order import GROUPS, LaunchPlan, strip
from wattui.tui.launching.workload import WorkloadSubject
from workloads.arguments import parse
from workloads.catalogue import catalogue
from workloads.plan import Plan
from workloads.workload import Option, Workload


def order_of(name: str, free_bytes: int = 2**40, **given: str) -> LaunchPlan:
    subject = WorkloadSubject(catalogue()[name], lambda: free_bytes)
    return subject.order({key.replace("_", "-"): value for key, value in given.items()})


def test_a_preset_names_what_it_fills_in_as_the_form_does() -> None:
    preset = WorkloadSubject(catalogue()["kws"]).fields()[0]
    quick = next(line for line, name in preset.choices if name == "quick")
    assert quick == "quick: Batch sizes 1,2,4,8,16,32,64 · Run each for (s) 5"


def test_every_option_has_its_words_and_section() -> None:
    for workload in catalogue().values():
        subject = WorkloadSubject(workload)
        for spec in (*subject.fields(), *subject.folded()):
            assert spec.label[:1].isupper()
            assert spec.group in GROUPS


def test_an_option_of_another_package_has_its_name() -> None:
    colour = Option("colour", "text", None, "which one")
    subject = WorkloadSubject(Workload("other", "", (colour,), lambda values: Plan("", ())))
    assert subject.fields()[0].label == "Colour"


def test_cells_that_need_more_than_is_free_are_told() -> None:
    order = order_of("alexnet", free_bytes=2**30)
    assert "need more memory than is free and will be skipped" in order.text.plain
    assert "1,024 MiB free" in order.text.plain
    large = next(line for line in order.table.plain.splitlines() if line.startswith("2240"))
    small = next(line for line in order.table.plain.splitlines() if line.startswith("112 "))
    assert large.endswith("!")
    assert not small.endswith("!")


def test_memory_of_a_gpu_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_workload, "missing_engine", lambda plan, values: None)
    assert "– free" in order_of("kws", device="cuda").text.plain


def test_the_arguments_are_those_that_the_workload_reads() -> None:
    order = order_of("kws", bsize="1,8", engine="numpy", channels_last="yes", warmup="0.25")
    asked = parse(order.argv[5:], catalogue())
    assert asked.values["bsize"] == (1, 8)
    assert asked.values["engine"] == "numpy"
    assert asked.values["channels-last"] is True
    assert asked.values["warmup"] == 0.25


def test_the_time_of_a_workload_has_its_own_rests() -> None:
    # 5 s armed, 10 s of running, 0.5 s of warm-up, 1 s of cool-down
    assert order_of("kws").seconds == pytest.approx(16.5)
    assert order_of("kws", seconds="2", armed="0").seconds == pytest.approx(3.5)


def test_the_strip_has_each_phase_once_in_its_order() -> None:
    made = Recipe(("x",), Path("x.csv"), 10, repeats=3, cooldown_s=5, idle_after_s=20)
    steps = order_of("kws").steps
    assert [step.text for step in strip(made, steps)] == [
        "idle 10 s",
        "load",
        "armed 5 s",
        "warm-up 0.5 s",
        "running 10 s",
        "cool-down 1 s",
        "cool-down 5 s",
        "× 3",
        "cool-down 5 s",
        "idle 20 s",
    ]
    assert [step.text for step in order_of("kws", bsize="1,8").steps][2:4] == [
        "2 × (warm-up 0.5 s, running 10 s)",
        "cool-down 1 s",
    ]
