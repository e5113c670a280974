"""Makes screenshots/browser.png: the dashboard in Chromium, by Playwright, if both are here."""

from __future__ import annotations

import importlib.util
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

SIZE = {"width": 1500, "height": 850}
DRAWN_MS = 4000


def missing() -> str:
    """What a browser lacks here; empty if nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "pip install playwright"
    return "" if shutil.which("chromium") else "apt install chromium"


def take(run: Path, picture: Path) -> None:
    """A picture of a page on which a recording was played back to its end."""
    # A tool that the development environment does not need.
    from playwright.sync_api import sync_playwright

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    argv = ["--web", "--port", port, "--replay", run.name, "--speed", "100"]
    server = subprocess.Popen(
        [sys.executable, "-m", "wattui", *argv], cwd=run.parent, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        link = re.search(r"http://\S+", server.stderr.readline())
        assert link is not None
        with sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=SIZE)
            page.goto(link[0])
            page.wait_for_timeout(DRAWN_MS)
            page.screenshot(path=picture)
            browser.close()
    finally:
        server.terminate()
        server.wait()
