"""`wattui report`, as a person uses it: the page, Markdown, figures, and what cannot be told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from recorders.rows import FIXED_COLUMNS
from recorders.runfile import json_path
from tests.support.made_runs import B1, B8, B64, IDLE, TOKENS, Part, finished, written
from wattui.commands import report as report_command
from wattui.errors import UsageError

pytestmark = pytest.mark.needs_report

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = '<script>alert(1)</script> $x$ & "q" | `c` 日本'


class Page(HTMLParser):
    """Elements of a page, their order, and what was left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        return [data for name, data in self.words if name == tag]


def report(*arguments: Any) -> int:
    return report_command.main(report_command.parser().parse_args([str(a) for a in arguments]))


def page(tmp_path: Path, *arguments: Any) -> Page:
    out = tmp_path / "out.html"
    assert report(*arguments, "-o", out) == 0
    return Page(out.read_text())


def whole(found: Page) -> str:
    return " ".join(data for tag, data in found.words if tag != "style")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return finished(tmp_path / "kws.csv", [IDLE, B1, B8, B64], ["package0", "gpu0"]).csv


def test_a_page_has_headline_figures_tables_and_recording(csv: Path, tmp_path: Path) -> None:
    found = page(tmp_path, csv)
    assert not found.wrong
    assert found.open == []
    assert found.text("h1") == ["kws"]
    assert found.text("h3") == [
        "Power over time", "Energy per inference", "Uncertainty", "Latency and throughput",
        "Tables", "Methods", "Recording",
    ]  # fmt: skip
    assert len(found.all("figure")) == len(found.all("figcaption")) == 5, "best and worst explained"
    text = whole(found)
    assert "total, measured" in text
    assert "2023-11-14 22:13:20 UTC" in text
    assert "python infer.py" in text
    assert "modprobe k10temp" in text


def test_a_report_of_tokens_is_per_token_or_per_what_is_asked_for(tmp_path: Path) -> None:
    csv = finished(tmp_path / "llm.csv", [IDLE, TOKENS]).csv
    found = page(tmp_path, csv)
    assert "Energy per output token" in found.text("h3")
    text = whole(found)
    assert "100 output tokens" in text
    assert "Wh per million tokens" in text
    assert "inference" not in text.replace("energy of neural-network inference", "")
    (tmp_path / "out.html").unlink()
    assert "Energy per request" in page(tmp_path, csv, "--per", "requests").text("h3")
    with pytest.raises(UsageError, match="--per images: nothing here counted images"):
        report(csv, "--per", "images", "-o", tmp_path / "other.html")


def test_pictures_and_tables_can_be_read_aloud(csv: Path, tmp_path: Path) -> None:
    found = page(tmp_path, csv)
    assert found.all("html") == [{"lang": "en"}]
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for drawn in found.all("svg"):
        assert drawn["role"] == "img"
        assert set(str(drawn["aria-labelledby"]).split()) <= set(ids)
    descriptions = found.text("desc")
    assert any("b1 total" in words for words in descriptions)
    assert found.all("th")
    assert {heading["scope"] for heading in found.all("th")} == {"col", "row"}
    assert len(found.all("caption")) == len(found.all("table"))


def test_levels_of_headings_are_not_skipped(csv: Path, tmp_path: Path) -> None:
    other = finished(tmp_path / "other.csv", [IDLE, B1]).csv
    found = page(tmp_path, csv, other)
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_page_loads_nothing_and_runs_nothing(csv: Path, tmp_path: Path) -> None:
    found = page(tmp_path, csv)
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "audio"}
    for _, attributes in found.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert str(attributes.get("href", "#")).startswith("#")
    text = (tmp_path / "out.html").read_text()
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    urls = re.findall(r"url\(([^)]*)\)", text)
    ids = {attributes.get("id") for _, attributes in found.tags}
    assert all(url.startswith("#") and url[1:] in ids for url in urls)
    uses = {str(a["href"])[1:] for a in found.all("use")}
    assert uses
    assert uses <= ids


def test_colours_follow_the_page(csv: Path, tmp_path: Path) -> None:
    page(tmp_path, csv)
    text = (tmp_path / "out.html").read_text()
    light, _, dark = text.partition("prefers-color-scheme: dark")
    used = set(re.findall(r"var\(--([0-9a-f]{6})\)", text))
    assert used
    for name in used:
        assert f"--{name}:#" in light
        assert f"--{name}:#" in dark


