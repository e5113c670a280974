"""What came of a recording: figures, bars, a curve, flags in words, machine and method."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from wattui.analysis.recorded import Run
from wattui.quantities import energy_unit
from wattui.tables import method_parts, summary_parts
from wattui.tui import plot
from wattui.tui.bars import Bar, Point, bars, curve, families
from wattui.tui.palette import DARK, Palette
from wattui.tui.screens.export import ask_export

# What a person wants next with a run, and which run.
Wish = tuple[Literal["replay", "compare"], Path]

SIDE_COLUMNS, BAR_COLUMNS, CURVE_ROWS = 150, 24, 12
MOST_BARS = 40
MEANINGS = (
    ("total", "what the machine used while it ran"),
    ("dynamic", "beyond an idle machine"),
    ("marginal", "beyond a loaded, waiting model"),
)
NOTHING_RAN = "Nothing was marked as running: space does that, and so does every launched command."
NOTHING_COUNTED = (
    "No inferences were counted, so there are no joules per inference: call wattui.count() in "
    "the program, or record with --inferences N or --count-match."
)


class Results(ModalScreen[Wish | None]):
    """The results of one run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back", key_display="Esc"),
        Binding("enter", "dismiss(None)", "Back", show=False),
        Binding("e", "export", "Export"),
        Binding("c", "wish('compare')", "Compare"),
        Binding("p", "wish('replay')", "Play back"),
    ]
    DEFAULT_CSS = """
    Results { align: center middle; }
    Results #box {
        width: 94; max-width: 100%; height: 96%; background: $surface;
        border: round $accent; border-title-color: $text; border-subtitle-color: $text-muted;
    }
    Results.wide #box { width: 96%; }
    Results #columns { layout: vertical; height: auto; }
    Results.wide #columns { layout: horizontal; }
    Results #columns Static { width: 1fr; height: auto; padding: 1 2 0 2; }
    """

    def __init__(
        self, run: dict[str, Any], csv: Path, glyphs: plot.Glyphs = plot.BRAILLE,
        palette: Palette = DARK,
    ) -> None:  # fmt: skip
        super().__init__()
        self._run = Run(csv, run)
        self._glyphs, self._palette = glyphs, palette

    def compose(self) -> ComposeResult:
        """Figures to the left; bars, curve and method to the right, or below."""
        with Vertical(id="box") as box:
            box.border_title = self._run.csv.name
            box.border_subtitle = f"wattui summary {short_name(self._run.csv)}"
            with VerticalScroll(), Horizontal(id="columns"):
                yield Static(Group(*spaced(figures(self._run.summary))))
                yield Static(Group(*spaced(self._pictures())))
        yield Footer()

    def on_mount(self) -> None:
        """Scroll by keys at once."""
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: Resize) -> None:
        """Two columns where there is room."""
        self.set_class(event.size.width >= SIDE_COLUMNS, "wide")

    def action_export(self) -> None:
        """Write the results to a file."""
        ask_export(self, self._run)

    def action_wish(self, what: Literal["replay", "compare"]) -> None:
        """Go on with this run elsewhere."""
        self.dismiss((what, self._run.csv))

    def _pictures(self) -> Iterator[RenderableType]:
        yield from pictures(self._run.summary, self._palette, self._glyphs)
        yield from method_parts(self._run.run)


def figures(summary: dict[str, Any]) -> Iterator[RenderableType]:
    """The tables that `wattui summary` prints, with what is missing said in words."""
    running = summary["running"]
    if running is None:
        yield Text(NOTHING_RAN, "bold")
    yield from summary_parts(summary)
    if running is not None and not running["inferences"]:
        yield Text(NOTHING_COUNTED)
    elif running is not None:
        yield Text("\n").join(
            Text.assemble((f"{name:9}", "bold"), (meaning, "dim")) for name, meaning in MEANINGS
        )


def pictures(
    summary: dict[str, Any], palette: Palette, glyphs: plot.Glyphs
) -> Iterator[RenderableType]:
    """Joules per inference as bars by label, and as curves over the numbers in the labels."""
    channel = summary["headline"]
    rows = [
        Bar(group["label"], figure["value"], figure["plus_minus"], _colour(palette, domain))
        for group in summary["labels"]
        if (domain := group["domains"][channel]) and (figure := domain["total_j_per_inference"])
    ]
    what = "per inference"
    if not rows and summary["running"]:
        rows, what = _domains(summary, palette), "by domain"
    if not rows:
        return
    factor, unit = energy_unit([row.value_j for row in rows])
    yield Text(f"{unit} {what}, {channel}", "bold")
    yield bars(rows[:MOST_BARS], BAR_COLUMNS, factor, glyphs)
    if len(rows) > MOST_BARS:
        yield Text(f"and {len(rows) - MOST_BARS} more", "dim")
    values = {row.name: row.value_j / factor for row in rows}
    found = families(list(values))
    if found:
        series = {
            name: [Point(x, values[label]) for label, x in sorted(members.items(), key=_number)]
            for name, members in found.items()
        }
        yield Text(f"{unit} per inference over the number in the label", "bold")
        colours = palette.series
        yield Group(*curve(series, colours, 2 * BAR_COLUMNS + 16, CURVE_ROWS, glyphs))
        if len(series) > 1:
            yield Text("  ").join(
                Text(name, colours[place % len(colours)]) for place, name in enumerate(series)
            )


def short_name(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def spaced(parts: Iterator[RenderableType]) -> Iterator[RenderableType]:
    """An empty line between the parts."""
    for place, part in enumerate(parts):
        if place:
            yield Text()
        yield part


def _number(member: tuple[str, float]) -> float:
    return member[1]


def _colour(palette: Palette, domain: dict[str, Any]) -> str:
    return palette.of_series(0, domain["origin"] == "estimated")


def _domains(summary: dict[str, Any], palette: Palette) -> list[Bar]:
    """The domains of all running phases, by joules per inference or by joules."""
    running = summary["running"]
    key = "total_j_per_inference" if running["inferences"] else "running_j"
    return [
        Bar(name, figure["value"], figure["plus_minus"], _colour(palette, domain))
        for name, domain in running["domains"].items()
        if (figure := domain[key])
    ]
