"""Powers, energies and joules per inference of the recording so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from recorders.channels import kind_of
from wattui.analysis.cells import PER_INFERENCE, WHILE_RUNNING, cells_of, is_mixed
from wattui.show.palette import Palette
from wattui.show.quantities import Units, energy_unit, number

NOTHING_YET = Text("Nothing has run yet: space marks running.", "dim")
ROWS_OF_TABLES = 8
# More domains than this are shown kind by kind.
MOST_DOMAINS = 8
# Figures are never cut: names are.
LABEL_COLUMNS = 18
FIGURES = ("total", "dynamic", "marginal")


class EnergyPanel(Static):
    """The summary as if the recording ended now; its first line is the one to quote."""

    DEFAULT_CSS = """
    EnergyPanel { border: round $border; border-title-color: $text; padding: 0 1; }
    """

    _shown: tuple[dict[str, Any], Palette, Units] | None = None

    def on_mount(self) -> None:
        """Name the panel."""
        self.border_title = "Energy"

    def on_resize(self) -> None:
        """Show what fits now: nothing new may come for long."""
        if self._shown:
            self.show(*self._shown)

    def show(self, summary: dict[str, Any], palette: Palette, units: Units) -> None:
        """Write the tables, or lines where these do not fit."""
        self._shown = summary, palette, units
        if summary["running"] is None or summary["headline"] is None:
            self.update(NOTHING_YET, layout=False)
            return
        if self.content_size.height < ROWS_OF_TABLES:
            self.update(Text("\n").join(energy_lines(summary, palette, units)), layout=False)
            return
        parts: list[Any] = []
        for part in energy_parts(summary, palette, units):
            parts += [part, Text()]
        self.update(Group(*parts), layout=False)


def energy_lines(summary: dict[str, Any], palette: Palette, units: Units) -> Iterator[Text]:
    """Headline, powers and joules per inference of the channel to quote, a line each."""
    running, channel = summary["running"], summary["headline"]
    yield _headline(summary, palette, units)
    if is_mixed(summary):
        return
    domain = running["domains"][channel]
    energy = domain["running_j"]
    line = Text(f"{channel}  ", palette.dim)
    for name in ("idle", "armed", "running"):
        line.append(f"{name} ", palette.dim)
        line.append(f"{number(domain[f'{name}_w'])} W  ")
    factor, unit = energy_unit([], units)
    line.append(f"{_scaled(energy, factor)} {unit}")
    yield line
    figures = figures_j(domain, running, bool(running["inferences"]))
    factor, unit = energy_unit(figures, units)
    line = Text(f"{unit}{_per(running)}  ", palette.dim)
    for which, cell in zip(FIGURES, _cells(figures, factor), strict=True):
        line.append(f"{which} ", palette.dim)
        line.append(f"{cell}  ")
    yield line


def energy_parts(summary: dict[str, Any], palette: Palette, units: Units) -> Iterator[Any]:
    """Headline; watts and joules by domain; joules per inference by domain and by label."""
    running, channel = summary["running"], summary["headline"]
    yield _headline(summary, palette, units)
    apart = is_mixed(summary)
    domains = folded(running["domains"])
    factor, unit = energy_unit([], units)
    powers = {"idle W": "idle_w", "armed W": "armed_w", "run W": "running_w"}
    if apart:  # powers while running would mix the labels
        powers = {"idle W": "idle_w"}
    table = _table("domain", *powers, f"run {unit}")
    for name, domain in domains.items():
        energy = domain["running_j"]
        cells = [number(domain[key]) for key in powers.values()]
        cells.append(_scaled(energy, factor))
        table.add_row(Text(name), *cells, style=_style(domain, palette))
    yield table
    counted = bool(running["inferences"])
    figures = {name: figures_j(domain, running, counted) for name, domain in domains.items()}
    factor, unit = energy_unit([value for row in figures.values() for value in row], units)
    if not apart:
        table = _table(f"{unit}{_per(running)}", *FIGURES)
        for name, domain in domains.items():
            table.add_row(Text(name), *_cells(figures[name], factor), style=_style(domain, palette))
        yield table
    else:
        table = _table(f"{channel}, {unit}{_per(running).replace('erence', '.')}", *FIGURES)
        for group in summary["labels"]:
            domain = group["domains"][channel]
            label = Text(group["label"])
            label.truncate(LABEL_COLUMNS, overflow="ellipsis")
            cells = _cells(figures_j(domain, group, counted), factor)
            table.add_row(label, *cells, style=_style(domain, palette))
        yield table


def figures_j(domain: dict[str, Any], group: dict[str, Any], counted: bool) -> list[float | None]:
    """Total, dynamic and marginal joules: of one inference where they are counted, else of all."""
    if counted:
        known = [domain[f"{which}_j_per_inference"] for which in FIGURES]
        return [figure["value"] if figure else None for figure in known]
    if domain["running_j"] is None:
        return [None] * len(FIGURES)
    total_j = float(domain["running_j"]["value"])
    bases_w = (0.0, domain["idle_w"], domain["armed_w"])
    return [None if base_w is None else total_j - base_w * group["seconds"] for base_w in bases_w]


def folded(domains: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The domains, those of one kind taken together where there are too many to read."""
    if len(domains) <= MOST_DOMAINS:
        return domains
    kinds: dict[str, list[str]] = {}
    for name in domains:
        row = kind_of(name)
        kinds.setdefault(row.name if row.is_numbered else name, []).append(name)
    found = {}
    for kind, names in kinds.items():
        title = names[0] if len(names) == 1 else f"{kind} ×{len(names)}"
        found[title] = _together([domains[name] for name in names])
    return found


