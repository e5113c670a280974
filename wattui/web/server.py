"""The web server of textual-serve, only for the person who has its link."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server, to_int

from wattui.web.dashboards import Dashboards

HOST = "127.0.0.1"
TOKEN = "token"
SIZE = {"width": 80, "height": 24}
# A page that does not answer for so long is gone.
HEARTBEAT_S = 15
REFUSAL = "this dashboard is only for the user who started it: open the link that wattui printed"

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackServer(Server):
    """Serves anyone who has the token in `link`, and only to its own pages.

    Whoever can talk to the dashboard can start commands, and every user of this machine can reach
    its loopback. The token in the link becomes a cookie, which every request must have.
    """

    def __init__(self, command: str, port: int) -> None:
        folder = Path(__file__).parent
        super().__init__(command, host=HOST, port=port, title="wattui", templates_path=folder)
        self._dashboards = Dashboards(command, self.download_manager)
        self._token = secrets.token_urlsafe(32)
        # Cookies do not distinguish ports.
        self._cookie = f"wattui-{port}"

    @property
    def link(self) -> str:
        """The link that opens the dashboard."""
        return f"{self.public_url}/?{TOKEN}={self._token}"

    def initialize_logging(self) -> None:
        """Errors of the server go only to aiohttp's own log."""

    async def on_startup(self, app: web.Application) -> None:
        """The address has already been printed."""

    async def on_shutdown(self, app: web.Application) -> None:
        """End the dashboards that record without a page."""
        await self._dashboards.stop()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._admit)
        return app

    @web.middleware
    async def _admit(self, request: web.Request, handler: HttpHandler) -> web.StreamResponse:
        """Admit requests with the cookie; give it to those that come with the link."""
        if self._knows(request.query.get(TOKEN)):
            # A page on localhost would not get the cookie of 127.0.0.1.
            if request.host != f"{HOST}:{self.port}":
                raise web.HTTPSeeOther(self.link)
            answer = web.HTTPSeeOther(f"{self.public_url}/")
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
            answer.headers["Referrer-Policy"] = "no-referrer"
            answer.headers["Cache-Control"] = "no-store"
            raise answer
        if not self._knows(request.cookies.get(self._cookie)):
            raise web.HTTPForbidden(text=REFUSAL)
        return await handler(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve the program to a page from this server."""
        own = {f"{host}:{self.port}" for host in (HOST, "localhost")}
        origin = request.headers.get("Origin", "").removeprefix("http://")
        if request.host not in own or origin not in own:
            raise web.HTTPForbidden(text="only a page of this server may open the dashboard")
        page = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
        await page.prepare(request)
        size = (to_int(request.query.get(side, ""), least) for side, least in SIZE.items())
        dashboard = await self._dashboards.open(page, *size)
        try:
            await self._process_messages(page, dashboard)
        finally:
            await self._dashboards.leave(dashboard)
        return page

    def _knows(self, said: str | None) -> bool:
        given = (said or "").encode(errors="replace")
        return hmac.compare_digest(given, self._token.encode())
