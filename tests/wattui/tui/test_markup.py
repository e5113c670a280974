"""Typed text, and names of files and devices, are never interpreted as markup."""

from __future__ import annotations

import ast
import math
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

import wattui.tui
from tests.support.dashboards import dashboard_of, screen
from tests.support.fakes import FakeSession, row
from tests.support.hostile import KINDS, assert_harmless, run_csv
from tests.support.made_runs import B1, IDLE, finished
from wattui.capture.run_names import refusal
from wattui.config import Settings
from wattui.runs.recorded import load_run
from wattui.show.plot import BRAILLE
from wattui.tui.app import Dashboard
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.compare import Compare
from wattui.tui.screens.launch_form import LaunchForm
from wattui.tui.screens.results import Results
from wattui.tui.screens.runs import Runs
from wattui.tui.screens.settings import SettingsScreen
from wattui.tui.state.playback import Playback
from workloads.catalogue import catalogue

PRINTABLE = string.printable.rstrip()
BRACKETS = [text for each in PRINTABLE for text in (f"[{each}]", f"[a={each}]", f"]{each}[")]
WORST = ["[a=+]", "[/nothing]", "[@click=app.quit]x[/]", "[bold", "\\[a=+]", "[$x]", "a\\"]
COMMAND = {"workload": {"workload": "command"}}
PARSING = {"Static", "Label", "OptionList"}


def dashboard() -> Dashboard:
    session = FakeSession()
    session.coming = [row(n / 10, 30.0) for n in range(30)]
    return dashboard_of(session)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_every_string_of_two_brackets_can_be_typed_into_a_question() -> None:
    app = dashboard()
    async with app.run_test() as pilot:
        known = [*BRACKETS, *WORST]
        app.push_screen(Ask("[a=+]", "[a=+]", known=known, check=lambda text: f"no: {text}"))
        await pilot.pause()
        assert "no: " not in screen(app)
        for text in known:
            app.screen.query_one(Input).value = text
            await pilot.pause(0)
        assert "no: a\\" in screen(app)


async def test_every_field_takes_brackets() -> None:
    for shown in (
        LaunchForm(catalogue(), Settings(), check=refusal),
        LaunchForm(catalogue(), Settings(), check=refusal, known=COMMAND),
        SettingsScreen(Settings(), Path("[a=+].toml"), ()),
    ):
        app = dashboard()
        async with app.run_test(size=(120, 50)) as pilot:
            app.push_screen(shown)
            await pilot.pause()
            for text in WORST:
                for control in app.screen.query(Input):
                    control.value = text
                await pilot.pause(0)
            await pilot.pause()


async def test_notifications_say_what_they_are_given() -> None:
    app = dashboard()
    async with app.run_test(size=(120, 50), notifications=True) as pilot:
        app.notify("[a=+] cannot be written", title="not exported", severity="error")
        app.screen.notify("[/nothing] either", markup=True)
        await pilot.pause()
        await pilot.pause()
        assert "[a=+] cannot be written" in screen(app)
        assert "[/nothing] either" in screen(app)


async def test_a_file_and_its_labels_are_called_what_they_are_called(tmp_path: Path) -> None:
    run = finished(tmp_path / "[a=+].csv", [IDLE, B1._replace(label="[/x][a=+]")])
    app = dashboard()
    async with app.run_test(size=(160, 50)) as pilot:
        app.push_screen(Results(run, BRAILLE))
        await pilot.pause()
        assert "[a=+].csv" in screen(app)
        assert "[/x][a=+]" in screen(app)
        app.pop_screen()
        app.push_screen(Runs(tmp_path, [run.csv], (), BRAILLE))
        await pilot.pause(0.2)
        app.screen.query_one(Input).value = "[a=+]"
        await pilot.pause(0.2)
        assert "[a=+].csv" in screen(app)


async def test_a_recording_of_somebody_else_acts_on_no_terminal(tmp_path: Path) -> None:
    path = run_csv(tmp_path / "run.csv", list(KINDS.values()))
    app = dashboard_of(Playback(path, math.inf))
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await pilot.pause(0.5)
        for text in KINDS.values():
            app.notify(text, title="a file")
            assert_harmless(screen(app))
        await pilot.pause(0.1)
        assert_harmless(screen(app))
        run = load_run(path)
        await app.push_screen(Results(replace(run, csv=path), BRAILLE))
        await pilot.pause(0.1)
        assert_harmless(screen(app))
        await app.push_screen(Compare(run, run, BRAILLE))
        await pilot.pause(0.1)
        assert_harmless(screen(app))
        await app.push_screen(Ask(KINDS["clear"], KINDS["title"], known=list(KINDS.values())))
        await pilot.pause(0.1)
        for text in KINDS.values():
            app.screen.query_one(Input).value = text
            await pilot.pause(0)
            assert_harmless(screen(app))


def test_no_widget_parses_what_it_is_given() -> None:
    """Each call of one that could says that it does not; nothing is made markup by hand."""
    for path, call in _calls():
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in PARSING:
            said = {key.arg: ast.unparse(key.value) for key in call.keywords}
            assert said.get("markup") == "False", f"{path}:{call.lineno}: {name}"
        if isinstance(call.func, ast.Attribute):
            assert call.func.attr not in ("from_markup", "print_markup"), f"{path}:{call.lineno}"


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(Path(wattui.tui.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path, node
