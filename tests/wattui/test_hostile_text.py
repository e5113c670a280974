"""Nothing that a label, note, file or device is called acts on a terminal or breaks a file."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from textual.color import Color

import wattui
from tests.support.hostile import KINDS, answer, assert_harmless, run_csv
from wattui.clean import MOST_NAME, lines, one_line, texts
from wattui.show.doctor import GROUPS
from wattui.show.doctor import lines as doctor_lines
from wattui.show.printing import cleaning, console
from wattui.show.summary import MOST_FLAG
from wattui.tui.terminal.ascii import CleanFilter

ANYTHING = st.text(st.characters(exclude_categories=()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose labels and notes are of every kind."""
    return run_csv(tmp_path_factory.mktemp("run") / "run.csv", list(KINDS.values()))


@given(ANYTHING)
def test_any_text_is_harmless_and_stays_as_it_then_is(text: str) -> None:
    assert_harmless(one_line(text), kept="")
    assert_harmless(lines(text))
    assert one_line(one_line(text)) == one_line(text)
    assert texts({text: [text, 1]}) == {one_line(text): [one_line(text), 1]}


@given(ANYTHING)
def test_the_screen_shows_text_alone_and_stays_as_wide(text: str) -> None:
    (segment,) = CleanFilter().apply([Segment(text)], Color(0, 0, 0))
    assert_harmless(segment.text, kept="")
    assert cell_len(segment.text) == cell_len(text)


def test_what_is_shown_can_still_be_told_apart() -> None:
    assert one_line("\x1b]52;c;QQ==\x07") == "␛]52;c;QQ==␇"
    assert one_line("a\x9b\x7f\u202e\ud800\udcff") == "a\\x9b␡\\u202e\\ud800\\xff"
    assert one_line("Grüße, 日本 ± 3 °C\u00a0\u3000x") == "Grüße, 日本 ± 3 °C\u00a0\u3000x"


@pytest.mark.parametrize("kind", KINDS)
def test_a_console_prints_no_escapes_but_those_of_its_styles(kind: str) -> None:
    out = io.StringIO()
    shown = console(file=out, width=80, force_terminal=True, color_system="truecolor")
    table = Table(KINDS[kind], title=KINDS[kind])
    table.add_row(Text(KINDS[kind], "red"))
    shown.print(KINDS[kind], table)
    plain = io.StringIO()
    bare = console(file=plain, width=80)
    bare.print(KINDS[kind], table)
    assert_harmless(plain.getvalue())
    assert "\x1b]" not in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        ("summary", "{run}"),
        ("summary", "{run}", "--mixed"),
        ("summary", "{run}", "{run}"),
        ("summary", "{folder}"),
        ("compare", "{run}", "{run}"),
        ("compare", "a={run}", "b={run}"),
        ("fit", "{run}", "--against", "batch"),
        ("fit", "{run}", "--against", "pixels"),
    ],
)
def test_no_command_prints_an_escape(
    arguments: tuple[str, ...], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = answer(*(a.format(run=run, folder=run.parent) for a in arguments))
    out, err = capsys.readouterr()
    assert_harmless(out)
    assert_harmless(err)
    assert "this is a bug in wattui" not in err
    assert (status == 0) == bool(out)


@pytest.mark.parametrize(
    "arguments",
    [("summary", "{run}"), ("summary", "{run}", "--explain"), ("compare", "{run}", "{run}")],
)
def test_a_long_label_does_not_fill_the_screen(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(run_csv(tmp_path / "run.csv", ["b8", "L" * 4096]))
    assert answer(*(a.format(run=path) for a in arguments), "--width", "80") == 0
    out, _ = capsys.readouterr()
    assert 0 < out.count("LL") * 2 <= 3 * (MOST_NAME + MOST_FLAG)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"nul", "surrogate"}))
