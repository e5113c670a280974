"""The launch form: its fields, its errors and where they appear, and the resulting recipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Switch

from tests.support.dashboards import screen, until, until_shown
from wattui.capture.run_names import refusal
from wattui.capture.stages import Recipe
from wattui.config import Settings
from wattui.tui.launching.order import GROUPS
from wattui.tui.launching.recall import Recall
from wattui.tui.screens import launch_form
from wattui.tui.screens.launch_form import NOTHING, Known, LaunchForm
from wattui.tui.widgets.field import Choice, Field
from workloads import engines
from workloads.arguments import parse
from workloads.catalogue import catalogue

# The columns of a field's name, and the blank before it.
NAME = 19
SIZES = [(80, 24), (120, 35), (200, 50)]


class Page(App[None]):
    def __init__(
        self,
        known: Known | None = None,
        settings: Settings | None = None,
        recall: Recall = NOTHING,
        columns: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.answers: list[Recipe | None] = []
        settings = settings or Settings(idle_s=7)
        self._shown = LaunchForm(
            catalogue(), settings, check=refusal, known=known, recall=recall, columns=columns
        )

    def on_mount(self) -> None:
        self.push_screen(self._shown, self.answers.append)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def field(pilot: Pilot[None], name: str) -> Field:
    return next(each for each in pilot.app.screen.query(Field) if each.spec.name == name)


async def fill(pilot: Pilot[None], name: str, text: str) -> None:
    control = field(pilot, name).query_one(Input)
    control.value = text
    await pilot.pause()


async def choose(pilot: Pilot[None], name: str, value: str) -> None:
    field(pilot, name).query_one(Choice).value = value
    await pilot.pause()
    await pilot.pause()


def told_at(pilot: Pilot[None], label: str) -> str:
    """What stands beneath a field, up to the next one."""
    lines = [line[1:].partition("│")[0] for line in screen(pilot.app).splitlines()]
    place = next(n for n, line in enumerate(lines) if line[:NAME] == f"{label:>{NAME - 1}} ")
    beneath = []
    for line in lines[place + 1 :]:
        if line[:NAME].strip():
            break
        beneath.append(line.strip())
    return " ".join(beneath)


async def test_a_server_is_tested_again_with_a_button(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, ...]] = []

    async def says(argv: tuple[str, ...]) -> tuple[str, int]:
        asked.append(argv)
        return "models: gpt\nvLLM counts tokens_out", 0

    monkeypatch.setattr(launch_form, "output_of", says)
    monkeypatch.setattr(launch_form, "TYPING_S", 0.0)
    app = Page()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#test").display
        await choose(pilot, "workload", "llm server")
        assert app.screen.query_one("#test").display
        await fill(pilot, "server", "http://127.0.0.1:8000")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "vLLM counts tokens_out" in screen(app)
        known = len(asked)
        await pilot.click("#test")
        await app.workers.wait_for_complete()
        assert len(asked) == known + 1


@pytest.mark.parametrize("size", SIZES)
async def test_fields_plan_and_buttons_are_there_at_every_size(size: tuple[int, int]) -> None:
    app = Page()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = screen(pilot.app)
        for words in (
            "Batch sizes",
            "Keyword spotter",
            "Estimated time",
            "172.8k",
            "Start",
            "Cancel",
        ):
            assert words in text


async def test_enter_on_start_gives_the_recipe_of_the_settings(folder: Path) -> None:
    app = Page(settings=Settings(idle_s=3, cooldown_s=4, idle_after_s=5))
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        pilot.app.screen.query_one("#start").focus()
        await pilot.press("enter")
    (recipe,) = app.answers
    assert recipe is not None
    assert recipe.argv == (sys.executable, "-P", "-m", "wattui", "workloads", "kws")
    assert (recipe.idle_s, recipe.cooldown_s, recipe.idle_after_s) == (3, 4, 5)
    assert recipe.repeats == 1
    assert recipe.csv.name.startswith("kws-")
    assert not recipe.csv.exists()


async def test_everything_can_be_typed() -> None:
    app = Page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("tab", "enter", "down", "enter")  # preset quick
        await pilot.press("tab", *"1,8", "enter", *"2", "ctrl+s")
    (recipe,) = app.answers
    assert recipe is not None
    expected = ["--bsize", "1,8", "--neurons", "2", "--preset", "quick"]
    assert list(recipe.argv[6:]) == expected


async def test_the_mouse_starts() -> None:
    app = Page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.click("#start")
    assert app.answers[0] is not None


async def test_a_wrong_value_is_told_beneath_its_field_and_starts_nothing() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await fill(pilot, "bsize", "1,x")
        assert "'x' is not a whole number" in told_at(pilot, "Batch sizes")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.answers == []
        assert field(pilot, "bsize").query_one(Input).has_focus
        await fill(pilot, "bsize", "1,2")
        assert "not a whole number" not in screen(pilot.app)
        assert "2 cells" in screen(pilot.app)


async def test_what_does_not_fit_together_is_told_at_the_field_that_it_names() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "alexnet")
        await fill(pilot, "count", "1,2,3")
        assert "Inferences has 3 values" in told_at(pilot, "Inferences")


async def test_a_preset_fills_in_the_placeholders() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "alexnet")
        await choose(pilot, "preset", "paper")
        assert field(pilot, "count").query_one(Input).placeholder == "40000,20000,…,2000"
        assert field(pilot, "recipe repeats").query_one(Input).placeholder == "10"
        await pilot.press("ctrl+s")
    (recipe,) = app.answers
    assert recipe is not None
    assert recipe.repeats == 10
    # The recording repeats it: the workload itself runs once.
    asked = parse(recipe.argv[5:], catalogue())
    assert asked.values["repeats"] == 1
    assert asked.values["count"][0] == 40_000


async def test_fields_that_are_needed_less_often_are_folded_away() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        assert "seed of weights" not in screen(pilot.app)
        await pilot.press("ctrl+o")
        await until_shown(pilot, "seed of weights")


async def test_a_folded_field_that_is_wrong_is_shown_at_the_start() -> None:
    app = Page(known={"kws": {"warmup": "soon"}})
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+s")
        said = "'soon' is not a number of seconds"
        await until(pilot, lambda: said in told_at(pilot, "Warm up (s)"))


async def test_an_existing_file_is_refused_as_it_is_typed(folder: Path) -> None:
    (folder / "run.csv").touch()
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await fill(pilot, "recipe run file", "run.csv")
        assert "run.csv exists: fix: use another name" in told_at(pilot, "Run file")
        await pilot.press("ctrl+s")
        assert app.answers == []


async def test_what_was_filled_in_is_there_the_next_time_but_not_the_file() -> None:
    known: Known = {}
    app = Page(known)
    async with app.run_test(size=(120, 35)) as pilot:
        await fill(pilot, "bsize", "4")
        await choose(pilot, "workload", "lenet")
        await fill(pilot, "sizes", "64")
        await fill(pilot, "recipe idle before", "2")
        await fill(pilot, "recipe run file", "mine.csv")
        await pilot.press("ctrl+s")
    again = Page(known)
    async with again.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        assert field(pilot, "workload").value == "lenet"
        assert field(pilot, "sizes").value == "64"
        assert field(pilot, "recipe idle before").value == "2"
        assert field(pilot, "recipe run file").value == ""
        await choose(pilot, "workload", "kws")
        assert field(pilot, "bsize").value == "4"
    assert again.answers == []


async def test_an_engine_that_is_not_installed_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = engines.find_spec
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == "torch" else known(name))
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "engine", "torch")
        assert "not installed: fix: pip install 'wattui[torch]'" in told_at(pilot, "Engine")
        await pilot.press("ctrl+s")
        assert app.answers == []
        await choose(pilot, "engine", "")
        await choose(pilot, "device", "cuda")
        assert "is not installed" in screen(pilot.app)


async def test_a_spec_of_ones_own_is_planned(folder: Path) -> None:
    linear = {"type": "layer", "torch_module": "nn.Linear", "in_features": 8, "out_features": 4}
    spec = {"name": "net", "input_shape": [8], "layers": [linear]}
    (folder / "net.json").write_text(json.dumps(spec))
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "model")
        await fill(pilot, "path", "net.json")
        assert "1 cell" in screen(pilot.app)
        assert "36 " in screen(pilot.app)  # parameters


async def test_a_truth_is_switched() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        field(pilot, "check").query_one(Switch).toggle()
        await pilot.pause()
        assert "Nothing to measure" in screen(pilot.app)
        await pilot.press("ctrl+s")
    assert app.answers[0] is not None
    assert app.answers[0].argv[6:] == ("--check",)


async def test_a_model_file_is_planned_by_another_process() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "model")
        assert "which model?" in screen(pilot.app)
        await fill(pilot, "path", "none.onnx")
        assert "Inspecting the model" in screen(pilot.app)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "none.onnx" in screen(pilot.app)
        assert "Inspecting the model" not in screen(pilot.app)
        await pilot.press("ctrl+s")
        assert app.answers == []
        await pilot.press("escape")
    assert app.answers == [None]


async def test_a_command_is_split_counted_and_labelled() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "command")
        await fill(pilot, "command", "sh -c 'echo a | cat'")
        await fill(pilot, "label", "mine")
        await fill(pilot, "inferences", "20")
        await fill(pilot, "phase match", r"^now (?P<phase>\w+)$")
        await fill(pilot, "recipe repeats", "3")
        await pilot.press("ctrl+s")
    (recipe,) = app.answers
    assert recipe is not None
    assert recipe.argv == ("sh", "-c", "echo a | cat")
    assert (recipe.label, recipe.inferences, recipe.repeats) == ("mine", 20, 3)
    assert recipe.phase_match is not None
    assert recipe.phase_match.search("now warmup")
    assert recipe.count_match is None


@pytest.mark.parametrize(
    ("values", "name", "told"),
    [
        ({"command": "nosuchprogram -x"}, "Command", "nosuchprogram: no such program"),
        ({"command": "sh -c 'a"}, "Command", "close the quotes"),
        ({"command": "sh", "inferences": "0"}, "Inferences", "enter a whole number, 1 or more"),
        ({"command": "sh", "count match": "("}, "Count lines like", "not a regular expression"),
        ({"command": "sh", "recipe idle before": "-1"}, "Idle before (s)", "0 to 86400"),
        ({"command": "sh", "recipe repeats": "two"}, "Repeats", "enter a whole number"),
        (
            {"command": "sh", "inferences": "5", "count match": "n"},
            "Count lines like",
            "both this and Inferences count: fix: use only one of them",
        ),
    ],
)
async def test_a_command_that_cannot_run_is_told_at_its_field(
    values: dict[str, str], name: str, told: str
) -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "command")
        await pilot.press("ctrl+o")
        for each, text in values.items():
            await fill(pilot, each, text)
        await until(pilot, lambda: told in told_at(pilot, name))
        await pilot.press("ctrl+s")
        assert app.answers == []


async def test_a_form_that_was_left_lays_nothing_out() -> None:
    app = Page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        form = app.screen
        assert isinstance(form, LaunchForm)
        await pilot.press("escape")
        form._give_room()
    assert app.answers == [None]


async def test_the_sections_follow_each_other_and_the_default_engine_is_named() -> None:
    app = Page()
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        lines = [line[6:90].rstrip() for line in screen(pilot.app).splitlines()]
        places = [lines.index(f" {group}") for group in GROUPS]
        assert places == sorted(places)
        assert "onnxruntime (default)" in screen(pilot.app)
        await choose(pilot, "device", "cuda")
        assert "torch (default)" in screen(pilot.app)


async def test_a_command_has_the_cursor_and_recalls_the_last_ones(
    tmp_path: Path,
) -> None:
    memory = Recall(tmp_path / "state" / "commands.json")
    for command in ("sh -c 'exit 1'", "sh -c 'exit 2'", "sh -c 'exit 1'"):
        memory.remember(command)
    assert memory.path is not None
    assert memory.path.stat().st_mode & 0o777 == 0o600
    app = Page(recall=memory)
    seen = []
    async with app.run_test(size=(120, 35)) as pilot:
        await choose(pilot, "workload", "command")
        line = field(pilot, "command").query_one(Input)
        assert line.has_focus
        lines = [each[:72] for each in screen(pilot.app).splitlines()]
        assert not [each for each in lines if each.rstrip().endswith("…")]
        place = next(n for n, each in enumerate(lines) if "inferences per run" in each)
        assert lines[place + 1].split() == ["│", "joules", "per", "inference"]
        await pilot.press(*"sh")
        for key in ("up", "up", "down", "down"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(line.value)
        assert seen == ["sh -c 'exit 1'", "sh -c 'exit 2'", "sh -c 'exit 1'", "sh"]
        await pilot.press("down")
        assert field(pilot, "label").query_one(Input).has_focus
        await fill(pilot, "command", "sh -c 'exit 3'")
        await pilot.press("ctrl+s")
    assert memory.commands() == ["sh -c 'exit 3'", "sh -c 'exit 1'", "sh -c 'exit 2'"]


async def test_any_command_is_the_last_of_the_workloads() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        await pilot.press("enter", "end", "enter")
        await pilot.pause()
        assert "program and arguments" in screen(app)