@pytest.mark.parametrize("suffix", [".html", ".svg", ".md"])
def test_the_same_runs_give_the_same_bytes(csv: Path, tmp_path: Path, suffix: str) -> None:
    texts = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        out = tmp_path / folder / f"r{suffix}"
        assert report(csv, "-o", out) == 0
        files = [out, *sorted((tmp_path / folder).glob("*/*"))]
        texts.append([file.read_bytes() for file in files])
    assert texts[0] == texts[1]


def test_a_persons_matplotlibrc_changes_nothing(csv: Path, tmp_path: Path) -> None:
    import matplotlib as mpl

    assert report(csv, "-o", tmp_path / "a.svg") == 0
    with mpl.rc_context({"axes.grid": True, "font.size": 30, "svg.fonttype": "path"}):
        assert report(csv, "-o", tmp_path / "b.svg") == 0
        assert mpl.rcParams["font.size"] == 30
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_labels_are_text_and_nothing_else(tmp_path: Path) -> None:
    parts = [IDLE, B1._replace(label="x"), B8._replace(label="y")]
    csv = finished(tmp_path / "r.csv", parts).csv
    run = json.loads(json_path(csv).read_text())
    text = json.dumps(run).replace('"x"', json.dumps(HOSTILE))
    json_path(csv).write_text(text)
    found = page(tmp_path, csv, "--title", HOSTILE)
    assert not found.wrong
    assert "script" not in {tag for tag, _ in found.tags}
    assert any(HOSTILE in data for data in found.text("h1"))
    assert any(HOSTILE in data for data in found.text("th"))
    assert any("<script>alert(1)</script>" in data for data in found.text("text"))
    assert report(csv, "-o", tmp_path / "r.md") == 0
    markdown = (tmp_path / "r.md").read_text()
    assert "<script" not in markdown
    assert "\\| \\`c\\`" in markdown
    assert report(csv, "-o", tmp_path / "r.svg") == 0
    ElementTree.parse(tmp_path / "r.svg")


def test_an_estimate_is_called_one_in_every_title(tmp_path: Path) -> None:
    csv = finished(tmp_path / "r.csv", [IDLE, B1, B8], ["est_cpu"]).csv
    found = page(tmp_path, csv)
    text = whole(found)
    assert "ESTIMATED from utilisation, not measured" in text
    captions = [data for data in found.text("b") if data.startswith("Figure")]
    assert sum("estimated, not measured" in words for words in captions) == 2
    axes = found.text("text")
    assert any(words.startswith("estimated energy per inference") for words in axes)
    assert any("estimated, not measured" in words for words in axes), "over the curves"
    assert "± ?" not in text


def test_flags_come_with_what_mends_them(tmp_path: Path) -> None:
    csv = finished(tmp_path / "r.csv", [B1], ["est_cpu"]).csv
    text = whole(page(tmp_path, csv))
    assert "no idle baseline" in text
    assert "says what each sensor needs" in text
    assert "dynamic (no idle baseline was recorded)" in text


def test_several_runs_begin_with_an_overview(csv: Path, tmp_path: Path) -> None:
    other = finished(tmp_path / "lenet.csv", [IDLE, B1]).csv
    found = page(tmp_path, csv, other)
    assert found.text("h2") == ["Overview", "kws", "lenet"]
    assert found.text("h1") == ["2 runs"]
    links = {str(a["href"]) for a in found.all("a")}
    assert links == {"#part-1", "#part-2", "#part-3"}


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        finished(tmp_path / folder / "run.csv", [IDLE, B1])
    found = page(tmp_path, f"{tmp_path}/*/run.csv")
    assert [Path(text).parts[-2:] for text in found.text("h2")[1:]] == [("a", "run"), ("b", "run")]


