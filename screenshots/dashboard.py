"""Draws the dashboard on known power: `python -m screenshots.dashboard FOLDER`, run on the bench.

Space is pressed where the power says that something begins or ends to run.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from recorders.client import Config
from wattui.tui.app import Dashboard
from wattui.tui.session import Session

SIZES = {"dashboard": (200, 50), "dashboard-narrow": (120, 40), "dashboard-small": (80, 24)}
LASTS_S, BUSY_W = 46.0, 40.0


async def draw(folder: Path) -> None:
    """Follow the power for a while, then take the pictures."""
    config = Config(csv=None, estimate=False)
    session = Session(config).wait_ready()
    app = Dashboard(session, config)
    async with app.run_test(size=SIZES["dashboard"]) as pilot:
        running, number = False, 0
        while app.live.time_s < LASTS_S:
            await pilot.pause(0.1)
            latest = app.live.history.latest("package0_W")
            if latest and (latest[1] > BUSY_W) != running:
                running = not running
                number += running
                label = f"resnet50 #{number}" if running else ""
                session.request(do="mark", phase="running" if running else "idle", label=label)
            if running:
                session.request(do="count", n=41)
        for name, size in SIZES.items():
            await pilot.resize_terminal(*size)
            await pilot.pause(0.6)
            app.save_screenshot(str(folder / f"{name}.svg"))
        await pilot.resize_terminal(*SIZES["dashboard-narrow"])
        await pilot.press("t")
        await pilot.pause(0.6)
        app.save_screenshot(str(folder / "dashboard-light.svg"))
    app.close_session()


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1])))
