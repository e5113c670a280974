"""Powers, energies and joules per inference of the recording so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from wattui.quantities import number, prefix_for
from wattui.tui.palette import Palette

NOTHING_YET = Text("Nothing has run yet: space marks running.", "dim")
ROWS_OF_TABLES = 8
FIGURES = ("total", "dynamic", "marginal")


class EnergyPanel(Static):
    """The summary as if the recording ended now; its first line is the one to quote."""

    DEFAULT_CSS = """
    EnergyPanel { border: round $border; border-title-color: $text; padding: 0 1; }
    """

    def on_mount(self) -> None:
        """Name the panel."""
        self.border_title = "Energy"

    def show(self, summary: dict[str, Any], palette: Palette) -> None:
        """Write the tables anew."""
        if summary["running"] is None or summary["headline"] is None:
            self.update(NOTHING_YET, layout=False)
            return
        if self.content_size.height < ROWS_OF_TABLES:
            self.update(Text("\n").join(energy_lines(summary, palette)), layout=False)
            return
        parts: list[Any] = []
        for part in energy_parts(summary, palette):
            parts += [part, Text()]
        self.update(Group(*parts), layout=False)


def energy_lines(summary: dict[str, Any], palette: Palette) -> Iterator[Text]:
    """Headline, powers and joules per inference of the channel to quote, a line each."""
    running, channel = summary["running"], summary["headline"]
    yield _headline(running, channel, palette)
    domain = running["domains"][channel]
    energy = domain["running_j"]
    line = Text(f"{channel}  ", palette.dim)
    for name in ("idle", "armed", "running"):
        line.append(f"{name} ", palette.dim)
        line.append(f"{number(domain[f'{name}_w'])} W  ")
    line.append(f"{number(energy['value'] if energy else None, 5)} J")
    yield line
    if running["inferences"]:
        factor, prefix = prefix_for([_figure(domain, which) for which in FIGURES])
        line = Text(f"{prefix}J/inference  ", palette.dim)
        for which, cell in zip(FIGURES, _cells(domain, factor), strict=True):
            line.append(f"{which} ", palette.dim)
            line.append(f"{cell}  ")
        yield line


def energy_parts(summary: dict[str, Any], palette: Palette) -> Iterator[Any]:
    """Headline; watts and joules by domain; joules per inference by domain and by label."""
    running, channel = summary["running"], summary["headline"]
    yield _headline(running, channel, palette)
    domains = running["domains"]
    table = _table("domain", "idle W", "armed W", "run W", "run J")
    for name, domain in domains.items():
        energy = domain["running_j"]
        cells = [number(domain[key]) for key in ("idle_w", "armed_w", "running_w")]
        cells.append(number(energy["value"] if energy else None, 5))
        table.add_row(name, *cells, style=_style(domain, palette))
    yield table
    if not running["inferences"]:
        return
    factor, prefix = prefix_for([_figure(d, which) for d in domains.values() for which in FIGURES])
    table = _table(f"{prefix}J/inference", *FIGURES)
    for name, domain in domains.items():
        table.add_row(name, *_cells(domain, factor), style=_style(domain, palette))
    yield table
    if len(summary["labels"]) > 1:
        table = _table(f"{channel}, {prefix}J/inf.", *FIGURES)
        for group in summary["labels"]:
            domain = group["domains"][channel]
            table.add_row(group["label"], *_cells(domain, factor), style=_style(domain, palette))
        yield table


def _headline(running: dict[str, Any], channel: str, palette: Palette) -> Text:
    domain = running["domains"][channel]
    total, energy = domain["total_j_per_inference"], domain["running_j"]
    value = (total or energy or {"value": None})["value"]
    factor, prefix = prefix_for([value])
    text = Text()
    text.append(f"{number(None if value is None else value / factor)} {prefix}J", "bold")
    text.append("/inference" if total else " while running", "bold")
    if domain["origin"] != "measured":
        text.append(f"  {domain['origin']}", palette.estimated)
    text.append(f"  {number(running['seconds'])} s", palette.dim)
    if running["inferences"]:
        text.append(f"  {running['inferences']:,} inferences", palette.dim)
    return text


def _cells(domain: dict[str, Any], factor: float) -> list[str]:
    values = [_figure(domain, which) for which in FIGURES]
    return [number(None if value is None else value / factor) for value in values]


def _figure(domain: dict[str, Any], which: str) -> float | None:
    known = domain[f"{which}_j_per_inference"]
    return known["value"] if known else None


def _style(domain: dict[str, Any], palette: Palette) -> str:
    return "" if domain["origin"] == "measured" else palette.estimated


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place else "left", no_wrap=True)
    return table
