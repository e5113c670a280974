"""The dashboard in a real browser. Needs Playwright's package and Debian's Chromium, and is skipped
elsewhere: pip install playwright; apt install chromium."""

from __future__ import annotations

import importlib.util
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from .running import PYTHON, WATTUI, Place, command_line, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
MISSING = [
    name
    for name, is_there in {
        "Playwright (pip install playwright)": importlib.util.find_spec("playwright"),
        "Chromium (apt install chromium)": CHROMIUM,
    }.items()
    if not is_there
]
pytestmark = [
    pytest.mark.needs_web,
    pytest.mark.skipif(bool(MISSING), reason=f"a browser is needed: {', '.join(MISSING)}"),
]

SIZE, PHONE = {"width": 1500, "height": 850}, {"width": 390, "height": 844}
# Keeps the terminal of the page, which its script hides.
KEEP_TERMINAL = """
Object.defineProperty(Object.prototype, "_core", {
  configurable: true,
  set(core) {
    if ("loadAddon" in this) window.terminal = this;
    Object.defineProperty(this, "_core", {value: core, writable: true, configurable: true});
  },
});
"""
ROWS = """() => {
  const terminal = window.terminal, buffer = terminal?.buffer.active;
  return terminal === undefined ? [] : Array.from({length: terminal.rows}, (_, row) =>
    buffer.getLine(buffer.viewportY + row).translateToString(true));
}"""
CELLS = "() => [window.terminal.cols, window.terminal.rows]"
INFER = """
import time, wattui
with wattui.phase("running", label="b4"):
    for _ in range(10):
        time.sleep(0.05)
        wattui.count(4)
"""


