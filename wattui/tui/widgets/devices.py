"""The devices panel: a line for each device with its power, limit, use, temperature and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from wattui.show import plot
from wattui.show.bars import bar_text
from wattui.show.palette import Palette
from wattui.show.plot import Glyphs
from wattui.show.quantities import number
from wattui.tui.state.devices import RECENT_BINS, DeviceNow
from wattui.tui.widgets.panel import Panel

BAR_COLUMNS = RECENT_BINS // plot.DOTS_WIDE
POWER_COLUMNS, DENSE_COLUMNS, NAME_COLUMNS = 11, 7, 9
# Shares of a curve's colour behind a bar, and of its limit from which a power is near it.
GROUND, NEAR_LIMIT = 0.15, 0.95
# With more devices than this, each line shows two, without limits in figures and gauges.
MOST_LINES = 12


class DevicesPanel(Panel, can_focus=True):
    """Shows what each device does now; one of them is chosen while it has the focus."""

    BORDER_TITLE = "Devices"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open device", show=False, key_display="Enter"),
        Binding("up,k", "choose(-1)", "Device above", show=False, key_display="↑"),
        Binding("down,j", "choose(1)", "Device below", show=False, key_display="↓"),
    ]
    DEFAULT_CSS = """
    DevicesPanel:focus { border: round $accent; }
    """

    @dataclass
    class Opened(Message):
        """A device is to be opened."""

        name: str

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._shown: tuple[Sequence[DeviceNow], Palette, Glyphs] | None = None
        self._chosen = 0

    def show(self, devices: Sequence[DeviceNow], palette: Palette, glyphs: Glyphs) -> None:
        """Rewrite the lines."""
        self._shown = devices, palette, glyphs
        self._chosen = max(0, min(len(devices) - 1, self._chosen))
        chosen = self._chosen if self.has_focus else None
        lines = device_lines(devices, palette, glyphs, chosen)
        subtitle = "Enter opens it" if self.has_focus else ""
        self.write(Text("\n").join(lines), len(lines), subtitle=subtitle)

    def on_focus(self) -> None:
        """Mark the chosen device."""
        self._redraw()

    def on_blur(self) -> None:
        """Mark none."""
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Open the device that was clicked."""
        at = event.get_content_offset(self)
        if at is None or self._shown is None:
            return
        count = len(self._shown[0])
        place = at.y if count <= MOST_LINES else 2 * at.y + (at.x >= self.content_size.width // 2)
        if place < count:
            self._chosen = place
            self.action_open()

    def action_choose(self, step: int) -> None:
        """Choose the next device, or the one before."""
        self._chosen += step
        self._redraw()

    def action_open(self) -> None:
        """Open the chosen device."""
        if self._shown and self._shown[0]:
            self.post_message(self.Opened(self._shown[0][self._chosen].name))

    def _redraw(self) -> None:
        if self._shown is not None:
            self.show(*self._shown)


def device_lines(
    devices: Sequence[DeviceNow], palette: Palette, glyphs: Glyphs, chosen: int | None = None
) -> list[Text]:
    """A line for each device; of very many, two in a line. The name of the chosen one is marked."""
    if not devices:
        return [Text("No device with a power.", palette.dim)]
    width = min(NAME_COLUMNS, max(len(device.name) for device in devices))
    dense = len(devices) > MOST_LINES
    powers = [_power(device, width, palette, glyphs, dense) for device in devices]
    if chosen is not None:
        powers[chosen].stylize("reverse", 0, width)
    if not dense:
        return [
            power.append_text(_gauges(device, palette, glyphs))
            for device, power in zip(devices, powers, strict=True)
        ]
    return [Text("  ").join(powers[place : place + 2]) for place in range(0, len(powers), 2)]


def _power(
    device: DeviceNow, width: int, palette: Palette, glyphs: Glyphs, dense: bool = False
) -> Text:
    """Name, bar or recent powers, and watts beside the limit."""
    series = device.series
    colour = palette.of_series(series.colour, series.estimated) if series else palette.dim
    line = Text(f"{device.name:<{width}.{width}} ", colour)
    power_w, limit_w = device.power_w, device.limit_w
    if power_w is not None and limit_w:
        bar = bar_text(power_w / limit_w, BAR_COLUMNS, glyphs)
        line.append(f"{bar:{BAR_COLUMNS}}", f"{colour} on {palette.tint(colour, GROUND)}")
    else:
        line.append(_recent(device, glyphs), colour)
    said = number(power_w, 3) if power_w is not None else glyphs.unknown
    said += f"/{limit_w:.0f} W" if limit_w and not dense else " W"
    is_near = power_w is not None and limit_w and power_w >= NEAR_LIMIT * limit_w
    style = f"bold {palette.alarm}" if is_near else "bold"
    return line.append(
        f"{said if series else '':>{DENSE_COLUMNS if dense else POWER_COLUMNS}}", style
    )


def _recent(device: DeviceNow, glyphs: Glyphs) -> str:
    """The powers just before, as a curve of one line."""
    known = [each[1] for each in device.recent if each]
    if not known or max(known) <= 0:
        return " " * BAR_COLUMNS
    scale = plot.Scale(0.0, max(known))
    columns = plot.raster([device.recent], scale, BAR_COLUMNS, 1, glyphs)
    return "".join(cell.character for (cell,) in columns)


def _gauges(device: DeviceNow, palette: Palette, glyphs: Glyphs) -> Text:
    """Use, temperature and memory, or the clock if it has no memory."""
    use, temp, memory, clock = device.util_pct, device.temp_c, device.mem_mib, device.clock_mhz
    texts = [
        f"{use:4.0f} %" if use is not None else " " * 6,
        f"{temp:4.0f}{glyphs.degree}" if temp is not None else "",
        f"{memory / 1024:6.1f} GiB" if memory is not None else "",
        f"{clock / 1000:6.2f} GHz" if clock is not None and memory is None else "",
    ]
    return Text.assemble((texts[0], palette.text), ("".join(texts[1:]), palette.dim))
