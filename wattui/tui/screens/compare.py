"""Two runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from recorders.summary.bases import BASES
from wattui.analysis.compare import Comparison, compare
from wattui.analysis.doubts import doubts, only_in_one
from wattui.analysis.sides import Side
from wattui.runs.naming import per_of
from wattui.runs.recorded import Run
from wattui.show import plot
from wattui.show.bars import bar_text
from wattui.show.compare import change_text, trend, value_text, verdict_text
from wattui.show.palette import Palette
from wattui.show.quantities import number, prefix_for
from wattui.show.result_sets import figures_of
from wattui.show.stacking import Fitting, plain_table
from wattui.tui.screens.results import short_name, spaced
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.state.advice import with_keys
from wattui.tui.widgets.footer import Footer

BAR_COLUMNS = 16
# The figures, most wanted first; labels are compared by the first one.
FIRST = (*(basis.name for basis in BASES), "energy", "power")
TITLES = ("", "A", "B", "B − A", "B / A", "")
NOTHING_SHARED = (
    "These runs have no figures in common: one has no running phase, or they measured different "
    "domains."
)


class Compare(SteadyModal[None]):
    """Run A, the older one, beside run B: what changed in a sentence, figures, differences with
    uncertainty, ratios, flags."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Back", key_display="Esc"),
        Binding("s", "swap", "Swap A and B"),
        Binding("tab", "parts", "Hide or show parts", key_display="Tab", priority=True),
        SteadyModal.COPY,
    ]
    DEFAULT_CSS = """
    Compare > Vertical { width: 170; }
    Compare Static { padding: 1 2 0 2; }
    """

    def __init__(self, a: Run, b: Run, glyphs: plot.Glyphs) -> None:
        super().__init__()
        self._a, self._b = sorted((a, b), key=lambda run: run.about.start_utc_ns or 0)
        self._hides_parts = False
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """A table of all running phases, one of the labels, and the flags."""
        with Vertical() as box:
            box.border_title = "Compare"
            with VerticalScroll():
                yield Static(id="tables", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Fill in the tables."""
        self.draw()
        self.query_one(VerticalScroll).focus()

    def action_swap(self) -> None:
        """Swap A and B."""
        self._a, self._b = self._b, self._a
        self.draw()

    def action_parts(self) -> None:
        """Hide or show what another domain or the total contains."""
        self._hides_parts = not self._hides_parts
        self.draw()

    def draw(self) -> None:
        """Fill in the tables."""
        parts = tables(self._a, self._b, self.palette, self._glyphs, self._hides_parts)
        self.query_one("#tables", Static).update(Group(*spaced(parts)))


def tables(
    a: Run,
    b: Run,
    palette: Palette,
    glyphs: plot.Glyphs = plot.BRAILLE,
    hides_parts: bool = False,
) -> Iterator[RenderableType]:
    """The change in a sentence, names, domains over all running phases, labels by the headline
    channel, flags; without the parts of the headline channel if wanted."""
    per = per_of([a, b])
    side_a, side_b = side_of("A", a, per), side_of("B", b, per)
    rows, headline = compare(side_a, side_b), a.summary.headline
    if change := change_text(rows, headline):
        yield Text(change, "bold")
    yield Text.assemble(
        ("A  ", "bold"), short_name(a.csv), "\n", ("B  ", "bold"), short_name(b.csv)
    )
    if hides_parts:
        rows = [row for row in rows if row.domain == headline]
    parts = list(_parts(rows, headline))
    if parts:
        yield Fitting(
            _table(parts, palette, glyphs, bars=True),
            _table(parts, palette, glyphs, bars=False),
        )
    else:
        yield Text(NOTHING_SHARED)
    remarks = (*a.remarks, *b.remarks)
    for line in (*remarks, *only_in_one(side_a, side_b), *doubts(a, b)):
        yield Text.assemble(("! ", f"bold {palette.estimated}"), with_keys(line))


def side_of(name: str, run: Run, per: str) -> Side:
    """A run as a side of a comparison, with this count in the place of inferences."""
    return figures_of(run, name, per).side


def _parts(
    rows: Sequence[Comparison], channel: str | None
) -> Iterator[tuple[str, list[Comparison]]]:
    """Rows of each figure with a title: by domain, and for the first figure by label."""
    for figure in FIRST:
        some = [row for row in rows if row.figure == figure and not row.label]
        if some:
            yield figure, some
        labelled = [
            row for row in rows if row.label and row.domain == channel and row.figure == figure
        ]
        if labelled and (figure == FIRST[0] or not some):
            yield f"{figure} by label ({channel})", labelled


def _table(
    parts: Sequence[tuple[str, Sequence[Comparison]]],
    palette: Palette,
    glyphs: plot.Glyphs,
    bars: bool,
) -> Table:
    """All figures with uncertainty and verdict, optionally with bars of the ratios."""
    titles = (*TITLES, "") if bars else TITLES
    table = plain_table(*titles, left=(0, 5, 6))
    for place, (title, rows) in enumerate(parts):
        if place:
            table.add_row()
        factor, prefix = prefix_for([each.known.value for row in rows for each in (row.a, row.b)])
        table.add_row(Text(f"{title}, {prefix}{rows[0].unit}", "bold"))
        longest = max((row.ratio or 0.0 for row in rows), default=1.0)
        for row in rows:
            drawn = [_bar(row, max(1.0, longest), palette, glyphs)] if bars else []
            verdict = Text(verdict_text(row), palette.dim)
            table.add_row(*_cells(row, factor, palette), *drawn, verdict)
    return table


def _cells(row: Comparison, factor: float, palette: Palette) -> list[Text]:
    colour = _colour(row, palette)
    name = Text(row.label or row.domain)
    if row.origin != "measured":
        name.append(f" {row.origin}", palette.estimated)
    return [
        name,
        Text(value_text(row.a.known, factor)),
        Text(value_text(row.b.known, factor)),
        Text(value_text(row.difference, factor), colour),
        Text(number(row.ratio, 4), f"bold {colour}"),
    ]


def _bar(row: Comparison, longest: float, palette: Palette, glyphs: plot.Glyphs) -> Text:
    """The ratio as a bar."""
    ratio = row.ratio
    bar = bar_text(ratio / longest, BAR_COLUMNS, glyphs) if ratio and ratio > 0 else ""
    return Text(bar, _colour(row, palette))


def _colour(row: Comparison, palette: Palette) -> str:
    colours = {"better": palette.phases["running"], "worse": palette.alarm, "unclear": palette.dim}
    return colours[trend(row)]
