"""An app for any terminal: clean output, keys in their order, errors in a log, a way out."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, Key, MouseEvent
from textual.filter import LineFilter
from textual.notifications import Notification, Notify, SeverityLevel

from wattui.folders import working_directory
from wattui.tui.terminal.ascii import AsciiFilter, CleanFilter
from wattui.tui.terminal.crash import log_error
from wattui.tui.terminal.driver import Terminal
from wattui.tui.terminal.ending import Ending
from wattui.tui.terminal.notice import notice
from wattui.tui.terminal.suspend import Suspension
from wattui.tui.terminal.type_ahead import TypeAhead

# One of each: a line keeps what a filter has made of it.
CLEAN, ASCII = CleanFilter(), AsciiFilter()
# After this long without a key or the mouse, nobody may be looking.
AWAY_S = 10.0
# A toast is shown this long at least; Textual's timer of a negative time never ends.
LEAST_TOAST_S = 0.1


class Toast(Notification):
    """A notification with time left even if it expires just when a new screen takes it over."""

    @property
    def time_left(self) -> float:
        """Seconds for which it is shown from now on; never below `LEAST_TOAST_S`."""
        return max(LEAST_TOAST_S, super().time_left)

    @property
    def has_expired(self) -> bool:
        """Whether its time is over, so that no other screen shows it."""
        return super().time_left <= 0


class TerminalApp(App[int]):
    """The terminal's side of the app; `error` is what ended it, if anything did."""

    def __init__(self) -> None:
        super().__init__()
        self._type_ahead = TypeAhead(self, super().on_event)
        self._typed_s = time.monotonic()
        self.error: Exception | None = None

    @property
    def is_ascii(self) -> bool:
        """Whether the terminal can show only ASCII."""
        return False

    def on_mount(self) -> None:
        """Listen to signals, and redraw all of the screen when the terminal is back."""
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh(layout=True))
        Ending(self)
        Suspension(self)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification; never as markup, as its text may contain file names and labels."""
        shown_s = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(Toast(message, title, severity, shown_s, markup=False)))

    @property
    def is_watched(self) -> bool:
        """Whether somebody used this terminal a moment ago."""
        return self.app_focus and time.monotonic() - self._typed_s < AWAY_S

    def call_back(self, text: str) -> None:
        """Ring, and have the desktop show a text, unless somebody is there anyway."""
        if self._driver is not None and not self.is_watched:
            self._driver.write(notice(text, os.environ))
            self._driver.flush()

    def get_driver_class(self) -> type[Driver]:
        """wattui's driver for a terminal, or for a browser when served."""
        found = super().get_driver_class()
        if found.__name__ == "WebDriver":
            from wattui.tui.terminal.browser import Browser

            return Browser
        return Terminal if found is LinuxDriver else found

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Filters that keep control characters off the screen, and non-ASCII on ASCII terminals."""
        known = [*super().get_line_filters(), CLEAN]
        return [*known, ASCII] if self.is_ascii else known

    async def on_event(self, event: Event) -> None:
        """Pass events on; keys and clicks one at a time."""
        if isinstance(event, Key | MouseEvent):
            self._typed_s = time.monotonic()
        await self._type_ahead.take(event)

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Save a picture of the screen in the working directory; a browser downloads it."""
        if self.is_web:
            return super().deliver_screenshot(filename, path, time_format)
        folder = Path(path or working_directory() or ".")
        try:
            saved = Path(self.save_screenshot(filename, str(folder), time_format))
        except OSError as error:
            said = f"No screenshot: {folder} cannot be written to ({error.strerror})"
            self.notify(said, severity="error")
        else:
            self.notify(f"Screenshot saved as {saved.name} in {folder}")
        return None

    def _handle_exception(self, error: Exception) -> None:
        """Log the error and exit; one line about it is printed once the screen is gone."""
        if self.error is None:
            self.error = error
            log_error(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Print nothing: see `_handle_exception`."""
        self._exit_renderables.clear()
