"""The documents name files, modules and commands that exist."""

from __future__ import annotations

import ast
import importlib
import pydoc
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import recorders
import wattui
from wattui.cli import SUBCOMMANDS

ROOT = Path(recorders.__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tools/*/*.md")]
FOLDERS = "recorders|workloads|wattui|testbench|tests|benchmarks|screenshots|tools|examples|docs"
A_PATH = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\w)")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

on_every_page = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda path: path.stem)


def code(text: str) -> list[str]:
    """The code spans of a page, and the lines of its code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [*"\n".join(blocks).splitlines(), *re.findall(r"^ {4}(.*)", text, re.MULTILINE)]
    return [*re.findall(r"`([^`\n]+)`", text), *lines]


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@on_every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^):]+))?\)", page.read_text()):
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings)


@on_every_page
def test_files_exist(page: Path) -> None:
    for path in A_PATH.findall(page.read_text()):
        assert "NAME" in path or (ROOT / path).exists(), path


def test_no_picture_shows_what_another_shows() -> None:
    pictures = sorted(ROOT.glob("screenshots/*.svg"))
    assert len({path.read_bytes() for path in pictures}) == len(pictures)


@on_every_page
def test_modules_and_commands_exist(page: Path) -> None:
    for text in code(page.read_text()):
        if found := re.match(r"((?:recorders|workloads|wattui)(?:\.\w+)+)(?<!\.py)\b", text):
            assert pydoc.locate(found[1]) is not None, text
        if found := re.match(r"wattui ([a-z]+)", text):
            assert found[1] in SUBCOMMANDS or found[1] == "workloads", text
        if found := re.match(r"(?:[A-Z_]+=\S+ )*make (?:[A-Z]+=\S+ )*([a-z]+)", text):
            assert found[1] in TARGETS, text
        for module in re.findall(r"python -m ([\w.]+)", text):
            assert find_spec(module) is not None, text


def test_the_documented_source_reads_its_sensor(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "adding-a-source.md").read_text()
    module: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], module)
    source, refused = module["open_meter"](tmp_path)
    assert source is None
    assert [refusal.source for refusal in refused] == ["meter"]
    sensor = tmp_path / "sys/class/hwmon/hwmon0/power1_input"
    sensor.parent.mkdir(parents=True)
    sensor.write_text("12500\n")
    source, refused = module["open_meter"](tmp_path)
    assert not refused
    assert [reading.value for reading in source.read()] == [12.5]


@pytest.mark.parametrize("name", ["ci", "pytest", "notebook"])
def test_options_in_the_guides_exist(name: str, pytestconfig: pytest.Config) -> None:
    from wattui.commands import ci
    from wattui.commands.main_options import main_parser
    from wattui.notebook import magic

    parsers = [main_parser(), ci.parser() if name == "ci" else magic.parser()]
    known = {option for parser in parsers for option in parser._option_string_actions}
    text = (ROOT / "docs" / f"{name}.md").read_text()
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
        dest = option.removeprefix("--").replace("-", "_")
        assert option in known or hasattr(pytestconfig.option, dest), option


def test_code_in_the_guides_names_what_is_there() -> None:
    for name in ("notebook", "pytest", "training"):
        text = (ROOT / "docs" / f"{name}.md").read_text()
        for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            tree = ast.parse(block)
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("wattui"):
                    module = importlib.import_module(str(node.module))
                    assert all(hasattr(module, each.name) for each in node.names)
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "wattui":
                    assert node.attr in wattui.__all__
