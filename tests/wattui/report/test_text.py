"""Whatever a recording's texts hold, a report shows them as text: escaped, visible, not endless."""

from __future__ import annotations

import html
import json
import os
import re
import unicodedata
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from recorders.runfile import json_path
from tests.support.made_runs import IDLE, Part, finished, json_of
from wattui.clean import MOST_NAME, markdown, name_of, one_line
from wattui.commands import report as report_command
from wattui.report.clean import MOST_TEXT, cleaned
from wattui.report.document import (
    Block,
    Facts,
    Heading,
    Headline,
    Note,
    Notes,
    PageTable,
    Picture,
    Words,
)
from wattui.report.markdown import markdown_page
from wattui.report.page import html_page
from wattui.report.svg import stacked

pytestmark = pytest.mark.needs_report
markdown_it = pytest.importorskip("markdown_it")

DRAWN = '<svg viewBox="0 0 10 10"><g><path d="M 0 0"/></g></svg>'
HOSTILE = "<script>a({})</script>&amp;\"q\"'s'[l](http://x)*b*|`c`<!--#_u_~~s~~\\"
BLOCKS: tuple[Block, ...] = (
    Heading(1, ""),
    Heading(2, ""),
    Heading(2, ""),
    Heading(3, ""),
    Headline("", "", "", True),
    Words(""),
    Notes("", (Note("", "", "", ""),)),
    PageTable("", ("", ""), (("", ""),)),
    Facts((("", ""), ("command", "")), frozenset({"command"})),
    Picture("power", lambda _: DRAWN, "", "", ""),
)
# What no reader sees: controls, marks of direction, joiners, halves of pairs.
UNSEEN = {"Cc", "Cf", "Cs"}
ODD = "\x00a\x07\x1b[31m\u202eb\u2066\u200d\ud800\ufeff\r\nc"


