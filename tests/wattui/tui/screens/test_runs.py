"""The list of runs, by its words and keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from recorders.runfile import json_path
from recorders.summary.summary import summarise
from tests.support.dashboards import screen
from tests.support.made_runs import B1, B8, B64, IDLE, finished, written
from wattui.runs.notes import Notes, notes_path, read_notes
from wattui.runs.recorded import Run
from wattui.runs.reduce import reduce_csv
from wattui.show.palette import DARK
from wattui.tui.screens import runs
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.compare import Compare
from wattui.tui.screens.compare_many import CompareMany
from wattui.tui.screens.results import Results
from wattui.tui.screens.runs import TYPING_S, Runs, _headline, moment, read

WIDE, MIDDLE, SMALL = (200, 50), (120, 35), (80, 24)
DAY_S = 86400.0


class Shown(App[None]):
    """The list of runs, and what it was dismissed with."""

    def __init__(self, folder: Path, *extra: Path, ticked: tuple[Path, ...] = ()) -> None:
        super().__init__()
        self.runs = Runs(folder, extra, ticked)
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self.runs, self.answers.append)


async def settle(pilot: Pilot[Any]) -> None:
    """All files read, and shown."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def line_of(pilot: Pilot[Any], text: str) -> str:
    return next(line for line in screen(pilot.app).splitlines() if text in line)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"a,b\n", "not a run file"), (b"\xff\xfe", "not a run file")],
)
def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "run.csv"
    if content is not None:
        path.write_bytes(content)
    reason = read(path)
    assert isinstance(reason, str)
    assert said in reason
    assert "\n" not in reason


def damaged(path: Path) -> Path:
    """A run file with bytes in it that are no text."""
    good = written(path, [IDLE, B1]).read_bytes().splitlines(keepends=True)
    path.write_bytes(good[0] + b"\xff\xfe\x00," * 50 + b"\n" + b"".join(good[1:]))
    return path


def test_a_damaged_file_gives_a_reason_in_one_line_or_a_run(tmp_path: Path) -> None:
    found = read(damaged(tmp_path / "run.csv"))
    assert isinstance(found, Run) or ("damaged" in found and "\n" not in found)


@pytest.mark.parametrize(
    ("age_s", "text"), [(0, "11-14 22:13"), (200 * DAY_S, "2023-11-14"), (None, "–")]
)
def test_old_runs_have_their_year(
    age_s: float | None, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    now_s = 1_700_000_000 + (age_s or 0)
    assert moment(None if age_s is None else 1_700_000_000, now_s) == text


@pytest.mark.parametrize("size", [WIDE, MIDDLE, SMALL])
async def test_runs_are_listed_with_their_headline_and_origin(
    folder: Path, size: tuple[int, int]
) -> None:
    async with Shown(folder).run_test(size=size) as pilot:
        await settle(pilot)
        assert "2.00000 ± 0.00050 J" in line_of(pilot, "quick.csv")
        assert "4.000 J estimated" in line_of(pilot, "sub/old.csv")
        assert "100" in line_of(pilot, "quick.csv")
        shown = screen(pilot.app)
        assert "table.csv" not in shown
        assert shown.index("quick.csv") < shown.index("slow.csv") < shown.index("old.csv")


async def test_command_time_flags_and_status_are_told(folder: Path) -> None:
    json_path(folder / "slow.csv").unlink()
    async with Shown(folder).run_test(size=WIDE) as pilot:
        await settle(pilot)
        told = line_of(pilot, "sub/old.csv").strip("│ ").split()
        assert " ".join(told[-6:]) == "10.0 s 2 finished ./Bench --old"
        assert "no run.json" in line_of(pilot, "slow.csv")


async def test_the_start_of_a_recording_is_told_not_when_its_file_was_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shown(folder).run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "2023-11-1" in line_of(pilot, "quick.csv")


async def test_the_newest_recording_is_first_in_whatever_order_files_were_copied(
    folder: Path,
) -> None:
    clock = {"start_utc_ns": 1_700_000_000_000_000_000 + 60_000_000_000}
    about = json.loads(json_path(folder / "slow.csv").read_text())
    json_path(folder / "slow.csv").write_text(json.dumps(about | {"clock": clock}))
    async with Shown(folder).run_test(size=WIDE) as pilot:
        await settle(pilot)
        shown = screen(pilot.app)
        assert shown.index("slow.csv") < shown.index("quick.csv") < shown.index("old.csv")


async def test_a_range_of_estimates_has_its_unit_and_origin(tmp_path: Path) -> None:
    labels = [part._replace(label=label) for label, part in (("a", B1), ("b", B8))]
    finished(tmp_path / "long.csv", [IDLE, *labels], ["est_cpu"])
    async with Shown(tmp_path).run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert " J estimated " in line_of(pilot, "long.csv")


async def test_of_one_label_that_is_known_there_is_no_range(tmp_path: Path) -> None:
    uncounted = B8._replace(count=0)
    finished(tmp_path / "long.csv", [IDLE, B1, uncounted])
    async with Shown(tmp_path).run_test(size=WIDE) as pilot:
        await settle(pilot)
        line = line_of(pilot, "long.csv")
        assert " 2.000 J " in line
        assert "…" not in line


async def test_an_empty_folder_says_how_to_record(tmp_path: Path) -> None:
    app = Shown(tmp_path)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "Press r to record" in screen(pilot.app)
        await pilot.press("enter", "space", "c", "e", "p")
        await pilot.pause()
        assert app.screen is app.runs


async def test_a_broken_run_gives_its_reason_and_opens_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "run.csv", [IDLE, B1])
    app = Shown(tmp_path)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        app.runs._show({path.absolute(): ("run.csv is damaged: half of it", Notes())})
        await pilot.press("enter", "e", "p")
        await pilot.pause()
        assert app.screen is app.runs
        assert "unreadable" in line_of(pilot, "run.csv")
        assert "run.csv is damaged: half of it" in screen(pilot.app)


