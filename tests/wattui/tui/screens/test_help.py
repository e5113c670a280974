"""The help: each key once, with a sentence, and a search."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from textual.app import App
from textual.binding import Binding

from wattui.show.palette import DARK
from wattui.tui.screens.help import TOPICS, Help, help_table, keys_by_action
from wattui.tui.screens.main import MainScreen

KEYS = keys_by_action(MainScreen.BINDINGS)


def plain(wanted: str) -> str:
    return drawn(wanted, 100)


def drawn(wanted: str, columns: int) -> str:
    console = Console(width=columns, file=StringIO())
    with console.capture() as capture:
        console.print(help_table(KEYS, wanted, DARK))
    return capture.get()


def test_every_key_of_the_graphs_is_explained_once() -> None:
    explained = [action for lines in TOPICS.values() for line in lines for action in line.actions]
    actions = [each.action for each in MainScreen.BINDINGS if isinstance(each, Binding)]
    assert sorted(explained) == sorted({*actions} - {"app.show_help_panel"})


def test_every_line_has_keys_and_a_sentence() -> None:
    for line in plain("").splitlines():
        if line.startswith(" "):
            keys, blank, sentence = line[2:16].strip(), line[16], line[17:].strip()
            assert keys
            assert not blank.strip()
            assert sentence.endswith(".")


def test_a_long_sentence_goes_on_under_its_beginning() -> None:
    first, second = drawn("its joules, mean and peak", 60).splitlines()[1:]
    assert first.index("Select") == len(second) - len(second.lstrip())


@pytest.mark.parametrize(
    ("wanted", "finds", "lacks"),
    [("JOULES", "Count the joules", "Try the next colours"), ("wheel", "Zoom", "Mark")],
)
def test_a_search_keeps_what_has_the_text(wanted: str, finds: str, lacks: str) -> None:
    assert finds in plain(wanted)
    assert lacks not in plain(wanted)


class Shown(App[None]):
    def on_mount(self) -> None:
        self.push_screen(Help(MainScreen.BINDINGS))


async def test_escape_leaves_the_search_first_and_then_the_help() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"undo")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, Help)