@dataclass
class Tab:
    """A tab of the browser with a terminal in it; `faults` are failed requests and errors."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def take(self, status: int, url: str) -> None:
        if status >= HTTPStatus.BAD_REQUEST:
            self.faults.append(f"{status} {url}")

    @property
    def rows(self) -> list[str]:
        found: list[str] = self.page.evaluate(ROWS)
        return found

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def until_shown(self, text: str) -> str:
        """The screen once it matches."""

        def shown() -> str:
            found = self.text
            return found if re.search(text, found) else ""

        return until(shown, text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def at(self, column: int, row: int) -> tuple[float, float]:
        """The middle of a cell, in pixels of the page."""
        box = self.page.locator(".xterm-screen").bounding_box()
        columns, rows = self.page.evaluate(CELLS)
        assert box is not None
        return (
            box["x"] + (column + 0.5) * box["width"] / columns,
            box["y"] + (row + 0.5) * box["height"] / rows,
        )


@dataclass
class Web:
    """A served dashboard and the browser of its owner."""

    link: str
    browser: Browser

    def __post_init__(self) -> None:
        self.context = self.browser.new_context()
        self.context.add_init_script(KEEP_TERMINAL)

    def open(self, size: Mapping[str, int] = SIZE) -> Tab:
        """A new tab with the dashboard."""
        tab = Tab(self.context.new_page())
        tab.page.set_viewport_size(size)  # type: ignore[arg-type]
        tab.page.on("response", lambda answer: tab.take(answer.status, answer.url))
        tab.page.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.page.goto(self.link)
        return tab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        # As root, Chromium cannot use its sandbox.
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def web(place: Place, browser: Browser) -> Iterator[Web]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    argv = [*WATTUI, "--web", "--port", str(port), "--simulate", "--no-estimate"]
    program = place.start([*argv, "--idle", "1", "--cooldown", "0"], stderr=subprocess.PIPE)
    assert program.stderr is not None
    link = re.search(r"http://\S+", program.stderr.readline().decode())
    assert link
    with socket.socket() as trial:
        until(lambda: trial.connect_ex(("127.0.0.1", port)) == 0, "the server")
    served = Web(link[0], browser)
    yield served
    served.context.close()
    program.terminate()
    program.wait(30)


def dashboards(place: Place) -> int:
    """How many dashboards run, each for a page."""
    lines = [command_line(pid) for pid in place.processes()]
    return sum(
        "-m wattui" in line and "--web" not in line and "sh -c" not in line for line in lines
    )


def test_the_first_screen_is_whole_without_a_key(web: Web) -> None:
    tab = web.open()
    tab.until_shown(r"\d W")
    rows = until(lambda: rows if (rows := tab.rows)[-1] else [], "the line of keys")
    assert rows[0].startswith(" wattui  ○ live")
    assert rows[-1].startswith(" space Idle/Run  p Phase  r Record  l Launch")
    assert rows[-1].rstrip().endswith("^p palette")
    assert "CPU" in rows[1] + rows[2] + rows[3]
    x, y = tab.at(0, len(rows) - 1)
    assert x > 0
    assert SIZE["height"] - 40 < y < SIZE["height"]
    assert not tab.faults


def test_the_token_leaves_the_address(web: Web) -> None:
    tab = web.open()
    assert "token=" in web.link
    assert tab.page.url == web.link.partition("?")[0]
    stranger = web.browser.new_context()
    answer = stranger.new_page().goto(tab.page.url)
    assert answer is not None
    assert answer.status == 403
    stranger.close()


def test_keys_mark_phases_at_once(web: Web) -> None:
    tab = web.open()
    tab.until_shown(r"\d W")
    tab.press("Space")
    tab.until_shown("▶ running")
    tab.press("Space")
    tab.until_shown("▶ idle")


def test_a_drag_with_the_mouse_gives_the_joules_of_a_span(web: Web) -> None:
    tab = web.open()
    tab.until_shown(r"00:0[3-9]\.\d.*10 Hz")
    rows = tab.rows
    row = next(n for n, text in enumerate(rows) if text.startswith("│")) + 4
    right = rows[row].index("│", 20) - 2
    tab.page.mouse.move(*tab.at(right - 2, row))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.at(right - 1, row), steps=2)
    tab.page.mouse.move(*tab.at(right, row), steps=2)
    tab.page.mouse.up()
    tab.until_shown(r"\d s +[\d.]+ J")


def test_a_launch_ends_with_joules_per_inference(web: Web, place: Place) -> None:
    (place.path / "infer.py").write_text(INFER)
    tab = web.open()
    tab.until_shown(r"\d W")
    tab.press("l")
    tab.until_shown("Workload kws")
    tab.press("Enter")
    tab.until_shown("alexnet")
    tab.press("End", "Enter")
    tab.until_shown("program and arguments; for pipes")
    tab.page.keyboard.type(f"{PYTHON} infer.py")
    tab.until_shown(r"Inferences are counted only if it calls")
    tab.press("Control+s")
    tab.until_shown("● REC")
    tab.until_shown("mJ per inference")


def test_a_recording_goes_on_while_its_tab_is_closed(web: Web, place: Place) -> None:
    tab = web.open()
    tab.until_shown(r"\d W")
    tab.press("r")
    tab.until_shown("Enter starts")
    tab.press("Enter")
    tab.until_shown("● REC")
    tab.press("Space")
    tab.until_shown("▶ running")
    tab.page.close()
    again = web.open()
    again.until_shown("● REC.*▶ running")
    again.until_shown("space Idle/Run")
    assert dashboards(place) == 1
    again.press("Space")
    again.until_shown("● REC.*▶ idle")


def test_a_tab_that_records_nothing_ends_its_dashboard(web: Web, place: Place) -> None:
    tab = web.open()
    tab.until_shown(r"\d W")
    tab.page.close()
    until(lambda: dashboards(place) == 0, "the dashboard's end")


def test_two_tabs_have_a_dashboard_each(web: Web, place: Place) -> None:
    first, second = web.open(), web.open()
    first.until_shown(r"\d W")
    second.until_shown(r"\d W")
    first.press("Space")
    first.until_shown("▶ running")
    assert "▶ running" not in second.text
    assert dashboards(place) == 2


def test_a_phone_shows_watts_keys_and_a_graph(web: Web) -> None:
    tab = web.open(size=PHONE)
    tab.until_shown(r"simulated \d+(\.\d)? W")
    rows = tab.rows
    assert rows[0].startswith(" 00:0")
    assert rows[-1].startswith(" space Idle/Run  p Phase")
    assert any(row.startswith("╭─ CPU") for row in rows)
    tab.press("Space")
    tab.until_shown("▶ running")
    assert not tab.faults
