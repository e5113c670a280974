"""The same recordings give the same numbers in every command and on the dashboard as before.

After an intended change: WATTUI_GOLDEN=write python -m pytest tests/figures
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from textual.app import App
from textual.pilot import Pilot

from wattui.cli import main

from . import logs, recordings
from .reading import differences, of_columns, of_csv, of_json, of_lines, of_page

KEPT = Path(__file__).parent / "kept"
RUNS = ("bench", "broken", "by-hand", "faulty", "limited", "parallel", "server", "sizes")
RECORDED = ("alexnet", "kws-numpy", "kws-onnxruntime", "resnet50", "resnet50-250w")
LARGE = ("limited", "server", "sizes")
COMMANDS = {
    "summary": [
        *(f"summary {run}.csv" for run in (*RUNS, *RECORDED)),
        *(f"summary {run}.csv --json" for run in RUNS if run not in LARGE),
        "summary server.csv parallel.csv --mixed",
        "summary .",
    ],
    "compare": [
        "compare server.csv limited.csv",
        "compare server.csv limited.csv --json",
        "compare server.csv limited.csv --figure all --max-regression 5%",
        "compare limited.csv server.csv --mixed --max-regression 2% --strict",
        "compare server.csv limited.csv --domain gpu0 --label b8 --figure marginal",
        "compare new=server.csv new=bench.csv old=limited.csv old=parallel.csv --mixed",
        "compare server.csv",
        "compare resnet50.csv resnet50-250w.csv --single-runs --max-regression 1%",
        "compare kws-numpy.csv kws-onnxruntime.csv --figure dynamic",
        "compare kws-onnxruntime.csv --published kws",
        "compare by-hand.csv server.csv --figure power --allow-mixed --mixed",
        "compare faulty.csv by-hand.csv --figure energy --mixed --domain meter_wall",
    ],
    "fit": [
        "fit sizes.csv --against pixels",
        "fit sizes.csv --against pixels --figure dynamic --json pixels.json",
        "fit alexnet.csv --against macs --json fit.json",
        "fit networks.csv --against macs --figure seconds --through-origin",
        "fit kws-numpy.csv server.csv --against batch",
        "predict resnet50 --fit fit.json",
        "predict --macs 5000000000 --fit fit.json --json",
        "predict vgg16 --input 3,112,112 --fit fit.json --weights ordinary --json",
    ],
    "export": [f"export {run}.csv {run}-results.{form}" for run in RUNS for form in ("csv", "md")]
    + [
        "export by-hand.csv by-hand-results.json",
        "export server.csv server-results.svg",
        "export server.csv server-rows.parquet",
        "compare by-hand-results.json by-hand.csv",
    ],
    "report": [
        "report server.csv limited.csv -o two.html",
        "report bench.csv -o bench.md --figure dynamic",
        "report faulty.csv -o faulty.html",
        "report by-hand.csv -o by-hand.md",
        "report sizes.csv -o sizes.html --against pixels",
        "report alexnet.csv -o alexnet.svg",
    ],
    "import": [
        "import nvidia-smi.csv --out a.csv --idle nvidia-idle.csv --inferences 1000",
        "import nvidia-smi.csv --out b.csv --from 2024-05-06_07:08:19 --to 2024-05-06_07:08:49",
        "import s-tui.csv --out c.csv --label b4 --inferences 77",
        "import s-tui-2018.csv --out d.csv",
        "import typed.csv --out e.csv --meter ups",
        "import aipowermeter --out f.csv",
        "import deepmeter.csv --out g.csv --inferences 1000",
        "import codecarbon.csv --out h.csv --inferences 100",
        "import energibridge.csv --out i.csv",
        "import abr --idle nvidia-idle.csv --out abr-runs",
        *(f"summary {name}.csv" for name in "abcdefghi"),
    ],
}
WIDE, NARROW = (200, 50), (100, 30)
SCREENS: tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...] = (
    ("graphs", WIDE, ()),
    ("narrow", NARROW, ()),
    ("one graph", WIDE, ("enter",)),
    ("runs", WIDE, ("enter", "R")),
    ("compared", WIDE, ("space", "down", "space", "c")),
    ("results", WIDE, ("escape", "enter")),
)
POLL_S, STILL_S = 0.1, 3.0
PLAYED = ("server", "limited", "bench")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with all recordings, in a time zone and width of its own."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in {"TZ": "UTC", "COLUMNS": "240", "WATTUI_CONFIG": "config.toml"}.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    recordings.fill(folder)
    yield folder
    monkeypatch.undo()
    time.tzset()


def of_file(path: Path) -> Any:
    """The numbers of what a command wrote."""
    match path.suffix:
        case ".html" | ".svg":
            return of_page(path.read_text())
        case ".json":
            return of_json(path.read_text())
        case ".csv":
            return of_csv(path.read_text())
        case ".parquet":
            return of_columns(pl.read_parquet(path).to_dict(as_series=False))
        case _:
            return of_lines(path.read_text())


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def figures(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The exit status of a command, the numbers that it printed, and those of what it wrote."""
    before = files(folder)
    found: dict[str, Any] = {"status": main(shlex.split(command))}
    streams = capsys.readouterr()
    for name, stream in (("printed", streams.out), ("said", streams.err)):
        text = stream.replace(f"{folder}/", "")
        found[name] = of_json(text) if text.startswith(("{", "[")) else of_lines(text)
    made = sorted(files(folder) - before)
    return found | {str(path.relative_to(folder)): of_file(path) for path in made}


