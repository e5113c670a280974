"""The help: each key once, with a sentence, and a search."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.binding import Binding

from wattui.show.palette import DARK
from wattui.tui.screens.help import TOPICS, Help, help_lines, keys_by_action
from wattui.tui.screens.main import MainScreen

KEYS = keys_by_action(MainScreen.BINDINGS)


def plain(wanted: str) -> str:
    return "\n".join(line.plain for line in help_lines(KEYS, wanted, DARK))


def test_every_key_of_the_graphs_is_explained_once() -> None:
    explained = [action for lines in TOPICS.values() for line in lines for action in line.actions]
    actions = [each.action for each in MainScreen.BINDINGS if isinstance(each, Binding)]
    assert sorted(explained) == sorted({*actions} - {"app.show_help_panel"})


def test_every_line_has_keys_and_a_sentence() -> None:
    for line in plain("").splitlines():
        if line.startswith(" "):
            keys, sentence = line[2:16].strip(), line[16:]
            assert keys
            assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("wanted", "finds", "lacks"),
    [("JOULES", "Count the joules", "Try the next colours"), ("wheel", "Zoom", "Mark")],
)
def test_a_search_keeps_what_has_the_text(wanted: str, finds: str, lacks: str) -> None:
    assert finds in plain(wanted)
    assert lacks not in plain(wanted)


class Shown(App[None]):
    def on_mount(self) -> None:
        self.push_screen(Help(MainScreen.BINDINGS, DARK))


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
