"""The load of a language-model server, as the launch form orders it."""

from __future__ import annotations

import shlex

import pytest

from wattui.capture.launch import as_typed
from wattui.capture.stages import Recipe
from wattui.config import Settings
from wattui.tui.launching.order import LaunchPlan, recipe, recipe_fields, same_headless
from wattui.tui.launching.server import ServerSubject


def of_server(**given: str) -> tuple[LaunchPlan, Recipe]:
    subject = ServerSubject()
    specs = [*subject.fields(), *recipe_fields(Settings(), subject.name, lambda _: None)]
    plan = subject.order(given)
    held = {spec.name: spec.placeholder for spec in specs}
    return plan, recipe(plan, given, held)


def test_a_server_is_put_under_load_and_its_tokens_are_recorded() -> None:
    plan, made = of_server(server="http://h:8000", concurrency="1,4", seconds="30", model="m")
    words = as_typed(plan.argv)
    assert shlex.join(words) == (
        "wattui tokens bench http://h:8000 --model m --concurrency 1,4 --seconds 30"
    )
    assert made.tokens == ("http://h:8000/metrics",)
    assert plan.seconds == 5 + 2 * 30
    assert [step.text for step in plan.steps] == ["armed 5 s", "c1 30 s", "c4 30 s"]
    same = shlex.join(same_headless(made, words))
    assert "--tokens http://h:8000/metrics -- wattui tokens bench http://h:8000" in same
    check = as_typed(plan.dry_run)
    assert check == [
        *("wattui", "tokens", "check", "http://h:8000", "--tokens", "http://h:8000/metrics")
    ]


def test_a_server_without_metrics_is_recorded_without_them() -> None:
    plan, made = of_server(server="http://h:11434/v1", metrics="none")
    assert made.tokens == ()
    assert "--tokens" not in plan.dry_run


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("server", "h:8000", "expected an address"),
        ("concurrency", "1,zwei", "enter whole numbers, such as 1,8,32"),
        ("seconds", "soon", "enter seconds"),
        ("prompts", "synthetic:1", "synthetic"),
    ],
)
def test_wrong_values_of_a_server_are_refused(name: str, text: str, why: str) -> None:
    (spec,) = (spec for spec in ServerSubject().fields() if spec.name == name)
    assert why in (spec.check(text) or "")