class Seen(HTMLParser):
    """The tags of a page, and its texts: between tags, and in attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = [""]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "code":
            self.texts += [*(value or "" for _, value in attrs), ""]

    def handle_endtag(self, tag: str) -> None:
        if tag != "code":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


def numbered(part: Any, numbers: Any) -> Any:
    """The same, with a hostile text of its own number in place of every empty one."""
    if part == "":
        return HOSTILE.format(next(numbers))
    if isinstance(part, tuple):
        return tuple(numbered(each, numbers) for each in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part,
            **{each.name: numbered(getattr(part, each.name), numbers) for each in fields(part)},
        )
    return part


def rendered(text: str) -> str:
    """Markdown as a page, with the HTML that it lets through."""
    made = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return str(made.render(text))


@pytest.fixture
def hostile() -> tuple[list[Block], set[str]]:
    """A block of each kind, and the texts in them."""
    numbers = count(1)
    blocks = [numbered(block, numbers) for block in BLOCKS]
    return blocks, {HOSTILE.format(number) for number in range(1, next(numbers))}


def test_a_page_shows_every_text_as_it_stands(hostile: tuple[list[Block], set[str]]) -> None:
    blocks, texts = hostile
    text = html_page(blocks)
    page = Seen(text)
    assert not page.tags & {"script", "a1"}
    shown = "\n".join(page.texts)
    for wanted in texts:
        # Notes have what stands between backticks as code.
        assert wanted in shown or wanted.replace("`", "") in shown
    # Nowhere does a tag, a quote of an attribute or an entity of the text stand unescaped.
    assert "<script" not in text
    assert "</script" not in text
    assert "<!--" not in text
    assert text.count("&amp;amp;") == text.count("a(") - text.count("a()")
    assert not re.search(r'="[^"]*<', text)
    assert all(f"{name}=" not in text for name in ("q", "onload"))


def test_what_follows_the_unit_of_a_figure_is_text() -> None:
    text = html_page([Headline("1 J <b>&", "", "", False)])
    assert "<strong>1 J</strong> &lt;b&gt;&amp;<" in text


def test_attributes_end_where_they_should(hostile: tuple[list[Block], set[str]]) -> None:
    parser = Seen(html_page(hostile[0]))
    known = {
        "aria-label", "aria-labelledby", "class", "scope", "id", "href", "style", "role",
        "viewbox", "tabindex", "lang", "charset", "http-equiv", "content", "name", "d",
    }  # fmt: skip
    names: set[str] = set()

    class Names(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names.update(name for name, _ in attrs)

    Names().feed(html_page(hostile[0]))
    assert names <= known
    assert parser.tags


def test_markdown_shows_every_text_as_it_stands(hostile: tuple[list[Block], set[str]]) -> None:
    blocks, texts = hostile
    text, pictures = markdown_page(blocks, "my (f) <x>")
    page = Seen(rendered(text))
    assert page.tags <= {
        "h1", "h2", "h3", "p", "strong", "br", "ul", "li", "code", "table", "thead", "tbody",
        "tr", "th", "td", "img",
    }  # fmt: skip
    shown = "\n".join(page.texts)
    unsaid = {HOSTILE.format(n) for n in range(len(texts) + 1) if f"a({n})" not in text}
    assert len(unsaid) == 2, "number 0, and what stands in a picture's place"
    for wanted in texts - unsaid:
        assert wanted in shown
    assert "my%20%28f%29%20%3Cx%3E/1-power.svg" in text
    assert list(pictures) == ["1-power.svg"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("@octocat", True),
        ("(@octo-cat)", True),
        ("b32 @a/team", True),
        ("see #12", True),
        ("owner/repository#12", True),
        ("gh-12", True),
        ("me@home.org", False),
        ("phase # 1", False),
        ("net @ 4 GHz", False),
    ],
)
def test_a_text_notifies_nobody_on_github(text: str, is_one: bool) -> None:
    """GitHub looks for names and numbers in what Markdown shows, after any escapes."""
    (shown,) = (each for each in Seen(rendered(markdown(text))).texts if each.strip())
    assert (REFERENCES.search(text) is not None) == is_one
    assert REFERENCES.search(shown) is None
    assert shown.replace("\u200b", "") == text
    assert ("\u200b" in shown) == is_one


# As in docs.github.com, "Mentioning people and teams" and "Autolinked references and URLs".
REFERENCES = re.compile(r"(?<!\w)@[a-z0-9]|(?:(?<!\w)|\w/[\w.-]+)#\d|\bGH-\d", re.IGNORECASE)


def test_drawn_files_show_every_text_as_it_stands(hostile: tuple[list[Block], set[str]]) -> None:
    _, pictures = markdown_page(hostile[0], "figures")
    texts = sorted(hostile[1])
    sheet = stacked([DRAWN, DRAWN], texts[:2], texts[2])
    for text, wanted in ((pictures["1-power.svg"], 1), (sheet, 3)):
        root = ElementTree.fromstring(text.encode())
        found = [each for e in root.iter() for each in (e.text or "").split("\n") if each in texts]
        assert len(found) == wanted
        assert {e.tag.partition("}")[2] for e in root.iter()} <= {
            "svg", "title", "rect", "g", "path", "text",
        }  # fmt: skip


def test_texts_lose_what_cannot_be_seen_and_are_not_endless() -> None:
    numbers = count()
    for block in BLOCKS:
        filled = numbered(block, numbers)
        odd = json.loads(json.dumps(ODD)) + "x" * 100_000
        dirty = Words(odd) if not isinstance(filled, Words | Heading) else replace(filled, text=odd)
        found: Any = cleaned(dirty)
        assert len(found.text) == (MOST_NAME if isinstance(block, Heading) else MOST_TEXT)
        assert not {unicodedata.category(each) for each in found.text} & UNSEEN
    table = cleaned(PageTable(ODD, (ODD, "b" * 999), ((ODD, ODD),)))
    assert isinstance(table, PageTable)
    assert len(table.head[1]) == MOST_NAME
    whole = "".join((table.caption, *table.head, *table.rows[0]))
    assert not {unicodedata.category(each) for each in whole} & UNSEEN
    notes = cleaned(Notes(ODD, (Note(ODD, ODD, ODD, ODD),)))
    assert isinstance(notes, Notes)
    (note,) = notes.notes
    whole = "".join((notes.title, note.name, note.where, note.text, note.remedy))
    assert not {unicodedata.category(each) for each in whole} & UNSEEN


def test_a_name_has_an_end() -> None:
    assert name_of("x" * 999) == "x" * (MOST_NAME - 1) + "…"
    assert name_of(f"{ODD}") == one_line(ODD)


def test_a_command_keeps_its_length_and_a_drawing_its_lines() -> None:
    facts = cleaned(Facts((("command", "x" * 9000), ("method", "one\ntwo\x00"))))
    assert isinstance(facts, Facts)
    assert facts.facts == (("command", "x" * 9000), ("method", "one\ntwo␀"))
    picture = Picture("power", lambda _: DRAWN + "\n" * 9000, "", "", "")
    assert cleaned(picture) == picture


# What is between the marks is found again in whatever a recording's text was put.
MARKED = f"<script>a()</script>&\"'{ODD}$x$_`|"
LABELS = (f"{MARKED} 16x16", f"{MARKED} 32x32", f"{MARKED} 64x64", "_z", "y" * 10_000, "\u202e\x07")


def recorded(folder: Path) -> Path:
    """A run with such texts wherever a recording has one."""
    parts = [IDLE, *(Part("running", 2, 50.0 + n, f"l{n}", 10) for n in range(len(LABELS)))]
    made = finished(folder / "made.csv", parts, ["package0", "gpu0"])
    csv = folder / os.fsdecode(b'<i>&"\xff\xe2\x80\xae(r).csv')
    text = json.dumps(json_of(made))
    for number, label in enumerate(LABELS):
        text = text.replace(f'"l{number}"', json.dumps(label))
    for name in ("bench", "Made-up 9000", "no sensor", "modprobe k10temp", "hwmon", "infer.py"):
        text = text.replace(name, json.dumps(f"{name}{MARKED}")[1:-1])
    run = json.loads(text.replace('"gpu0"', json.dumps(f"gpu{MARKED}")))
    run["summary"]["phases"][0]["phase"] = MARKED * 500
    run["summary"]["flags"] = [{"name": MARKED, "where": MARKED, "text": MARKED * 400}]
    (folder / "made.csv").rename(csv)
    json_path(folder / "made.csv").unlink()
    json_path(csv).write_text(json.dumps(run))
    return csv


@pytest.mark.parametrize("suffix", [".html", ".md", ".svg"])
def test_a_hostile_recording_is_reported(tmp_path: Path, suffix: str) -> None:
    csv = recorded(tmp_path)
    latencies = tmp_path / "lat.csv"
    lines = [f"\u202e<b>{n}\x07&,,call,0.00{n + 1}" for n in range(9)]
    latencies.write_text("\n".join(["label,repeat,kind,seconds", *lines, "z" * 9999 + ",,call,1"]))
    out = tmp_path / os.fsdecode(b"o<b>\xff" + suffix.encode())
    arguments = [str(csv), "-o", str(out), "--latencies", str(latencies), "--title", MARKED]
    assert report_command.main(report_command.parser().parse_args(arguments)) == 0
    written = [out, *(tmp_path.glob("o*-figures/*"))]
    assert len(written) == (7 if suffix == ".md" else 1)
    for path in written:
        text = path.read_text()
        shown = rendered(text) if path.suffix == ".md" else text
        assert not Seen(shown).tags & {"script", "b0", "i"}
        assert "<script" not in shown
        unseen = {each for each in text if unicodedata.category(each) in UNSEEN}
        assert unseen <= {"\n"}
        if path.suffix == ".svg":
            ElementTree.fromstring(text.encode())
        else:
            assert max(map(len, re.findall("y+", text))) <= MOST_TEXT
            assert len(text) < 1_000_000
            assert "bench<script>" in html.unescape(re.sub(r"\\(.)", r"\1", text))


def test_an_underscore_does_not_keep_a_name_out_of_a_legend(tmp_path: Path) -> None:
    latencies = tmp_path / "lat.csv"
    latencies.write_text("label,repeat,kind,seconds\n_z,,call,1\ny,,call,2\n")
    csv = finished(tmp_path / "r.csv", [IDLE, Part("running", 2, 50.0, "_z", 10)]).csv
    out = tmp_path / "r.svg"
    arguments = [str(csv), "-o", str(out), "--latencies", str(latencies)]
    assert report_command.main(report_command.parser().parse_args(arguments)) == 0
    assert "_z, 1 calls" in out.read_text()
