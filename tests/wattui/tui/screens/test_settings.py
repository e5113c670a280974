"""The settings page: fields in words, checked as typed, written into the person's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Switch

from tests.support.dashboards import screen
from wattui.config import NAMES, Settings, load
from wattui.tui.screens.settings import SECTIONS, SettingsScreen, shown, taken
from wattui.tui.widgets.field import Choice, Field

SIZES = [(80, 24), (120, 35), (200, 50)]


class Page(App[None]):
    def __init__(self, path: Path, settings: Settings, overridden: Sequence[str] = ()) -> None:
        super().__init__()
        self.answers: list[Settings | None] = []
        self._shown = SettingsScreen(settings, path, overridden)

    def on_mount(self) -> None:
        self.push_screen(self._shown, self.answers.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def field(pilot: Pilot[None], name: str) -> Field:
    return next(each for each in pilot.app.screen.query(Field) if each.spec.name == name)


async def type_into(pilot: Pilot[None], name: str, text: str) -> None:
    field(pilot, name).query_one(Input).focus()
    await pilot.press("end", "ctrl+u", *text)
    await pilot.pause()


def test_every_setting_has_a_field() -> None:
    fields = [name for _, names in SECTIONS for name, _, _ in names]
    assert sorted(fields) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_of_a_setting_is_taken_as_it_is(name: str) -> None:
    meters = ("wall=shelly2:plug", "usb=serial:/dev/ttyUSB0,9600", "psu=exec:a, b")
    layouts = ("night: DRAM, GPU board", "day: CPU package")
    known = Settings(tdp_w=65.5, graphs=("DRAM", "CPU package"), meters=meters, layouts=layouts)
    for settings in (Settings(), known):
        value = getattr(settings, name)
        assert taken(name, shown(name, value)) == value


@given(st.floats(0.1, 1000))
def test_a_rate_is_shown_to_all_its_figures(rate_hz: float) -> None:
    assert taken("rate_hz", shown("rate_hz", rate_hz)) == pytest.approx(rate_hz, rel=1e-9)


@pytest.mark.parametrize("size", SIZES)
async def test_it_says_where_settings_are_kept_at_every_size(
    size: tuple[int, int], path: Path
) -> None:
    app = Page(path, Settings())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = screen(pilot.app)
        assert "config.toml" in text
        assert "sampling rate" in text
        assert "Save" in text


async def test_what_is_changed_is_written_and_nothing_else(path: Path) -> None:
    path.write_text("# mine\nidle_s = 5 # short\n")
    app = Page(path, load(path))
    async with app.run_test(size=(120, 40)) as pilot:
        await type_into(pilot, "rate_hz", "20")
        await type_into(pilot, "graphs", "DRAM, CPU package")
        field(pilot, "estimate").query_one(Switch).toggle()
        field(pilot, "theme").query_one(Choice).value = "light"
        await pilot.pause()
        await pilot.press("ctrl+s")
    expected = Settings(
        rate_hz=20, idle_s=5, estimate=False, theme="light", graphs=("DRAM", "CPU package")
    )
    assert app.answers == [expected]
    assert load(path) == expected
    assert path.read_text().startswith("# mine\nidle_s = 5 # short\n")
    assert "cooldown_s" not in path.read_text()


async def test_a_wrong_value_is_told_at_its_field_and_not_saved(path: Path) -> None:
    app = Page(path, Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        for typed, told in (("0", "must be 0.1 to 1000 Hz"), ("fast", "must be a number")):
            await type_into(pilot, "rate_hz", typed)
            lines = screen(pilot.app).splitlines()
            place = next(n for n, line in enumerate(lines) if "sampling rate" in line)
            assert told in lines[place + 1]
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, SettingsScreen)
        await type_into(pilot, "rate_hz", "50")
        assert "must be a number" not in screen(pilot.app)
    assert not path.exists()


async def test_the_command_line_still_wins_after_saving(path: Path) -> None:
    path.write_text("rate_hz = 20\n")
    app = Page(path, Settings(rate_hz=100, theme="light"), overridden=("rate_hz", "theme"))
    async with app.run_test(size=(120, 40)) as pilot:
        assert "100 for now, set on the command line" in screen(pilot.app)
        assert field(pilot, "rate_hz").value == "20"
        await type_into(pilot, "rate_hz", "50")
        await pilot.press("ctrl+s")
    assert app.answers == [Settings(rate_hz=100, theme="light")]
    assert load(path) == Settings(rate_hz=50)


async def test_defaults_fill_the_fields_and_escape_leaves_the_file(path: Path) -> None:
    path.write_text("tdp_w = 65\ntheme = 'light'\n")
    app = Page(path, load(path))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+d")
        await pilot.pause()
        assert field(pilot, "theme").value == "dark"
        await pilot.press("escape")
    assert app.answers == [None]
    assert load(path) == Settings(tdp_w=65, theme="light")


async def test_defaults_are_saved_as_such(path: Path) -> None:
    path.write_text("tdp_w = 65\ntheme = 'light'\n")
    app = Page(path, load(path))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+d")
        await pilot.pause()
        await pilot.press("ctrl+s")
    assert app.answers == [Settings()]
    assert load(path) == Settings()


async def test_the_mouse_saves(path: Path) -> None:
    app = Page(path, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await type_into(pilot, "idle_s", "3")
        await pilot.click("#save")
    assert load(path).idle_s == 3


async def test_a_file_that_is_not_toml_is_told_and_kept(path: Path) -> None:
    path.write_text("rate_hz = = 3\n")
    app = Page(path, Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "is not TOML" in " ".join(screen(pilot.app).replace("│", " ").split())
        await type_into(pilot, "idle_s", "3")
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, SettingsScreen)
    assert path.read_text() == "rate_hz = = 3\n"


async def test_arrow_keys_go_from_field_to_field(path: Path) -> None:
    app = Page(path, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        seen = []
        for _ in range(len(NAMES)):
            await pilot.pause()
            assert app.focused is not None
            seen.append(next(f for f in app.focused.ancestors if isinstance(f, Field)).spec.name)
            await pilot.press("down")
        assert seen == [name for _, names in SECTIONS for name, _, _ in names]
