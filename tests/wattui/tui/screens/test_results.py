"""The results of a run, and two runs beside each other, by their words and keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Digits, Input

from recorders.rows import FIXED_COLUMNS
from recorders.summary.bases import BASES
from recorders.summary.figures import Flag
from tests.support.dashboards import screen
from tests.support.made_runs import B1, B8, B64, IDLE, Part, finished, json_of
from wattui.runs.notes import notes_path
from wattui.runs.recorded import Run, load_run
from wattui.show import plot
from wattui.show.compare import value_text
from wattui.show.palette import DARK
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.compare import Compare
from wattui.tui.screens.results import (
    Results,
    answers,
    big_number,
    count_of,
    failure_line,
    figures,
    numbers_in,
    wrong_count,
)
from wattui.tui.widgets.chart import Chart
from wattui.tui.widgets.margins import GUTTER

WIDE, MIDDLE, SMALL = (200, 50), (120, 35), (80, 24)
SIZES = pytest.mark.parametrize("size", [WIDE, MIDDLE, SMALL], ids=["wide", "middle", "small"])
TALL = (200, 150)
WORKED_S = 0.3
# Of 0.05 s each: ten seconds.
MOST_PAUSES = 200


class Shown(App[None]):
    """One screen, and what it was dismissed with."""

    def __init__(self, screen: Screen[Any]) -> None:
        super().__init__()
        self._first = screen
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self._first, self.answers.append)


def results(run: Run, glyphs: plot.Glyphs = plot.BRAILLE) -> Shown:
    return Shown(Results(run, glyphs))


def compared(a: Run, b: Run) -> Shown:
    return Shown(Compare(a, b, plot.BRAILLE))


async def text(app: Shown, size: tuple[int, int]) -> str:
    """What the terminal shows."""
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        return screen(pilot.app)


async def until_shown(pilot: Pilot[Any], text: str) -> str:
    """The screen once a text is there, folded or not, however long a busy machine draws it."""
    for _ in range(MOST_PAUSES):
        shown = screen(pilot.app)
        if re.search(text, " ".join(shown.replace("│", " ").split())):
            return shown
        await pilot.pause(0.05)
    raise AssertionError(f"{text} is not on the screen:\n{screen(pilot.app)}")


@pytest.fixture
def kws(tmp_path: Path) -> Run:
    return finished(tmp_path / "kws.csv", [IDLE, B1, B8, B64])


@pytest.fixture
def b64(tmp_path: Path) -> Run:
    """One label alone."""
    return finished(tmp_path / "b64.csv", [IDLE, B64])


@SIZES
async def test_the_headline_and_its_three_answers_are_seen_first(
    b64: Run, size: tuple[int, int]
) -> None:
    shown = await text(results(b64), size)
    assert "1.00000 ± 0.00010 J per inference" in shown
    assert "measured (channel total)" in shown
    for basis in BASES:
        lines = shown.splitlines()
        assert any(basis.name in line and basis.meaning in line for line in lines)
    assert "Esc Back" in shown


def test_the_three_answers_are_those_of_the_formulas(b64: Run) -> None:
    told = answers(b64.summary)
    assert told is not None
    total, dynamic, marginal = told.plain.splitlines()
    # 1000 J and 1000 inferences in 10 s, of which 10 W are idle.
    assert "1.00000 ± " in total
    assert "0.90000 ± " in dynamic
    assert "–" in marginal, "nothing was armed"


@SIZES
async def test_several_labels_have_the_best_and_the_worst_and_never_their_mixture(
    kws: Run, size: tuple[int, int]
) -> None:
    shown = await text(results(kws), size)
    assert "best  1.00000 ± 0.00010 J per inference  b64" in shown
    assert "worst 4.00000 ± 0.00040 J per inference  b8" in shown
    assert "1.333" not in shown  # 1600 J over 1200 inferences
    assert answers(kws.summary) is None
    assert big_number(kws.summary) == ""


async def test_wide_screens_have_two_columns_with_bars_and_a_curve(kws: Run) -> None:
    shown = await text(results(kws), WIDE)
    line = next(line for line in shown.splitlines() if "J per inference, total" in line)
    assert line.index("J per inference, total") > WIDE[0] // 2 - 10
    assert "████" in shown
    assert "●" in shown
    assert "Made-up 9000" in shown


@SIZES
async def test_everything_can_be_scrolled_to(kws: Run, size: tuple[int, int]) -> None:
    app = results(kws)
    async with app.run_test(size=size) as pilot:
        await pilot.press("end")
        await pilot.pause(WORKED_S)
        assert "Made-up 9000" in screen(pilot.app)
        assert "modprobe k10temp" in screen(pilot.app)


async def test_no_number_is_cut_off_on_a_small_screen(tmp_path: Path) -> None:
    long = "transformer-with-a-long-name-"
    parts = [B1._replace(label=f"{long}{n}", count=100 * n) for n in (1, 2, 3)]
    shown = await text(results(finished(tmp_path / "kws.csv", [IDLE, *parts])), (80, 60))
    words = " ".join(shown.replace("│", " ").split())
    for total, dynamic in (
        ("2.00000 ± 0.00050", "1.60000 ± 0.00050"),
        ("1.00000 ± 0.00025", "0.80000 ± 0.00025"),
        ("0.66667 ± 0.00017", "0.53333 ± 0.00017"),
    ):
        assert f"total J {total} dynamic J {dynamic}" in words


async def test_the_big_number_is_where_there_is_room(b64: Run) -> None:
    for size, tall in ((WIDE, True), (MIDDLE, True), (SMALL, False)):
        app = results(b64)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            assert app.screen.query_one(Digits).display == tall
    assert big_number(b64.summary) == "1.000"


async def test_ascii_has_no_other_character_in_bars_and_curves(kws: Run) -> None:
    shown = await text(results(kws, plot.ASCII), TALL)
    assert "####" in shown
    assert "█" not in shown
    assert "●" not in shown


async def test_flags_say_what_to_do(tmp_path: Path) -> None:
    shown = await text(results(finished(tmp_path / "a.csv", [B1], ["est_cpu"])), TALL)
    assert "ESTIMATED, not measured" in shown
    assert "press d on the graphs" in shown
    assert "no_idle" in shown
    assert "a command that is launched with" in shown
    assert "--" not in shown


async def test_nothing_marked_says_how_to_mark(tmp_path: Path) -> None:
    shown = await text(results(finished(tmp_path / "a.csv", [IDLE])), SMALL)
    assert "No running phase. Press space to mark one" in shown


async def test_nothing_counted_shows_joules_and_says_how_to_count(tmp_path: Path) -> None:
    run = finished(tmp_path / "a.csv", [IDLE, B1._replace(count=0)])
    shown = await text(results(run), TALL)
    assert "200.000 ± 0.050 J while running" in shown
    assert "press n to say how many" in shown
    assert answers(run.summary) is None


@pytest.mark.parametrize("channels", [(), ("package0",), ("sim_cpu",)])
@pytest.mark.parametrize("count", [1, 2, 30])
async def test_any_number_of_labels_can_be_shown(
    tmp_path: Path, count: int, channels: tuple[str, ...]
) -> None:
    parts = [Part("running", 1, 10.0 + n, f"net {n}x{n}", 100) for n in range(1, count + 1)]
    run = finished(tmp_path / "a.csv", [IDLE, *parts], channels)
    shown = await text(results(run), TALL)
    assert shown.count(f"net {count}x{count}") >= (1 if channels else 0)


async def test_differences_below_zero_are_shown_as_they_are(tmp_path: Path) -> None:
    less = Part("running", 4, 5.0, "asleep", 100)
    shown = await text(results(finished(tmp_path / "a.csv", [IDLE, less])), MIDDLE)
    assert "−200.000 ± 0.064 mJ  above the idle machine" in shown


async def test_a_name_with_brackets_is_shown_as_it_is(tmp_path: Path) -> None:
    run = finished(tmp_path / "run[bold].csv", [IDLE, B1])
    assert "run[bold].csv" in await text(results(run), MIDDLE)


@pytest.mark.parametrize(
    ("key", "answer"),
    [("escape", None), ("enter", None), ("q", None), ("p", "replay"), ("c", "compare")],
)
async def test_keys_say_what_is_wished(kws: Run, key: str, answer: str | None) -> None:
    app = results(kws)
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.press(key)
        await pilot.pause()
    assert app.answers == [(answer, kws.csv) if answer else None]


@SIZES
@pytest.mark.parametrize("glyphs", [plot.BRAILLE, plot.ASCII], ids=["unicode", "ascii"])
async def test_a_key_shows_and_hides_what_the_uncertainty_is_made_of(
    b64: Run, size: tuple[int, int], glyphs: plot.Glyphs
) -> None:
    app = results(b64, glyphs)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        before = screen(pilot.app)
        assert "u Uncertainty" in before
        await pilot.press("u")
        shown = await until_shown(pilot, "to halve it")
        words = " ".join(shown.replace("│", " ").split())
        # 100 W for 1 ms, over 1000 inferences.
        assert "total 1.00000 ± 0.00010 J per inference (0.010 %)" in words
        assert "resolution package0 0.00010 0.010 quadrature" in words
        assert "to halve it: run 2× longer (± 0.0050 %)" in words
        assert ("████" in shown) is not glyphs.ascii
        await pilot.press("u")
        await pilot.pause()
        assert screen(pilot.app) == before


async def test_a_recording_that_has_gone_cannot_be_explained(b64: Run) -> None:
    b64.csv.unlink()
    app = results(b64)
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.press("u")
        await until_shown(pilot, r"b64\.csv: no such file")


async def test_exporting_suggests_a_new_name_and_writes_it(kws: Run) -> None:
    app = results(kws)
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(app.screen, Ask)
        assert app.screen.query_one(Input).value.endswith("kws-results.md")
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert [n.message for n in app._notifications] == [
            f"Exported to {kws.csv.parent}/kws-results.md"
        ]
    assert "J per inference" in (kws.csv.parent / "kws-results.md").read_text()


@pytest.mark.parametrize("name", ["kws.csv", "kws.json"])
async def test_an_export_cannot_take_the_names_of_the_recording(kws: Run, name: str) -> None:
    path = kws.csv.parent / name
    before = path.read_bytes()
    app = results(kws)
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.press("e")
        await pilot.pause()
        app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Ask)
        assert "the recording itself" in screen(pilot.app)
    assert path.read_bytes() == before


@pytest.fixture
def other(tmp_path: Path) -> Run:
    """Half the watts at b1, and another machine."""
    parts = [IDLE, B1._replace(watts=25.0), B8]
    return finished(tmp_path / "other.csv", parts, host={"name": "elsewhere"})


@pytest.fixture
def pair(kws: Run, other: Run) -> Callable[[], Shown]:
    return lambda: compared(kws, other)


async def test_two_runs_are_named_and_their_labels_compared(pair: Callable[[], Shown]) -> None:
    shown = await text(pair(), TALL)
    assert "kws.csv" in shown
    assert "other.csv" in shown
    b1, *_ = [line.split() for line in shown.splitlines() if " b1 " in line]
    assert "0.5000" in b1
    assert "unclear: one run each" in shown
    assert "only in A: b64" in shown
    assert "different machines: bench, elsewhere" in shown


async def test_the_older_run_is_a_and_the_change_is_a_sentence(kws: Run, tmp_path: Path) -> None:
    halved = finished(tmp_path / "halved.csv", [IDLE, B1._replace(watts=25.0)])
    alone = finished(tmp_path / "alone.csv", [IDLE, B1])
    older = replace(halved, about=replace(halved.about, start_utc_ns=1))
    newer = replace(alone, about=replace(alone.about, start_utc_ns=2))
    shown = await text(compared(newer, older), MIDDLE)
    assert "B uses 100 % more energy per inference than A: unclear: one run each" in shown
    assert shown.index("halved.csv") < shown.index("alone.csv")


async def test_tab_hides_the_parts_of_the_headline(tmp_path: Path) -> None:
    runs = [finished(tmp_path / f"{n}.csv", [IDLE, B1], ["package0", "core0"]) for n in "ab"]
    async with compared(*runs).run_test(size=TALL) as pilot:
        await until_shown(pilot, "core0")
        await pilot.press("tab")
        await pilot.pause()
        assert "core0" not in screen(pilot.app)
        assert "package0" not in screen(pilot.app)
        assert "4.00000 ± 0.00050" in screen(pilot.app)


async def test_swapping_turns_the_ratios_round(pair: Callable[[], Shown]) -> None:
    async with pair().run_test(size=TALL) as pilot:
        await pilot.press("s")
        await pilot.pause()
        b1, *_ = [line.split() for line in screen(pilot.app).splitlines() if " b1 " in line]
        assert "2.000" in b1
        assert "only in B: b64" in screen(pilot.app)


@SIZES
async def test_a_comparison_has_its_figures_whole_at_any_size(
    pair: Callable[[], Shown], size: tuple[int, int]
) -> None:
    shown = await text(pair(), size)
    words = " ".join(shown.replace("│", " ").split())
    assert "…" not in shown
    assert "4.00000 ± 0.00040" in words
    assert "1.000" in words
    assert "unclear: one run each" in words


async def test_a_run_marked_twice_is_compared_as_its_own_summary_has_it(tmp_path: Path) -> None:
    """4 and 49 s at 8 and 40 W: 32 + 1960 J, not their mean with the scatter of two phases."""
    marked = [Part("running", 4, 8.0), Part("running", 49, 40.0)]
    runs = [finished(tmp_path / f"{n}.csv", [IDLE, *marked]) for n in "ab"]
    running = runs[0].summary.running
    assert running is not None
    own_j = running.domains["package0"].running_j
    assert own_j is not None
    assert own_j.value == pytest.approx(1992.0)
    shown = await text(compared(*runs), TALL)
    (energy,) = re.findall(r"energy, .*\n.*(package0 .*)", shown)
    assert energy.count(f" {value_text(own_j, 1e3)} ") == 2
    assert "unclear: one run each" in energy


async def test_estimates_are_called_so_in_a_comparison(tmp_path: Path) -> None:
    runs = [finished(tmp_path / f"{n}.csv", [IDLE, B1], ["est_cpu"]) for n in "ab"]
    shown = await text(compared(*runs), MIDDLE)
    assert "est_cpu estimated" in shown
    assert "unclear: one run each" in shown


async def test_runs_with_nothing_in_common_say_so(kws: Run, tmp_path: Path) -> None:
    shown = await text(compared(kws, finished(tmp_path / "idle.csv", [IDLE])), MIDDLE)
    assert "no figures in common" in shown


async def test_o_shows_what_the_command_printed_last_and_hides_it(b64: Run) -> None:
    app = Shown(Results(b64, output=["epoch 1", "[loss] 0.25"]))
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.pause()
        assert "[loss] 0.25" not in screen(pilot.app)
        await pilot.press("o")
        await until_shown(pilot, r"epoch 1 \[loss\] 0.25")
        await pilot.press("o")
        await pilot.pause()
        assert "[loss] 0.25" not in screen(pilot.app)


async def test_an_output_that_was_not_kept_is_not_offered(b64: Run) -> None:
    assert "o Output" not in await text(results(b64), WIDE)
    assert "o Output" in await text(Shown(Results(b64, output=["done"])), WIDE)


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ((0, 0), None),
        ((), None),
        ((3,), "The command exited with status 3."),
        (
            (0, 137, 1, 137, None),
            "3 of 5 repeats exited with a status other than 0: 1, 137",
        ),
    ],
)
async def test_a_failed_command_is_said_first_and_in_red(
    b64: Run, statuses: tuple[int | None, ...], said: str | None
) -> None:
    line = failure_line(statuses, DARK)
    assert (line.plain if line else None) == said
    if line is not None and said is not None:
        assert DARK.alarm in str(line.style)
        run = replace(b64, about=replace(b64.about, exit_statuses=statuses))
        shown = await text(results(run), MIDDLE)
        assert shown.index(said[:30]) < shown.index("per inference")


async def test_equal_warnings_are_one_line_with_their_places_and_a_count(b64: Run) -> None:
    places = ["gpu0", "gpu1", "gpu2", "gpu3", "gpu4", "gpu4"]
    flags = [
        *(Flag("stuck", place, "it stands still") for place in places),
        Flag("lost", "", "gone"),
    ]
    run = replace(b64, summary=replace(b64.summary, flags=flags))
    shown = " ".join((await text(results(run), WIDE)).split())
    assert shown.count("it stands still") == 1
    assert "! stuck gpu0, gpu1, gpu2, gpu3 … it stands still (6 times)" in shown
    assert "! lost gone" in shown
    assert "1 times" not in shown


async def test_j_and_k_scroll_and_y_copies_the_figures(kws: Run) -> None:
    app = results(kws)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        page = app.screen.query_one(VerticalScroll)
        await pilot.press("j", "j", "k")
        await pilot.pause()
        assert page.scroll_y == 1
        await pilot.press("y")
        assert "total" in app.clipboard
        assert "b64" in app.clipboard
        assert "\x1b" not in app.clipboard


UNCOUNTED = B1._replace(count=0)


async def test_n_gives_joules_per_inference_to_a_run_that_counted_none_and_takes_them_back(
    tmp_path: Path,
) -> None:
    """200 J in 4 s, of which 160 J are more than idle, for 100 inferences."""
    run = finished(tmp_path / "run.csv", [IDLE, UNCOUNTED])
    before, about = run.csv.read_bytes(), json_of(run)
    async with results(run).run_test(size=(200, 70)) as pilot:
        await pilot.pause()
        assert "J per inference" not in screen(pilot.app)
        assert "press n to say how many" in screen(pilot.app)
        await pilot.press("n", *"100", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        shown = screen(pilot.app)
        assert "2.00000 ± 0.00050 J per inference" in shown
        assert "1.60" in shown
        assert "100 inferences, stated by hand" in shown
        assert (run.csv.read_bytes(), json_of(run)) == (before, about)
        await pilot.press("n", "backspace", "backspace", "backspace", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "J per inference" not in screen(pilot.app)
        assert not notes_path(run.csv).exists()


async def test_n_offers_the_numbers_that_the_command_printed(tmp_path: Path) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, UNCOUNTED])
    app = Shown(Results(run, output=["loading 3 GB", "processed 100 images in 4.000 s"]))
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.pause()
        await pilot.press("n", "down", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "2.00000 ± 0.00050 J per inference" in screen(pilot.app)


async def test_n_is_not_offered_to_a_run_that_counted(tmp_path: Path) -> None:
    app = results(finished(tmp_path / "run.csv", [IDLE, B1]))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        assert "How many inferences?" not in screen(pilot.app)
        await pilot.press("n")
        await pilot.pause()
        assert not isinstance(app.screen, Ask)


def test_numbers_beside_words_for_what_was_counted_are_offered_the_last_first() -> None:
    output = ["Python 3.11", "step 1/2,000 done", "10000 samples, 3.5 ms each", "epoch 7"]
    assert [line.split()[0] for line in numbers_in(output)] == ["10000", "2000"]


def test_an_answer_is_a_number_with_or_without_commas() -> None:
    assert count_of("10,000  of 10,000 images") == 10_000
    assert count_of("") is None
    assert wrong_count("ten") == wrong_count("-4") == wrong_count("0") == wrong_count("1.5")
    assert (wrong_count("ten"), wrong_count("12")) == ("a whole number, such as 10000", None)


async def drawn(pilot: Pilot[Any]) -> None:
    """The graph of the whole run is there."""
    for _ in range(MOST_PAUSES):
        if "mean" in screen(pilot.app):
            break
        await pilot.pause(0.05)


@SIZES
async def test_the_whole_run_is_on_top_with_its_phases_and_a_dragged_span_has_its_joules(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """10 s of 10 W, a second between, 4 s of 50 W, a second between, 10 s of 40 W: 700 J."""
    run = finished(tmp_path / "run.csv", [IDLE, B1, B8])
    async with results(run).run_test(size=size) as pilot:
        await drawn(pilot)
        shown = screen(pilot.app)
        top = shown[: shown.index("per inference")]
        assert all(word in top for word in ("Power", "idle", "b1", "b8", "700.0 J", "max 50"))
        chart = pilot.app.screen.query_one(Chart)
        width = chart.content_size.width
        await pilot.hover(Chart, offset=(width // 5, 3))
        await pilot.pause()
        assert "10.0 W" in screen(pilot.app).partition("per inference")[0], "at the crosshair"
        await pilot.mouse_down(Chart, offset=(GUTTER + 1, 3))
        await pilot.hover(Chart, offset=(width, 3))
        await pilot.mouse_up(Chart, offset=(width, 3))
        await pilot.pause()
        assert "700.0 J" in screen(pilot.app), "all of it"
        before = screen(pilot.app)
        await pilot.press("minus")
        await pilot.pause()
        assert screen(pilot.app) != before


async def test_a_run_without_power_has_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text(",".join((*FIXED_COLUMNS, "cpu_util_pct")) + "\n1,,running,,,begin,,5\n")
    async with results(load_run(path)).run_test(size=MIDDLE) as pilot:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert not list(pilot.app.screen.query(Chart))
        assert not pilot.app.screen.query_one("#trace").display


@pytest.mark.parametrize(("of_server", "offers"), [([], True), (["server_unread"], False)])
def test_who_lost_the_count_of_a_server_is_not_asked_for_it(
    tmp_path: Path, of_server: list[str], offers: bool
) -> None:
    summary = finished(tmp_path / "run.csv", [IDLE, UNCOUNTED]).summary
    flags = [*summary.flags, *(Flag(name, "", "a server could not be read") for name in of_server)]
    shown = "\n".join(map(str, figures(replace(summary, flags=flags))))
    assert ("press n to say" in shown) == offers
