"""Terminals whose encoding lacks what wattui would draw."""

from __future__ import annotations

import pytest

from .running import WATTUI, Place
from .terminals import Terminal

LATIN = ["env", "PYTHONIOENCODING=iso-8859-1", *WATTUI]


@pytest.mark.parametrize("command", [["summary", "run.csv"], ["doctor"], ["compare", "a", "b"]])
def test_no_command_dies_of_an_encoding(place: Place, command: list[str]) -> None:
    assert place.record("--idle", "0", "--label", "日本 ±").status == 0
    for name in "ab":
        (place.path / name).write_bytes(place.csv.read_bytes())
    ended = place.run([*LATIN, *command])
    assert ended.status == 0, ended.lines
    assert b"Unicode" not in ended.err
    text = ended.out.decode("iso-8859-1")
    assert "\\u" not in text
    assert command == ["doctor"] or "±" in text
    assert command[0] != "compare" or "?? ±" in text


def test_a_recording_and_its_summary_do_not_die_of_an_encoding(place: Place) -> None:
    ended = place.run(["env", "PYTHONIOENCODING=ascii", *place.argv("--simulate")])
    assert ended.status == 0, ended.lines
    ended.err.decode("ascii")


def test_the_dashboard_draws_its_lines_in_ascii(place: Place) -> None:
    argv = [*LATIN, "--simulate", "--no-estimate", "--idle", "0"]
    with Terminal(place, argv, 50, 200) as terminal:
        terminal.until_seen(b"simulated")
        terminal.until_seen(b"-----")  # a border
        terminal.press(b"q")
        assert terminal.end() == 0
    assert b"\\u25" not in terminal.seen