async def test_a_run_of_elsewhere_is_listed_as_well(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    run = finished(elsewhere / "extra.csv", [IDLE, B1])
    app = Shown(folder, run.csv, folder / "slow.csv")
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert app.runs.query_one(DataTable).row_count == 4
        assert "extra.csv" in screen(pilot.app) or "…" in screen(pilot.app)


async def test_enter_opens_results_and_escape_comes_back(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Results)
        assert "slow.csv" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.runs
        await pilot.press("escape")
        await pilot.pause()
    assert app.answers == [None]


async def test_a_double_click_opens_a_run(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.click(DataTable, offset=(20, 2), times=2)
        await pilot.pause()
        assert isinstance(app.screen, Results)
        assert "slow.csv" in screen(pilot.app)


async def test_two_ticked_runs_are_compared(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("space", "space", "c")
        await pilot.pause()
        assert isinstance(app.screen, Compare)
        lines = [line.strip("│ ") for line in screen(pilot.app).splitlines()]
        assert any(line.startswith("A") and line.endswith("quick.csv") for line in lines)
        assert any(line.startswith("B") and line.endswith("slow.csv") for line in lines)


async def test_a_ticked_run_is_compared_with_the_one_under_the_cursor(folder: Path) -> None:
    app = Shown(folder, ticked=(folder / "slow.csv",))
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        assert "✓" in line_of(pilot, "slow.csv")
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, Compare)


async def test_one_run_alone_is_not_compared(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await pilot.press("space", "up", "c")
        await pilot.press("space", "up", "c")
        await pilot.pause()
        assert app.screen is app.runs


@pytest.mark.parametrize("size", [WIDE, MIDDLE, SMALL])
async def test_more_than_two_runs_are_compared_as_bars_with_what_changed_since_the_oldest(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """2, 4 and 0.1 + 0.9 J an inference; each begun a minute after the one before."""
    for minute, (name, part) in enumerate([("a", B1), ("b", B8), ("c", B64)]):
        clock = {"start_utc_ns": 1_700_000_000_000_000_000 + minute * 60_000_000_000}
        finished(tmp_path / f"{name}.csv", [IDLE, part], clock=clock)
    app = Shown(tmp_path)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("space", "space", "space")
        await pilot.pause()
        assert all("✓" in line_of(pilot, f"{name}.csv") for name in "abc")
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, CompareMany)
        assert "y Copy" in screen(pilot.app)
        lines = [line.strip("│ ") for line in screen(pilot.app).splitlines()]
        bars = [line for line in lines if "█" in line]
        assert [line.partition("█")[0].split()[-1] for line in bars] == ["a", "b", "c"]
        assert [line.partition(" ±")[0].split()[-1] for line in bars] == [
            "2.00000",
            "4.00000",
            "1.00000",
        ]
        assert sum("unclear: one run each" in line for line in lines) >= 2 or size == SMALL


async def test_compare_in_the_results_ticks_that_run(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("c")
        await pilot.pause()
        assert app.screen is app.runs
        assert "✓" in line_of(pilot, "quick.csv")
        await pilot.press("down", "c")
        await pilot.pause()
        assert isinstance(app.screen, Compare)


@pytest.mark.parametrize("keys", [("p",), ("enter", "p")])
async def test_p_plays_back(folder: Path, keys: tuple[str, ...]) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
    assert app.answers == [("replay", (folder / "quick.csv").absolute())]


async def test_e_asks_where_to_export(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(app.screen, Ask)
        assert app.screen.query_one(Input).value.endswith("quick-results.md")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("OLD", ["old.csv"]),
        ("bench", ["old.csv"]),
        ("infer.py", ["quick.csv", "slow.csv"]),
        ("pytest", []),
    ],
)
async def test_a_filter_looks_in_names_and_commands(
    folder: Path, text: str, left: list[str]
) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("slash", *text)
        await pilot.pause(2 * TYPING_S)
        assert app.screen.query_one(Input).value == text, "keys of the list are letters here"
        assert text in screen(pilot.app)
        rows = app.screen.query_one(DataTable).rows
        assert [Path(str(key.value)).name for key in rows] == left
        await pilot.press("escape")
        await pilot.pause(2 * TYPING_S)
        assert app.screen is app.runs
        assert len(app.screen.query_one(DataTable).rows) == 3


async def test_the_cursor_stays_on_its_run_while_rows_come_and_go(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        app.runs.draw()
        await pilot.pause()
        assert app.runs._here() == (folder / "sub" / "old.csv").absolute()


async def test_the_list_can_be_left_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE) as pilot:
        await pilot.press("escape")
        await settle(pilot)
    assert app.answers == [None]


async def test_a_run_cut_since_it_was_recorded_has_the_figures_of_what_is_left(
    tmp_path: Path,
) -> None:
    """B1 alone is left: 2 J an inference, where run.json has b8 too."""
    path = finished(tmp_path / "run.csv", [IDLE, B1, B8]).csv
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if ",b8," not in line))
    app = Shown(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "2.00000 ± 0.00050 J" in line_of(pilot, "run.csv")
        await pilot.press("enter")
        await pilot.pause()
        assert "2.00000 ± 0.00050 J per inference" in screen(pilot.app)
        assert {"changed", "since", "recomputed"} <= set(screen(pilot.app).split())


async def test_a_run_of_several_labels_is_listed_from_the_best_to_the_worst(
    tmp_path: Path,
) -> None:
    finished(tmp_path / "run.csv", [IDLE, B1, B8])
    app = Shown(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "2.000 … 4.000 J" in line_of(pilot, "run.csv")


async def test_enter_on_a_run_that_is_not_read_yet_says_so(folder: Path) -> None:
    app = Shown(folder)
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await settle(pilot)
        app.runs._runs.clear()
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is app.runs
        assert "quick.csv is still being read" in screen(pilot.app)


def names(pilot: Pilot[Any]) -> list[str]:
    """The files in the order of the list."""
    return [
        Path(str(row.key.value)).name for row in pilot.app.screen.query_one(DataTable).ordered_rows
    ]


async def test_the_title_counts_the_runs_and_those_that_match(folder: Path) -> None:
    async with Shown(folder).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert f"Runs in {folder.name}/ · 3 runs" in screen(pilot.app)
        await pilot.press("slash", *"old")
        await pilot.pause(2 * TYPING_S)
        assert f"Runs in {folder.name}/ · 1 of 3 runs" in screen(pilot.app)


async def test_columns_sort_by_key_and_the_sorted_one_is_marked(folder: Path) -> None:
    """quick 2 J, slow and old 4 J an inference; names are old, quick, slow."""
    async with Shown(folder).run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "when▼" in screen(pilot.app)
        await pilot.press("s")
        await pilot.pause()
        assert "file▲" in screen(pilot.app)
        assert "when▼" not in screen(pilot.app)
        assert names(pilot) == ["quick.csv", "slow.csv", "old.csv"], "folders by name: sub is last"
        await pilot.press("S")
        await pilot.pause()
        assert "file▼" in screen(pilot.app)
        assert names(pilot) == ["old.csv", "slow.csv", "quick.csv"]
        await pilot.press("s")
        await pilot.pause()
        assert "J/inference▲" in screen(pilot.app)
        assert names(pilot)[0] == "quick.csv"


async def test_a_click_on_a_heading_sorts_and_another_reverses(folder: Path) -> None:
    (folder / "broken.csv").write_bytes((folder / "quick.csv").read_bytes()[:200])
    async with Shown(folder).run_test(size=WIDE) as pilot:
        await settle(pilot)
        heading = next(line for line in screen(pilot.app).splitlines() if "inferences" in line)
        box = pilot.app.screen.query_one(DataTable).region
        column = heading.index("J/inference") - box.x
        await pilot.click(DataTable, offset=(column, 0))
        await pilot.pause()
        assert "J/inference▲" in screen(pilot.app)
        rising = names(pilot)
        await pilot.click(DataTable, offset=(column, 0))
        await pilot.pause()
        assert "J/inference▼" in screen(pilot.app)
        assert (rising[0], names(pilot)[2]) == ("quick.csv", "quick.csv")
        assert rising[-1] == names(pilot)[-1] == "broken.csv", "the unknown is last in both"


async def test_a_deleted_run_is_gone_from_the_list_and_u_brings_it_back(folder: Path) -> None:
    app = Shown(folder, ticked=(folder / "slow.csv",))
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await settle(pilot)
        assert "u Undo" not in screen(pilot.app)
        await pilot.press("down", "D")
        await pilot.pause()
        assert names(pilot) == ["quick.csv", "old.csv"]
        assert not (folder / "slow.csv").exists()
        assert not json_path(folder / "slow.csv").exists()
        assert "slow.csv is in .wattui-trash; u puts it back" in screen(pilot.app)
        assert "u Undo" in screen(pilot.app)
        assert app.runs._here() == (folder / "sub" / "old.csv").absolute()
        await pilot.press("u")
        await pilot.pause()
        assert names(pilot) == ["quick.csv", "slow.csv", "old.csv"]
        assert app.runs._here() == (folder / "slow.csv").absolute()
        assert (folder / "slow.csv").exists()
        assert json_path(folder / "slow.csv").exists()
        await pilot.press("u", "D", "D", "D", "D", "u", "u", "u", "u")
        await pilot.pause()
        assert sorted(names(pilot)) == ["old.csv", "quick.csv", "slow.csv"]


async def test_tags_and_a_note_are_kept_beside_the_run_and_found_by_the_filter(
    folder: Path,
) -> None:
    async with Shown(folder).run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("down", "t", *"#fan-off #v2 window open", "enter")
        await pilot.pause()
        assert "#fan-off #v2" in line_of(pilot, "slow.csv")
        assert "#fan-off #v2 window open" in screen(pilot.app), "of the run under the cursor"
        assert read_notes(folder / "slow.csv") == Notes(("fan-off", "v2"), "window open")
        await pilot.press("slash", *"window")
        await pilot.pause(2 * TYPING_S)
        assert names(pilot) == ["slow.csv"]
        await pilot.press("escape", "t", *["backspace"] * 30, "enter")
        await pilot.pause(2 * TYPING_S)
        assert "#" not in line_of(pilot, "slow.csv")
        assert not notes_path(folder / "slow.csv").exists()


async def test_the_newest_runs_are_read_before_all_others_are_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def found(folder: Path) -> Iterator[Path]:
        for name in ("quick.csv", "slow.csv", "sub/old.csv"):
            done.append(f"found {name}")
            yield folder / name

    def noted(path: Path) -> Run | str:
        done.append(f"read {path.name}")
        return read(path)

    monkeypatch.setattr(runs, "LISTED_FIRST", 1)
    monkeypatch.setattr(runs, "newest_runs", found)
    monkeypatch.setattr(runs, "read", noted)
    async with Shown(folder).run_test(size=MIDDLE) as pilot:
        await settle(pilot)
        assert done[:3] == ["found quick.csv", "read quick.csv", "found slow.csv"]
        assert sorted(names(pilot)) == ["old.csv", "quick.csv", "slow.csv"]


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (60, 16)])
async def test_the_line_about_tags_is_there_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    finished(tmp_path / "a.csv", [IDLE, B1])
    app = Shown(tmp_path)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("t")
        await pilot.pause()
        words = " ".join(screen(pilot.app).replace("│", " ").split())
        assert "the rest is the note; kept in a file beside the run" in words


@pytest.mark.parametrize(
    ("note", "word"),
    [("not_counted gpu0", "1 GPU not counted"), ("missing gpu0: no driver", "incomplete")],
)
def test_only_a_sum_that_lacks_a_part_against_ones_will_is_called_incomplete(
    tmp_path: Path, note: str, word: str
) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, B1])
    text = run.csv.read_text().splitlines(keepends=True)
    cells = text[1].split(",")
    cells[5] = f"note:{note}"
    run.csv.write_text("".join([text[0], ",".join(cells), *text[1:]]))
    summary = summarise(reduce_csv(run.csv))
    assert _headline(summary, DARK).plain.endswith(f" J {word}")
