"""The list of 3,000 runs: when the newest is shown, and all; how long keys wait. And playback of a
file of 1.5 GB from its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from textual.app import App
from textual.widgets import DataTable

from benchmarks.files import LABELS, write
from benchmarks.table import Figure, Table, of_figures, say
from recorders.fingerprint import fingerprint
from recorders.runfile import json_path
from wattui.runs.recorded import load_run
from wattui.tui.screens.runs import Runs
from wattui.tui.state.live import Live
from wattui.tui.state.playback import Playback

NEWEST_S, KEY_MS, END_S = 0.5, 200.0, 1.0
ROWS, APART_S, LOOK_S = 300, 60.0, 0.01


def tables(quick: bool) -> list[Table]:
    """In a terminal of 200×50; files written just before, so they are in the page cache."""
    return [_list_of_runs(quick), _playback(quick)]


def _playback(quick: bool) -> Table:
    rows, times = (300_000, 1) if quick else (10_000_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.csv")
        say(f"runs: writing {rows:,} rows")
        write(path, rows, list(product([1], LABELS)))
        size_mb = path.stat().st_size / 1e6
        ends_s, wholes_s = zip(*(_play_end(path) for _ in range(times)), strict=True)
    figures = [
        Figure("open, and all that is shown at its end", ends_s, "s", END_S),
        Figure("energies of the whole, in the background", wholes_s, "s"),
    ]
    return of_figures(f"Playback of {rows:,} rows, {size_mb:.0f} MB, from its end", figures)


def _play_end(path: Path) -> tuple[float, float]:
    """Seconds until the end of a file is shown, and until its energies are."""
    begun_s = time.perf_counter()
    played = Playback(path)
    live = Live(played.columns)
    played.seek(played.length_s)
    live.skipped_s = played.skipped_s
    while played.is_seeking:
        for message in played.poll():
            live.take(message)
    end_s = time.perf_counter() - begun_s
    if not live.is_whole:
        live.backfill(played.reduce())
    live.summary()
    return end_s, time.perf_counter() - begun_s


def _list_of_runs(quick: bool) -> Table:
    files, times = (300, 1) if quick else (3000, 3)
    with tempfile.TemporaryDirectory() as folder:
        say(f"runs: writing {files:,} runs")
        _write(Path(folder), files)
        looks = [asyncio.run(_look(Path(folder), files)) for _ in range(times)]
    newest_s, listed_s, read_s, stalls_s = zip(*looks, strict=True)
    figures = [
        Figure("the newest shown with its figures", newest_s, "s", NEWEST_S),
        Figure("all listed", listed_s, "s"),
        Figure("all read", read_s, "s"),
        Figure("longest wait of a key meanwhile", [1e3 * s for s in stalls_s], "ms", KEY_MS),
    ]
    return of_figures(f"The list of {files:,} runs", figures)


def _write(folder: Path, files: int) -> None:
    """One run many times, with its run.json, each a minute older than the one before."""
    first, now_s = folder / "run-0000.csv", time.time()
    write(first, ROWS, list(product([1], LABELS)))
    about: dict[str, Any] = {"status": "finished", "command": {"argv": ["./infer"]}}
    about |= {"csv": fingerprint(first), "summary": load_run(first).summary.to_dict()}
    for number in range(files):
        path = folder / f"run-{number:04d}.csv"
        begun_s = now_s - number * APART_S
        if number:
            shutil.copyfile(first, path)
        os.utime(path, (begun_s, begun_s))
        clock = {"clock": {"start_utc_ns": int(begun_s * 1e9)}}
        json_path(path).write_text(json.dumps(about | clock))


async def _look(folder: Path, files: int) -> tuple[float, float, float, float]:
    """Seconds until the newest run is shown with its figures, until all are listed, until all are
    read, and the longest time for which the screen answered no key."""
    app: App[None] = App()
    async with app.run_test(size=(200, 50)):
        begun_s = last_s = time.perf_counter()
        newest_s = listed_s = stall_s = 0.0
        await app.push_screen(Runs(folder))
        table: DataTable[Any] = app.screen.query_one(DataTable)
        while not newest_s or not listed_s or list(app.workers):
            await asyncio.sleep(LOOK_S)
            now_s = time.perf_counter()
            stall_s = max(stall_s, now_s - last_s - LOOK_S)
            last_s = now_s
            if not newest_s and table.row_count and str(table.get_row_at(0)[3]).endswith("J"):
                newest_s = now_s - begun_s
            if not listed_s and table.row_count == files:
                listed_s = now_s - begun_s
        return newest_s, listed_s, time.perf_counter() - begun_s, stall_s
