"""A device that was opened: its power, limits and gauges, and the processes that use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from wattui.show.plot import Glyphs
from wattui.show.wrapping import Prose
from wattui.tui.screens.processes import LOOK_S, ProcessesScreen
from wattui.tui.state import processes
from wattui.tui.state.devices import DeviceNow, facts
from wattui.tui.state.processes import Column, Processes
from wattui.tui.state.session import Stream

OF_CPU = "Shares of time, not of joules; share %: of what all processes use"
OF_GPU = "Shares of time, not of joules; GPU %: of this one; share %: of its use"


class DeviceScreen(ProcessesScreen):
    """Shows one of the devices, which are as they are now at each call."""

    KNOWN: ClassVar[Sequence[Column]] = processes.OF_DEVICE
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,D,enter", "dismiss", "Back", key_display="Esc"),
        Binding("left", "turn(-1)", "other device", key_display="←→", priority=True),
        Binding("right", "turn(1)", "Next device", show=False, key_display="←→", priority=True),
        Binding("s", "sort('SHARE')", "by share"),
    ]
    DEFAULT_CSS = """
    DeviceScreen #facts { height: auto; padding: 0 1; margin-bottom: 1; }
    """

    def __init__(
        self,
        name: str,
        devices: Callable[[], Sequence[DeviceNow]],
        stream: Callable[[], Stream],
        glyphs: Glyphs,
    ) -> None:
        super().__init__(stream)
        self._shown, self._devices = name, devices
        self._glyphs = glyphs
        self._by = processes.SHARE

    def head(self) -> ComposeResult:
        """The facts, above the table."""
        yield Static(id="facts", markup=False)

    def on_mount(self) -> None:
        """Show the facts, and keep them up to date."""
        self.draw()
        self.set_interval(LOOK_S, self.draw)

    def action_turn(self, step: int) -> None:
        """Show the next device, or the one before."""
        names = [each.name for each in self._devices()]
        if self._shown in names:
            self._shown = names[(names.index(self._shown) + step) % len(names)]
            self.draw()
            self._fill()

    def _device(self) -> DeviceNow | None:
        return next((each for each in self._devices() if each.name == self._shown), None)

    def seen(self, found: Processes) -> Processes:
        """The processes that use the device."""
        device = self._device()
        return processes.of_device(found, device.gpu if device else "")

    def meaning(self, found: Processes) -> str:
        """Words for the numbers, and for a table without a row."""
        device = self._device()
        if not device or not device.gpu:
            return OF_CPU
        return OF_GPU if found.processes else "No process is known to use it"

    def draw(self) -> None:
        """Rewrite the facts."""
        self.query_one("Vertical").border_title = Content(self._shown)
        device = self._device()
        if device is None:
            self.query_one("#facts", Static).update("It is no longer read")
            return
        table = Table.grid(padding=(0, 2))
        for name, text in facts(device, self._glyphs.unknown):
            is_held = name == "held back" and bool(device.held)
            style = f"bold {self.palette.alarm}" if is_held else ""
            table.add_row(Text(name, self.palette.dim), Prose(Text(text, style)))
        self.query_one("#facts", Static).update(table)