def test_markdown_links_its_pictures(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "my report.md"
    assert report(csv, "-o", out) == 0
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", out.read_text())
    folder = tmp_path / "my report-figures"
    assert [folder.parent / link.replace("%20", " ") for link in links] == sorted(folder.iterdir())
    for picture in folder.iterdir():
        ElementTree.parse(picture)


def test_figures_are_of_a_journals_width_and_type(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.svg"
    assert report(csv, "-o", out) == 0
    root = ElementTree.parse(out).getroot()
    assert float(root.attrib["width"].removesuffix("mm")) == pytest.approx(183, abs=0.1)
    text = out.read_text()
    sizes = [float(size) for size in re.findall(r"font-size: ?([0-9.]+)px", text)]
    assert sizes
    assert min(sizes) >= 7
    letters = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a", "b", "c"} <= set(letters)
    assert "href" not in re.sub(r'href="#', "", text)


def test_lines_come_with_residuals_and_a_table(tmp_path: Path) -> None:
    joules = {"32x32": 1.1, "64x64": 4.0, "128x128": 16.0, "256x256": 66.0}
    parts = [Part("running", 10, 10 * j, label, 100) for label, j in joules.items()]
    csv = finished(tmp_path / "r.csv", [IDLE, *parts]).csv
    found = page(tmp_path, csv)
    assert "Energy against pixels" in found.text("h3")
    text = whole(found)
    assert "line − point" in text
    assert "J/pixel" in text
    assert "relative least squares" in text


def test_latencies_of_the_recorded_command_are_found(tmp_path: Path) -> None:
    argv = ["python", "-m", "workloads", "kws", "--latencies", "lat.csv"]
    csv = finished(tmp_path / "r.csv", [IDLE, B1], command={"argv": argv}).csv
    (tmp_path / "lat.csv").write_text("label,repeat,kind,seconds\nb1,,call,0.002\nb1,,call,0.004\n")
    text = whole(page(tmp_path, csv))
    assert "Call times" in text
    assert "b1 p50 3.000" in text


def test_latencies_that_were_given_have_to_be_there(csv: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--latencies"):
        report(csv, "--latencies", tmp_path / "none.csv", "-o", tmp_path / "r.html")
    with pytest.raises(UsageError, match="2 --latencies for 1 run"):
        report(csv, "--latencies", csv, "--latencies", csv, "-o", tmp_path / "r.html")


def test_what_was_asked_for_has_to_be_recorded(csv: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are package0, gpu0, total"):
        report(csv, "--domain", "dram0", "-o", tmp_path / "r.html")
    text = whole(page(tmp_path, csv, "--domain", "gpu0", "--figure", "dynamic"))
    assert "gpu0, measured" in text
    assert "per inference, dynamic" in text


def test_files_are_never_replaced(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        report(csv, "-o", out)
    assert out.read_text() == "mine"
    (tmp_path / "r-figures").mkdir()
    with pytest.raises(UsageError, match="r-figures exists"):
        report(csv, "-o", tmp_path / "r.md")
    with pytest.raises(UsageError, match=r"\.html, \.md, \.svg"):
        report(csv, "-o", tmp_path / "r.pdf")
    with pytest.raises(UsageError, match="no such folder"):
        report(csv, "-o", tmp_path / "none" / "r.html")


def test_a_report_is_written_whole_or_not_at_all(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("wattui.report.files.write_draft", full)
    for name in ("r.html", "r.md"):
        with pytest.raises(UsageError, match="No space left"):
            report(csv, "-o", tmp_path / name)
        assert sorted(tmp_path.iterdir()) == before


def test_without_matplotlib_one_line_says_what_to_install(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattui.report.files.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'wattui\[report\]'"):
        report(csv, "-o", tmp_path / "r.html")


def test_matplotlib_is_loaded_only_when_something_is_drawn() -> None:
    script = (
        "import sys, wattui.commands.report as r; r.parser(); print('matplotlib' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stdout.strip() == "False"


def lines(csv: Path, count: int) -> None:
    csv.write_text("\n".join(csv.read_text().splitlines()[:count]) + "\n")
    json_path(csv).unlink(missing_ok=True)


def bad(tmp_path: Path, what: str) -> Path:
    csv = tmp_path / "bad.csv"
    parts: Sequence[Part] = [IDLE, B1]
    if what == "no running":
        return written(csv, [IDLE])
    if what == "no idle":
        return written(csv, [B1])
    if what == "no count":
        return written(csv, [IDLE, B1._replace(count=0)])
    written(csv, parts)
    if what == "header alone":
        lines(csv, 1)
    elif what == "one row":
        lines(csv, 2)
    elif what == "broken off":
        csv.write_text(csv.read_text()[:-30])
    elif what == "no power columns":
        csv.write_text(",".join(FIXED_COLUMNS) + "\n0.0,,running,,,begin,\n1.0,,running,,,end,5\n")
    elif what == "no watts":
        rows = [line.split(",") for line in csv.read_text().splitlines()]
        csv.write_text("\n".join(",".join([*row[:8], row[9]]) for row in rows) + "\n")
    elif what == "not numbers":
        csv.write_text(csv.read_text().replace(",50.0", ",many"))
    elif what == "odd run.json":
        json_path(csv).write_text('{"missing": [3], "sources": ["x"], "sampling": {"a": 1}}')
    return csv


@pytest.mark.parametrize("suffix", [".html", ".md"])
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no running", "Nothing was marked as running"),
        ("no idle", "no idle baseline was recorded"),
        ("no count", "no inferences were counted"),
        ("header alone", "No power was recorded"),
        ("one row", "Nothing was marked as running"),
        ("broken off", "cut off"),
        ("no power columns", "No power was recorded"),
        ("no watts", "No power was recorded"),
        ("not numbers", "Energy per inference"),
        ("odd run.json", "Energy per inference"),
    ],
)
def test_a_poor_run_is_reported_with_what_is_missing(
    tmp_path: Path, what: str, said: str, suffix: str
) -> None:
    out = tmp_path / f"r{suffix}"
    assert report(bad(tmp_path, what), "-o", out) == 0
    assert said in out.read_text()


@pytest.mark.parametrize("content", [b"", b"\n", b"a,b\n1,2\n", b"\x89PNG\r\n\x1a\n\x00\xff"])
def test_what_is_no_run_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    csv = tmp_path / "x.csv"
    csv.write_bytes(content)
    with pytest.raises(UsageError, match="is not a run file") as error:
        report(csv, "-o", tmp_path / "r.html")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "r.html").exists()


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        report(bad(tmp_path, "header alone"), "-o", tmp_path / "r.svg")


def test_what_was_left_out_of_a_file_is_said_once(tmp_path: Path) -> None:
    csv = finished(tmp_path / "r.csv", [IDLE, B1, B8]).csv
    csv.write_text(csv.read_text() + "half a l")
    run = json.loads(json_path(csv).read_text())
    json_path(csv).write_text(json.dumps(run | {"sampling": {"rate_asked_hz": "fast"}}))
    text = whole(page(tmp_path, csv))
    before, _, after = text.partition("Before you quote these figures")
    assert after, before
    assert after.count("the last line was cut off") == 1
    assert "malformed, left out: sampling" in after


def test_a_channel_called_total_is_no_figure_called_total(csv: Path, tmp_path: Path) -> None:
    found = page(tmp_path, csv)
    drawn = found.text("text")
    assert any(re.fullmatch(r"energy per inference \(m?J\), channel total", t) for t in drawn)
    assert any("of channel total, by label" in text for text in found.text("figcaption"))
    assert any("By label, channel total" in text for text in found.text("b"))
    assert any("channel total, measured" in text for text in found.text("p"))
    assert not re.search(r"(?<!channel )\btotal\b(?=, measured|, by label)", whole(found))


def test_the_parts_of_the_uncertainty_are_a_figure_with_what_would_halve_it(
    tmp_path: Path,
) -> None:
    csv = finished(tmp_path / "r.csv", [IDLE, Part("running", 10, 100.0, "b64", 1000)]).csv
    found = page(tmp_path, csv)
    # 100 W for 1 ms, over 1000 inferences.
    (caption,) = [text for text in found.text("figcaption") if "quadrature" in text]
    assert "total 1.00000 ± 0.00010 J per inference (0.010 %)" in caption
    assert "resolution package0" in found.text("text")
    assert "To halve it: run 2× longer (± 0.0050 %)." in found.text("p")
    (tmp_path / "out.html").unlink()
    dynamic = page(tmp_path, csv, "--figure", "dynamic")
    assert "resolution package0, idle" in dynamic.text("text")
    short = finished(tmp_path / "s.csv", [IDLE._replace(seconds=2), B1]).csv
    (tmp_path / "out.html").unlink()
    said = page(tmp_path, short, "--figure", "dynamic").text("p")
    assert any("the baseline is too short" in text for text in said)


def test_of_many_labels_some_are_drawn_and_that_is_said(tmp_path: Path) -> None:
    labels = [f"layer {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(80)]
    csv = finished(tmp_path / "r.csv", [IDLE, *(Part("running", 1, 9.0, n, 5) for n in labels)]).csv
    latencies = tmp_path / "lat.csv"
    rows = [f"{label},,call,0.001" for label in labels]
    latencies.write_text("\n".join(["label,repeat,kind,seconds", *rows]))
    found = page(tmp_path, csv, "--latencies", latencies)
    ends = [text.rpartition(". ")[2] for text in found.text("figcaption")]
    assert ends.count("8 more are in the table.") == 2
    assert labels[71] in found.text("text")
    assert labels[72] not in found.text("text")
    (tmp_path / "out.html").unlink()
    rates = page(tmp_path, csv)
    assert "8 more are in the table." in rates.text("figcaption")[-1]
    assert labels[72] not in rates.text("text")