def _together(domains: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums of several domains; unknown where one of them is."""
    whole: dict[str, Any] = {"origin": domains[0]["origin"]}
    for key in ("idle_w", "armed_w", "running_w"):
        parts = [domain[key] for domain in domains]
        whole[key] = None if None in parts else sum(parts)
    for key in ("running_j", *(f"{which}_j_per_inference" for which in FIGURES)):
        parts = [domain[key] for domain in domains]
        whole[key] = None if None in parts else {"value": sum(part["value"] for part in parts)}
    return whole


def _headline(summary: dict[str, Any], palette: Palette, units: Units) -> Text:
    """The figure to quote; of several labels the best and the worst."""
    running, channel = summary["running"], summary["headline"]
    domain, cells = running["domains"][channel], cells_of(summary)
    if cells:
        ends = cells.ranked[:1] + cells.ranked[1:][-1:]
        key, names = cells.figure, [group["label"] for group in ends]
        values = [group["domains"][channel][key]["value"] for group in ends]
    else:
        key = PER_INFERENCE if domain[PER_INFERENCE] else WHILE_RUNNING
        values, names = [domain[key]["value"]] if domain[key] else [None], [""]
    factor, unit = energy_unit(values, units)
    text = Text()
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        text.append(" … " if place else "")
        text.append(number(None if value is None else value / factor), "bold")
        label = Text(f" {name}" if name else "")
        label.truncate(LABEL_COLUMNS, overflow="ellipsis")
        text.append_text(label)
    text.append(f" {unit}" if values else "–", "bold")
    text.append("/inference" if key == PER_INFERENCE else " while running", "bold")
    origin = domain["origin"]
    if word := summary["contents"] or (origin if origin != "measured" else ""):
        text.append(f"  {word}", palette.estimated)
    text.append(f"  {number(running['seconds'])} s", palette.dim)
    if running["inferences"]:
        text.append(f"  {running['inferences']:,} inferences", palette.dim)
    return text


def _scaled(energy: dict[str, Any] | None, factor: float) -> str:
    return number(energy["value"] / factor if energy else None, 5)


def _cells(figures: Sequence[float | None], factor: float) -> list[str]:
    return [number(None if value is None else value / factor) for value in figures]


def _per(running: dict[str, Any]) -> str:
    return "/inference" if running["inferences"] else ""


def _style(domain: dict[str, Any], palette: Palette) -> str:
    return "" if domain["origin"] == "measured" else palette.estimated


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if place else "left", no_wrap=True)
    return table
