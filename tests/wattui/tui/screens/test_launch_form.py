"""The launch form: its fields, its errors and where they appear, and the resulting recipe."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Switch

from tests.support.dashboards import screen
from wattui.capture.launch import as_typed
from wattui.capture.run_names import refusal
from wattui.capture.stages import Recipe
from wattui.config import Settings
from wattui.tui.launching import workload as launch_workload
from wattui.tui.launching.command import ProgramSubject, wrong_command
from wattui.tui.launching.order import (
    COUNTED,
    COUNTERS,
    GROUPS,
    METERS,
    LaunchPlan,
    recipe,
    recipe_fields,
    same_headless,
    strip,
    time_line,
)
from wattui.tui.launching.recall import Recall
from wattui.tui.launching.server import ServerSubject
from wattui.tui.launching.workload import WorkloadSubject
from wattui.tui.screens import launch_form
from wattui.tui.screens.launch_form import NOTHING, Known, LaunchForm
from wattui.tui.widgets.field import Choice, Field
from workloads import engines
from workloads.arguments import parse
from workloads.catalogue import catalogue
from workloads.plan import Plan
from workloads.workload import Option, Workload

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


# ---------------------------------------------------------------- a server


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


# ---------------------------------------------------------------- the screen


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


def test_a_preset_names_what_it_fills_in_as_the_form_does() -> None:
    preset = WorkloadSubject(catalogue()["kws"]).fields()[0]
    quick = next(line for line, name in preset.choices if name == "quick")
    assert quick == "quick: Batch sizes 1,2,4,8,16,32,64 · Run each for (s) 5"


async def test_fields_that_are_needed_less_often_are_folded_away() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        assert "seed of weights" not in screen(pilot.app)
        await pilot.press("ctrl+o")
        await pilot.pause(0.2)
        assert "seed of weights" in screen(pilot.app)


async def test_a_folded_field_that_is_wrong_is_shown_at_the_start() -> None:
    app = Page(known={"kws": {"warmup": "soon"}})
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+s")
        await pilot.pause(0.2)
        assert "'soon' is not a number of seconds" in told_at(pilot, "Warm up (s)")


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


# ---------------------------------------------------------------- a command of one's own


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
        await pilot.pause(0.2)
        assert told in told_at(pilot, name)
        await pilot.press("ctrl+s")
        assert app.answers == []


def test_a_program_is_looked_for_where_a_shell_would(folder: Path) -> None:
    assert wrong_command("sh -c x") is None
    (folder / "tool").write_text("")
    assert "is not executable: fix: chmod +x ./tool" in str(wrong_command("./tool"))


# ---------------------------------------------------------------- orders


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


# ---------------------------------------------------------------- words


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


async def test_a_form_that_was_left_lays_nothing_out() -> None:
    app = Page()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        form = app.screen
        assert isinstance(form, LaunchForm)
        await pilot.press("escape")
        form._give_room()
    assert app.answers == [None]


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


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[1, null]", "\udcff"])
def test_a_memory_of_commands_that_cannot_be_read_is_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "commands.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert Recall(path).commands() == []


@pytest.mark.parametrize(
    ("command", "stem"),
    [
        ("python infer.py --n 3", "infer"),
        ("/usr/bin/python3.11 -u tools/run_all.py", "run_all"),
        ("python -m pkg.bench x.py", "bench"),
        ("./llama-bench -m model.gguf", "llama-bench"),
        ("sh -c 'a | b'", "sh"),
        ("node 'my app.js'", "my-app"),
        ("./../..", "command"),
        ("", "command"),
        ("sh 'unclosed", "command"),
    ],
)
def test_the_run_file_is_named_after_the_script(command: str, stem: str) -> None:
    given = {"command": command} if command else {}
    assert ProgramSubject().stem(given) == stem


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


def test_the_time_says_when_it_ends() -> None:
    made = Recipe(("x",), Path("x.csv"), 10)
    now_s = time.mktime((2026, 11, 29, 23, 0, 0, 0, 0, -1))
    assert time_line(made, 50, now_s).endswith("; ends about 23:01:00")
    assert time_line(made, 7200, now_s).endswith("; ends about Mon 30 Nov 01:00")


def test_the_time_has_all_rests_and_all_repeats() -> None:
    made = Recipe(("x",), Path("x.csv"), 10, repeats=3, cooldown_s=5, idle_after_s=20)
    assert time_line(made, 10, 0).startswith("Estimated time 75 s: 45 s of rests plus 3 × ")
    assert time_line(made, None, 0) == "Time unknown: 45 s of rests plus 3 × the command"


def order_of(name: str, free_bytes: int = 2**40, **given: str) -> LaunchPlan:
    subject = WorkloadSubject(catalogue()[name], lambda: free_bytes)
    return subject.order({key.replace("_", "-"): value for key, value in given.items()})


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


async def test_any_command_is_the_last_of_the_workloads() -> None:
    app = Page()
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        await pilot.press("enter", "end", "enter")
        await pilot.pause()
        assert "program and arguments" in screen(app)
