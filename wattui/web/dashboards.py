"""The dashboards that a server runs: one for each page, kept while it records without one."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

# A dashboard that has lost its page says in this time whether it stays; more on a busy machine.
ANSWER_S = 5.0


class Dashboard(AppService):
    """A dashboard in its own process, seen on at most one page at a time."""

    def __init__(self, command: str, downloads: DownloadManager) -> None:
        super().__init__(
            command,
            write_bytes=self._send_drawn,
            write_str=self._send_text,
            close=self._end,
            download_manager=downloads,
        )
        self._page: web.WebSocketResponse | None = None
        self._has_answered = asyncio.Event()
        self._is_kept = False

    async def show(self, page: web.WebSocketResponse, width: int, height: int) -> None:
        """Start on a page, or come back on another one."""
        self._page = page
        if self._process is None:
            await self.start(width, height)
        else:
            await self.set_terminal_size(width, height)
            await self.send_meta({"type": "came"})

    async def leave(self) -> None:
        """The page is gone: the dashboard ends unless it records."""
        self._page, self._is_kept = None, False
        await self.send_meta({"type": "left"})

    async def is_kept(self) -> bool:
        """Whether it stays without a page; waits for its answer."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_answered.wait(), ANSWER_S)
        return self._is_kept

    async def run(self) -> None:
        """Pass on what the process sends, until its end."""
        await super().run()
        await self._end()

    async def on_meta(self, data: bytes) -> None:
        """Take a message of the process."""
        if json.loads(data)["type"] == "kept":
            self._is_kept = True
            self._has_answered.set()
        else:
            await super().on_meta(data)

    async def _end(self) -> None:
        """Close the page; there is nothing to come back to."""
        self._is_kept = False
        self._has_answered.set()
        if self._page is not None:
            await self._page.close()

    async def _send_drawn(self, data: bytes) -> None:
        if self._page is not None and not self._page.closed:
            await self._page.send_bytes(data)

    async def _send_text(self, text: str) -> None:
        if self._page is not None and not self._page.closed:
            await self._page.send_str(text)


class Dashboards:
    """All dashboards of a server; a new page gets the one that was left last and still records."""

    def __init__(self, command: str, downloads: DownloadManager) -> None:
        self._command, self._downloads = command, downloads
        self._left: list[Dashboard] = []

    async def open(self, page: web.WebSocketResponse, width: int, height: int) -> Dashboard:
        """A dashboard on a page."""
        dashboard = await self._kept() or Dashboard(self._command, self._downloads)
        await dashboard.show(page, width, height)
        return dashboard

    async def leave(self, dashboard: Dashboard) -> None:
        """A dashboard's page is gone."""
        self._left.append(dashboard)
        await dashboard.leave()

    async def stop(self) -> None:
        """End those without a page."""
        await asyncio.gather(*(each.stop() for each in self._left))

    async def _kept(self) -> Dashboard | None:
        while self._left:
            dashboard = self._left.pop()
            if await dashboard.is_kept():
                return dashboard
        return None
