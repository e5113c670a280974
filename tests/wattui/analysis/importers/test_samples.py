"""The samples in docs/importing.md are of the formats that it says, and give what it says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from wattui.analysis.importers.given import ImportOptions, NamedTable
from wattui.analysis.importers.log import Log
from wattui.analysis.importers.registry import FORMATS, format_of, read
from wattui.analysis.importers.text import LogText

PAGE = (Path(__file__).parents[4] / "docs/importing.md").read_text()
_SAMPLE = re.compile(r"^\*\*([^*]+)\*\*(.*)\n\n((?:    .*\n)+)", re.MULTILINE)
_FIGURE = re.compile(r"`(\w+)` ([\d.]+) ([WJ])\b")
SAMPLES = [
    (name, said, re.sub("^    ", "", block, flags=re.MULTILINE))
    for name, said, block in _SAMPLE.findall(PAGE.partition("## Samples")[2])
]
TABLE = ImportOptions(table=NamedTable("ts=ms", ("P [mW]",)))


def test_each_format_has_a_sample() -> None:
    names = {form.NAME for form in FORMATS}
    assert {name for name, _, _ in SAMPLES} == names | {"table"}


@pytest.mark.parametrize(("name", "said", "text"), SAMPLES)
def test_a_sample_gives_what_the_page_says(name: str, said: str, text: str) -> None:
    if name == "table":
        log = read(LogText(text), TABLE)
    else:
        assert name == format_of(LogText(text)).NAME
        log = read(LogText(text))
    figures = _FIGURE.findall(said)
    assert figures
    assert len(text.splitlines()) <= 4
    for channel, figure, unit in figures:
        digits = len(figure.partition(".")[2])
        found = first_w(log, channel) if unit == "W" else all_j(log, channel)
        assert found == pytest.approx(float(figure), abs=0.6 * 10**-digits)


def first_w(log: Log, channel: str) -> float:
    return next(s.values[channel] for s in log.samples if channel in s.values)


def all_j(log: Log, channel: str) -> float:
    counted = [s.values[channel] for s in log.samples if channel in s.values]
    return sum(after - before for before, after in pairwise(counted))
