"""A table of no known format is refused with the options that would read it, or asked about."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.imported_logs import imported, run_of, running
from wattui.analysis.importers.given import NamedTable
from wattui.analysis.importers.guess import columns_of, guess, preview
from wattui.analysis.importers.log import UnreadableError
from wattui.analysis.importers.registry import format_of
from wattui.analysis.importers.text import LogText
from wattui.commands import import_logs
from wattui.commands.import_questions import ask_columns

ROWS = "".join(f"{500 * n},{1000 + n},{2 * n},a\n" for n in range(11))


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("elapsed_ms,Power [mW],x,y", "--time elapsed_ms=ms --power 'Power [mW]=mW'"),
        ("t,draw,energy_j,y", "--time t=UNIT --power draw=UNIT --energy energy_j=J"),
        ("Time (s),cpu_w,gpu_w,y", "--time 'Time (s)=s' --power cpu_w=W --power gpu_w=W"),
        ("t,it's a power,x,y", "--time t=UNIT --power 'it'\\''s a power=UNIT'"),
    ],
)
def test_a_refusal_has_the_options_that_it_would_take(header: str, options: str) -> None:
    with pytest.raises(UnreadableError) as error:
        format_of(LogText(f"{header}\n{ROWS}"))
    assert f"fix: add {options}" in str(error.value)
    assert ("s|ms|us|ns" in str(error.value)) == ("t=UNIT" in options)
    assert len(str(error.value)) <= 200


@pytest.mark.parametrize(
    "header", ["a,b,c,d", "time,b,c,d", "power,power,c,d", "rain,power,c,d", "t,state,c,power"]
)
def test_nothing_is_guessed_without_both_a_time_and_figures(header: str) -> None:
    assert guess([f"{header}\n", "9,1,2,a\n", "8,1,2,b\n"]) is None


def test_dates_are_a_time_whatever_their_name() -> None:
    found = guess(["when;P [W]\n", "2024-01-01 10:00:00;5,5\n", "2024-01-01 10:00:01;5,6\n"])
    assert found
    assert found.table() == NamedTable("when", ("P [W]=W",))


def test_an_energy_that_falls_is_not_a_counter() -> None:
    found = guess(["t,power,energy\n", "1,5,9\n", "2,5,8\n"])
    assert found
    assert found.energies == ()


def test_a_preview_is_narrow_and_shows_the_first_rows() -> None:
    head = ["t,P,a,b,c,d,e,f\n", *(f"{n},{n}.5,{'x' * 40},1,2,3,4,5\n" for n in range(9))]
    shown = preview(columns_of(head))
    assert [line.split()[:2] for line in shown[:4]] == [
        ["t", "P"],
        ["0", "0.5"],
        ["1", "1.5"],
        ["2", "2.5"],
    ]
    assert shown[4] == "and 2 more columns"
    assert max(map(len, shown)) <= 80


class Terminal:
    """A user who types these answers."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked, self.said = list(answers), list[str](), list[str]()

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answers.pop(0)

    def say(self, *lines: str) -> None:
        self.said += lines


HEAD = ["elapsed_ms,load,Power [mW]\n", "0,3,1000\n", "500,4,1100\n"]


def test_enter_accepts_the_guess() -> None:
    user = Terminal(*[""] * 5)
    table = ask_columns(HEAD, user.say, user.ask)
    assert table == NamedTable("elapsed_ms=ms", ("Power [mW]=mW",))
    assert "columns of time, - for none [elapsed_ms]: " in user.asked
    assert any("1000" in line for line in user.said)


def test_what_is_not_a_column_or_a_unit_is_asked_again() -> None:
    user = Terminal("when", "elapsed_ms", "years", "s", "load; Power [mW]", "", "W", "mW", "-")
    table = ask_columns(HEAD, user.say, user.ask)
    assert table == NamedTable("elapsed_ms=s", ("load=W", "Power [mW]=mW"))


def test_without_a_power_or_an_energy_nothing_is_read() -> None:
    user = Terminal("", "", "-", "-")
    assert ask_columns(HEAD, user.say, user.ask) is None
    assert ask_columns(["{}\n"], user.say, user.ask) is None


def test_on_a_terminal_the_answers_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.csv").write_text("elapsed,draw,x,y\n" + ROWS)
    answers = Terminal("", "ms", "", "mW", "")
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"wattui.commands.import_logs.sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr(import_logs, "_answer", answers.ask)
    assert imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv") == 0
    run = run_of(tmp_path / "out.csv")
    assert running(run, "draw")["running_j"]["value"] == pytest.approx(5.025)


@examples(40)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_lines_are_guessed_at_or_not(lines: list[str]) -> None:
    head = [line + "\n" for line in lines]
    found = guess(head)
    assert found is None or {found.time.name} <= columns_of(head).keys()
    if table := columns_of(head):
        preview(table)
    with contextlib.suppress(UnreadableError):
        format_of(LogText("\n".join(lines)))
