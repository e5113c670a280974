"""Textual's driver for a browser; the page may go away and come back while the program runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.drivers.web_driver import WebDriver
from textual.message import Message

from wattui.tui.terminal.driver import HUNG_UP

# Alternate screen, mouse, no cursor, bracketed paste: what a new page does not have yet.
TAKEN_OVER = "\x1b[?1049h\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h\x1b[?25l\x1b[?2004h"


class Browser(WebDriver):
    """Draws on a page; `wattui.web` says when its page has gone, and when another has come."""

    @dataclass
    class PageLeft(Message):
        """Nobody sees the program any longer; `keep` tells the server that it runs on."""

        keep: Callable[[], None]

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Take a message of the server."""
        if packet_type == "left":
            self._app.post_message(self.PageLeft(self._keep))
        elif packet_type == "came":
            self.write(TAKEN_OVER)
            self._app.post_message(self.SignalResume())
        else:
            super().on_meta(packet_type, payload)

    def run_input_thread(self) -> None:
        """Read until the end; without a server there is nobody to come back."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.call_later(self._app.exit, None, HUNG_UP)

    def _keep(self) -> None:
        self.write_meta({"type": "kept"})
