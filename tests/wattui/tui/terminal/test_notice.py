"""The notice at the end of a run: what each terminal understands, and nothing raw in it."""

from __future__ import annotations

import pytest

from wattui.tui.terminal.notice import BELL, notice

TEXT = "a.csv: done"
OSC_9 = "\a\x1b]9;wattui: a.csv: done\x1b\\"
OSC_777 = "\a\x1b]777;notify;wattui;a.csv: done\x1b\\"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-kitty"}, OSC_9),
        (
            {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"},
            "\a\x1b]9;wattui: a.csv: done\x1b\\",
        ),
        ({"TERM": "foot"}, OSC_777),
        (
            {"TERM": "xterm-256color", "VTE_VERSION": "7600"},
            "\a\x1b]777;notify;wattui;a.csv: done\x1b\\",
        ),
        ({"TERM": "xterm-256color"}, BELL),
        ({"TERM": "linux"}, BELL),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "WezTerm"}, BELL),
        ({}, BELL),
    ],
)
def test_a_terminal_gets_what_it_understands(environ: dict[str, str], expected: str) -> None:
    assert notice(TEXT, environ) == expected


def test_a_file_name_cannot_end_the_sequence_or_begin_another() -> None:
    sent = notice("a\x1b\\\x1b]52;c;cm0=\x07\x9c;b\n.csv", {"TERM": "xterm-kitty"})
    inside = sent.removeprefix("\a\x1b]9;").removesuffix("\x1b\\")
    assert inside.isprintable()
    assert ";" not in inside
