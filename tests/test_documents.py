"""The documents name files, modules and commands that exist."""

from __future__ import annotations

import pydoc
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import recorders
from wattui.cli import SUBCOMMANDS

ROOT = Path(recorders.__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tools/*/*.md")]
FOLDERS = "recorders|workloads|wattui|testbench|tests|benchmarks|screenshots|tools|examples|docs"
A_PATH = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\w)")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

pytestmark = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda path: path.stem)


def code(text: str) -> list[str]:
    """The code spans of a page, and the lines of its code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [*"\n".join(blocks).splitlines(), *re.findall(r"^ {4}(.*)", text, re.MULTILINE)]
    return [*re.findall(r"`([^`\n]+)`", text), *lines]


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_links_lead_somewhere(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^):]+))?\)", page.read_text()):
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings)


def test_files_exist(page: Path) -> None:
    for path in A_PATH.findall(page.read_text()):
        assert "NAME" in path or (ROOT / path).exists(), path


def test_modules_and_commands_exist(page: Path) -> None:
    for text in code(page.read_text()):
        if found := re.match(r"((?:recorders|workloads|wattui)(?:\.\w+)+)(?<!\.py)\b", text):
            assert pydoc.locate(found[1]) is not None, text
        if found := re.match(r"wattui ([a-z]+)", text):
            assert found[1] in SUBCOMMANDS or found[1] == "workloads", text
        for target in re.findall(r"make (?:[A-Z]+=\S+ )*([a-z]+)", text):
            assert target in TARGETS, text
        for module in re.findall(r"python -m ([\w.]+)", text):
            assert find_spec(module) is not None, text
