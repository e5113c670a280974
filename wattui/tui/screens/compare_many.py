"""Several runs side by side: a bar for each, and what changed since the oldest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from recorders.summary.bases import ENERGY, TOTAL
from wattui.analysis.cells import to_quote
from wattui.analysis.compare import compare
from wattui.runs.naming import per_of
from wattui.runs.recorded import Run
from wattui.show import plot
from wattui.show.bars import Bar, bars
from wattui.show.compare import comparison_tables
from wattui.show.palette import Palette
from wattui.show.quantities import energy_unit
from wattui.tui.screens.compare import FIRST, side_of
from wattui.tui.screens.results import short_name, spaced
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.footer import Footer

# Border, padding and scroll bar; and the widest box.
MARGINS, MOST_COLUMNS = 8, 150
NOTHING_KNOWN = "None of these runs has a known energy."


class CompareMany(SteadyModal[None]):
    """Three runs or more, the oldest first: their headline figures as bars, and a table of each
    one's difference from the oldest, with its verdict."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Back", key_display="Esc"),
        SteadyModal.COPY,
    ]
    DEFAULT_CSS = """
    CompareMany > Vertical { width: 150; }
    CompareMany Static { padding: 1 2 0 2; }
    """

    def __init__(self, runs: Sequence[Run], glyphs: plot.Glyphs) -> None:
        super().__init__()
        self._runs = sorted(runs, key=lambda run: run.about.start_utc_ns or 0)
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """A box that scrolls."""
        with Vertical() as box:
            box.border_title = Content(f"Compare {len(self._runs)} runs")
            with VerticalScroll():
                yield Static(id="figures", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Fill it in, and let the keys scroll."""
        self.draw()
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: Resize) -> None:
        """Draw bars of the new width."""
        self.draw()

    def draw(self) -> None:
        """Fill in the chart and the tables."""
        columns = min(MOST_COLUMNS, self.app.size.width) - MARGINS
        parts = [*chart(self._runs, self.palette, self._glyphs, columns), *tables(self._runs)]
        self.query_one("#figures", Static).update(Group(*spaced(parts)))


def chart(
    runs: Sequence[Run], palette: Palette, glyphs: plot.Glyphs, columns: int
) -> Iterator[RenderableType]:
    """A bar for the headline figure of each run with its ±, or for its best and worst label."""
    for basis in (TOTAL, ENERGY):
        rows = [
            Bar(
                f"{run.csv.stem}{words}",
                value,
                palette.of_series(0, domain.origin == "estimated"),
            )
            for run in runs
            for words, group in to_quote(run.summary)
            if group is not None and (domain := group.domains.get(run.summary.headline or ""))
            if (value := basis.of(domain))
        ]
        if rows:
            factor, unit = energy_unit([row.joules.value for row in rows])
            title = Text(f"{unit} {basis.words(runs[0].summary.per)}, the oldest run first", "bold")
            yield Group(title, bars(rows, columns, factor, glyphs))
            return
    yield Text(NOTHING_KNOWN)


def tables(runs: Sequence[Run]) -> Iterator[RenderableType]:
    """What changed from the oldest run to each of the others, by the headline channel."""
    per = per_of(runs)
    first, *others = [side_of(short_name(run.csv), run, per) for run in runs]
    pairs = [
        (
            other.name,
            [
                row
                for row in compare(first, other)
                if row.domain == first.headline and row.figure in FIRST
            ],
        )
        for other in others
    ]
    yield Group(*comparison_tables(first.name, pairs))