def is_writing() -> bool:
    return os.environ.get("WATTUI_GOLDEN") == "write"


def kept(name: str) -> Any:
    return json.loads((KEPT / f"{name}.json").read_text())


def compare(name: str, now: dict[str, Any]) -> None:
    """Compare with what was kept. Raises AssertionError with every difference, a line each."""
    if is_writing():
        (KEPT / f"{name}.json").write_text(written(now) + "\n")
    told = list(differences(kept(name), now))
    assert not told, "\n".join(told)


def written(value: Any, indent: str = "") -> str:
    """JSON with what holds no more lists and objects on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) + len(indent) < 100:
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(k)}: {written(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{written(item, inner)}" for item in value) + f"\n{indent}]"


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.needs_report] if n == "report" else []) for n in COMMANDS],
)
def test_a_command_gives_the_numbers_that_it_gave(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "import":
        logs.fill(folder)
    compare(name, {command: figures(command, folder, capsys) for command in COMMANDS[name]})


def shown(pilot: Pilot[Any]) -> list[str]:
    """The numbers on the screen, without the line of keys below it."""
    lines = pilot.app.screen._compositor.render_strips()[:-1]
    return of_lines("\n".join("".join(segment.text for segment in strip) for strip in lines))


async def settled(pilot: Pilot[Any], kept: list[str] | None) -> list[str]:
    """What is shown once it is what was kept, or else has been still for so long."""
    before: list[str] = []
    still_s = 0.0
    while still_s < STILL_S:
        now = shown(pilot)
        if now == kept:
            break
        still_s = still_s + POLL_S if now == before else 0.0
        before = now
        await pilot.pause(POLL_S)
    return now


async def screens(app: App[Any], kept: dict[str, list[str]]) -> dict[str, list[str]]:
    """The graphs at two sizes, one graph alone, the list of runs, a comparison, and results."""
    found = {}
    async with app.run_test(size=WIDE) as pilot:
        for name, size, keys in SCREENS:
            await pilot.resize_terminal(*size)
            await pilot.press(*keys)
            found[name] = await settled(pilot, kept.get(name))
    return found


def test_the_dashboard_shows_the_numbers_that_it_showed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in files(folder):
        if path.stem not in PLAYED:
            path.unlink()
    found = {}

    def run(app: App[Any]) -> None:
        found.update(asyncio.run(screens(app, {} if is_writing() else kept("dashboard"))))

    monkeypatch.setattr(App, "run", run)
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.headless_driver:HeadlessDriver")
    assert main(["--replay", "server.csv", "--speed", "max"]) == 0
    compare("dashboard", found)


def test_a_digit_a_unit_or_a_cell_makes_a_difference_and_a_word_none() -> None:
    line = "│ package0 (CPU)  21.85 ± 0.14 J  – │ of all, 3 repeats."
    assert of_lines(line) == ["package0 21.85 ± 0.14 J – 3"]
    assert not list(differences(of_lines(line), of_lines(line.replace("repeats", "runs"))))
    for old, new in (("21.85", "21.86"), ("J", "mJ"), ("–", "0"), ("package0", "package1")):
        assert list(differences(of_lines(line), of_lines(line.replace(old, new))))
    page = "<p>1 <b>J</b></p><style>a{b:2}</style><svg><path d='M 3'/><text>4 W</text></svg>"
    assert of_page(page) == ["1 J", "4 W"]
    cells = {"power_w": 3.25, "flags": [{"text": "good to 3 %"}], "label": "b8", "n": None}
    assert of_json(json.dumps(cells)) == cells | {"flags": [{"text": "3 %"}]}
    assert list(differences(cells, cells | {"power_w": 3.2501}))
    assert list(differences(cells, cells | {"n": 0}))
    assert not list(differences(cells, cells | {"power_w": 3.25 * (1 + 1e-15)}))