def test_no_argument_or_file_name_reaches_the_terminal_raw(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = KINDS[kind]
    for arguments in (
        ("summary", text),
        ("compare", text, text),
        ("report", text, "-o", text),
        ("export", text, text),
        ("import", text, "--out", text),
        ("predict", text, "--fit", text),
        ("--rate", text),
        (f"--{text}",),
        (text,),
        ("mark", text, "--count", text),
        ("--replay", text),
    ):
        assert answer(*arguments) != 0
        out, err = capsys.readouterr()
        assert_harmless(out + err)
        assert err.count("\n") == 1
        assert "this is a bug in wattui" not in err
    name = text.replace("/", "").replace("\0", "")[:100].encode(errors="backslashreplace")
    path = run_csv(tmp_path / (os.fsdecode(name) + ".csv"), ["a"])
    assert answer("summary", str(path)) == 0
    assert_harmless(capsys.readouterr().out)
    for end in ("svg", "md"):
        out_path = tmp_path / f"out.{end}"
        assert answer("export", str(path), str(out_path)) == 0
        assert_harmless(out_path.read_text())
    ElementTree.parse(tmp_path / "out.svg")


def test_json_is_json_and_has_the_labels_as_they_are(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer("summary", str(run), "--json") == 0
    out = capsys.readouterr().out
    assert_harmless(out)
    labels = {group["label"] for group in json.loads(out)["labels"]}
    assert {KINDS["clipboard"], KINDS["html"], KINDS["formula"], KINDS["right to left"]} <= labels


def test_exports_can_be_read_and_run_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(tmp_path / f"out.{end}") for end in ("csv", "json", "md", "svg", "parquet")]
    for name in names:
        assert answer("export", str(run), name) == 0, capsys.readouterr().err
    as_csv, as_json, as_md, as_svg = (Path(name).read_bytes().decode() for name in names[:4])
    cells = [cell for row in csv.reader(io.StringIO(as_csv)) for cell in row]
    assert f"'{KINDS['formula']}" in cells
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r") and not _is_number(cell)]
    json.loads(as_json)
    assert_harmless(as_md)
    assert "<script" not in as_md
    assert_harmless(as_svg)
    ElementTree.fromstring(as_svg)


@pytest.mark.needs_report
def test_reports_can_be_read_and_run_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for end in ("html", "md", "svg"):
        path = tmp_path / f"report.{end}"
        assert answer("report", str(run), "-o", str(path)) == 0, capsys.readouterr().err
        assert_harmless(path.read_text(), kept="\n\t\u200b")
        assert_harmless(capsys.readouterr().err)
    ElementTree.fromstring((tmp_path / "report.svg").read_text())
    for picture in (tmp_path / "report-figures").iterdir():
        ElementTree.fromstring(picture.read_text())
    page = _Tags()
    page.feed((tmp_path / "report.html").read_text())
    assert not {"script", "img", "iframe", "object"} & page.names
    assert not {name for name in page.attributes if name.startswith("on")}


def test_the_doctor_shows_what_a_device_calls_itself() -> None:
    for text in KINDS.values():
        report = {
            "sources": [
                {
                    "name": text,
                    "reader": text,
                    "devices": {
                        text: dict.fromkeys(("vendor", "model", "pci", "uuid", "reading"), text)
                    },
                    "readings": [
                        {
                            "channel": text,
                            "value": None,
                            "unit": "W",
                            "origin": text,
                            "update_period_s": None,
                            "remarks": [text],
                        }
                    ],
                }
            ],
            "missing": [
                {"source": text, "reason": text, "remedy": text, "kind": kind}
                for kind, _, _ in GROUPS
            ],
            "host": {"processor": text, "system": text},
            "scheduler": text,
            "lateness_ms": None,
            "config": text,
        }
        for line in doctor_lines(report):
            assert_harmless(line.plain)
            assert one_line(text) in line.plain or text not in line.plain


def test_what_an_encoding_lacks_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    for name in ("stdout", "stderr"):
        written[name] = io.BytesIO()
        stream = io.TextIOWrapper(written[name], "iso-8859-1", errors="strict")
        monkeypatch.setattr(sys, name, stream)
    with cleaning():
        sys.stdout.write("│ 5 ± 1 µJ – 日 ␛\n")
        console().print("╭ é …")
        sys.stderr.write("“x”\n")
        sys.stdout.flush()
        sys.stderr.flush()
    assert written["stdout"].getvalue() == "| 5 ± 1 µJ - ? ?\n+ é .\n".encode("iso-8859-1")
    assert written["stderr"].getvalue() == b'"x"\n'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_nothing_prints_but_through_the_streams_that_are_cleaned() -> None:
    """Rich's console is made in one place; nobody goes around the streams."""
    found = []
    for path in sorted(Path(wattui.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("Console", "rich.print", "sys.__stdout__.write", "sys.__stderr__.write"):
                found.append(f"{path.name}: {called}")
    assert not found


DEEP = "[" * 100_000


def test_json_that_is_nested_deeply_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deep, run = tmp_path / "deep.json", run_csv(tmp_path / "run.csv", ["b1"])
    deep.write_text(DEEP)
    run.with_suffix(".json").write_text(DEEP)
    settings = tmp_path / "wattui" / "config.toml"
    settings.parent.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for arguments in (
        ("compare", deep, run),
        ("predict", "lenet", "--fit", deep),
        ("workloads", "model", deep, "--dry-run"),
        ("import", deep, "--out", tmp_path / "out.csv"),
        ("fit", deep, "--against", "macs"),
        ("summary", deep),
    ):
        assert answer(*map(str, arguments)) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "fault" not in err
    assert answer("summary", str(run)) == 0
    settings.write_text(f"theme = {DEEP}")
    assert answer("--headless", "--csv", str(tmp_path / "new.csv"), "--", "true") == 2
    assert "config.toml" in capsys.readouterr().err


@pytest.mark.slow
def test_labels_and_notes_of_a_megabyte_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_csv(tmp_path / "run.csv", ["x" * 300_000, "b1", "y" * 1_000_000])
    other = run_csv(tmp_path / "other.csv", ["b1"])
    assert answer("summary", str(path)) == 0
    assert answer("summary", str(path), str(other)) == 0
    out, err = capsys.readouterr()
    assert "b1" in out
    assert not err


@pytest.mark.parametrize("kind", KINDS)
def test_what_run_json_says_of_a_machine_is_shown_harmlessly(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, path = KINDS[kind], run_csv(tmp_path / "run.csv", ["b1"])
    channel = {"name": text, "unit": "J", "origin": "measured", "in_total": True}
    about = {
        "status": text,
        "host": {"name": text, "processor": text, "system": text, "governor": text},
        "versions": {"wattui": text, "python": text},
        "command": {"argv": [text, text], "cwd": text},
        "sources": [{"name": text, "reader": text, "channels": [channel], "devices": {}}],
        "missing": [{"source": text, "reason": text, "remedy": text, "part": text}],
    }
    path.with_suffix(".json").write_text(json.dumps(about))
    other = run_csv(tmp_path / "other.csv", ["b1"])
    for arguments in (("summary", path), ("summary", path, other), ("compare", path, other)):
        assert answer(*map(str, arguments)) == 0
        out, err = capsys.readouterr()
        assert_harmless(out + err)
    for end in ("csv", "json", "md", "svg"):
        out_path = tmp_path / f"out.{end}"
        assert answer("export", str(path), str(out_path)) == 0
        assert_harmless(out_path.read_text())
    ElementTree.parse(tmp_path / "out.svg")


@pytest.mark.slow
def test_imported_logs_of_hostile_devices_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "timestamp, index, name, power.draw [W]\n"
    for place, text in enumerate(KINDS.values()):
        name = re.sub(r"[,\n\r]", " ", text).encode(errors="replace").decode()
        log, out = tmp_path / f"{place}.csv", tmp_path / f"{place}-run.csv"
        rows = [f"2026/01/01 00:00:{n:02}.000, 0, {name}, {100 + n}.0 W\n" for n in range(9)]
        log.write_text(head + "".join(rows))
        for arguments in (("import", log, "--out", out), ("summary", out)):
            answer(*map(str, arguments))
            said = "".join(capsys.readouterr())
            assert_harmless(said)
            assert "bug in wattui" not in said


def test_a_recorded_label_and_command_are_shown_harmlessly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(KINDS.values()).replace("\0", "").replace("\ud800", "")
    path = tmp_path / "run.csv"
    own = ["--headless", "--csv", str(path), "--idle", "0", "--label", text]
    assert answer(*own, "--", "sh", "-c", "exit 0", text) == 0
    out, err = capsys.readouterr()
    assert_harmless(out + err)
    assert answer("summary", str(path)) == 0
    assert_harmless(capsys.readouterr().out)
    assert answer("--headless", "--csv", str(tmp_path / "no.csv"), "--", text[:200]) == 127
    assert_harmless(capsys.readouterr().err)


def test_a_model_of_somebody_else_is_shown_harmlessly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in KINDS.values():
        spec = tmp_path / "spec.json"
        layer = {"layer_type": text, text: text}
        spec.write_text(json.dumps({"name": text, "layers": [layer], text: text}))
        assert answer("workloads", "model", str(spec), "--dry-run") == 2
        out, err = capsys.readouterr()
        assert_harmless(out + err)
