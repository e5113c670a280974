"""The web server of textual-serve, for pages of this machine alone."""

from __future__ import annotations

from aiohttp import web
from textual_serve.server import Server


class LoopbackServer(Server):
    """Refuses pages from elsewhere: whoever speaks to the dashboard may start commands."""

    def initialize_logging(self) -> None:
        """Errors of the server go to aiohttp's own log alone."""

    async def on_startup(self, app: web.Application) -> None:
        """The address was told before."""

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve the program to a page that this server gave."""
        own = {f"{host}:{self.port}" for host in ("127.0.0.1", "localhost")}
        origin = request.headers.get("Origin", "").removeprefix("http://")
        if request.host not in own or origin not in own:
            raise web.HTTPForbidden(text="only a page of this server may open the dashboard")
        return await super().handle_websocket(request)
