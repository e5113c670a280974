"""The common style of all figures: paper sizes, type, colours, SVG. Knows matplotlib.

Series have the colours of Okabe and Ito (Color Universal Design, 2008), which people with
colour-blindness can tell apart; line styles, markers and hatches differ as well, so that a figure
reads in grey. Text stays text: it can be searched, selected, edited and read aloud, and journals
ask for it. It is set as wide as DejaVu Sans; other sans-serifs are narrower and fit as well.
"""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wattui.clean import one_line
from wattui.show.palette import DARK, LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

# One and two columns of a journal (Nature, Elsevier: 89 or 90, and 183 or 190 mm).
NARROW_MM, WIDE_MM = 89.0, 183.0
MM_PER_INCH, POINTS_PER_MM = 25.4, 72 / 25.4
TEXT_PT, SMALL_PT = 7.5, 7.0
LEGEND_ROW_MM, LEAST_RIGHT_MM = 3.9, 4.0
MOST_CHARACTERS = 400

INK, PAPER = "#1b1e27", "#ffffff"
BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, YELLOW, GREY = "#e69f00", "#56b4e9", "#f0e442", "#6b7080"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
DASHES = ("-", (0, (4, 1.2)), (0, (1.2, 1)), (0, (5, 1.2, 1.2, 1.2)))
MARKERS = "os^Dv<>"
ESTIMATED = "#9a6b00"
PHASES = LIGHT.phases
OTHER_PHASE = LIGHT.other_phase
# The colour that a page uses in place of each one in dark mode.
ON_DARK = {
    BLUE: "#62b0ec",
    VERMILLION: "#ee7d5c",
    GREEN: "#4fd6a8",
    PURPLE: "#d98fd6",
    ORANGE: "#f5a55a",
    SKY: "#8fd0f5",
    YELLOW: "#f0e05a",
    GREY: "#b9bfd4",
    ESTIMATED: DARK.estimated,
    OTHER_PHASE: DARK.other_phase,
    PAPER: "#15171e",
    **{colour: DARK.of_phase(phase) for phase, colour in PHASES.items()},
}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "wattui",
    "svg.id": None,
    "text.parse_math": False,  # a label with two $ is not a formula
    "axes.formatter.use_mathtext": False,
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT_PT,
    "axes.titlesize": TEXT_PT,
    "axes.labelsize": TEXT_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.linewidth": 1.0,
    "lines.solid_joinstyle": "round",
    "hatch.linewidth": 0.5,
    "path.simplify": True,
    "path.simplify_threshold": 0.11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
}
_FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of reports, whatever the user's matplotlibrc says."""
    import matplotlib as mpl

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with mpl.rc_context(), warnings.catch_warnings():
        # Text stays text: a character that DejaVu lacks is drawn by the viewer's font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def canvas(width_mm: float, height_mm: float) -> Figure:
    """An empty figure."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))


def axes_at(
    figure: Figure,
    left_mm: float,
    top_mm: float,
    width_mm: float,
    height_mm: float,
    share: Axes | None = None,
) -> Axes:
    """Axes at a position given from the upper left."""
    whole_w, whole_h = (inches * MM_PER_INCH for inches in figure.get_size_inches())
    return figure.add_axes(
        (
            left_mm / whole_w,
            1 - (top_mm + height_mm) / whole_h,
            width_mm / whole_w,
            height_mm / whole_h,
        ),
        sharex=share,
    )


@dataclass(frozen=True, slots=True)
class Room:
    """Room for a legend of so many rows: `beside_mm` at the right of the axes, or below them where
    the figure is one column wide."""

    width_mm: float
    beside_mm: float
    rows: int

    @property
    def is_below(self) -> bool:
        """Whether there is no room at the right."""
        return self.width_mm < WIDE_MM

    @property
    def right_mm(self) -> float:
        """The width to leave free at the right of the axes."""
        return LEAST_RIGHT_MM if self.is_below else self.beside_mm

    @property
    def below_mm(self) -> float:
        """The height to leave free at the foot of the figure."""
        return LEGEND_ROW_MM * self.rows if self.is_below else 0.0

    def legend(
        self, axes: Axes, foot_mm: float, *named: Any, left: float = 1.02, **look: Any
    ) -> None:
        """A legend of `axes`; `foot_mm`: from their top to where a legend below begins; `named` are
        handles and labels."""
        at = (left, 1.03)
        if self.is_below:
            figure = axes.figure
            height_mm = figure.get_size_inches()[1] * MM_PER_INCH  # type: ignore[union-attr]
            axes_mm = axes.get_position().height * height_mm
            at = (0.0, 1 - foot_mm / axes_mm)
        axes.legend(*named, loc="upper left", bbox_to_anchor=at, borderaxespad=0, **look)


def legend_above(axes: Axes, *named: Any, **look: Any) -> None:
    """A legend on one line over the axes; `named` are handles and labels."""
    at = (0, 1)
    axes.legend(
        *named, loc="lower left", bbox_to_anchor=at, ncols=3, borderpad=0, borderaxespad=0.4, **look
    )


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Rows at 0, 1, 2 … from the top down, named at the left; every other one is shaded."""
    for place in range(1, len(names), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=(INK, 0.045), lw=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.grid(True, color=(INK, 0.13), lw=0.5)


def text_mm(text: str, size_pt: float = SMALL_PT) -> float:
    """The width of a text in this type."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if len(text) > MOST_CHARACTERS:  # wider than any figure, without measuring it
        return text_mm(text[:MOST_CHARACTERS], size_pt) * len(text) / MOST_CHARACTERS
    font = FontProperties(family="DejaVu Sans", size=size_pt)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / POINTS_PER_MM


def number_axis(axis: Axis) -> None:
    """Round numbers on an axis; 2 and 5 as well on a logarithmic one of few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        decades = math.log10(high / low) if low > 0 else 0
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,), numticks=30))
        axis.set_minor_formatter(NullFormatter())
    elif axis is axis.axes.xaxis:
        axis.set_major_locator(_fitting_ticks(axis))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))


def _fitting_ticks(axis: Axis) -> Locator:
    """As many round numbers as fit side by side."""
    from matplotlib.ticker import MaxNLocator

    low, high = axis.get_view_interval()
    width_mm = axis.axes.get_window_extent().width / axis.axes.figure.dpi * MM_PER_INCH
    for most in range(9, 2, -1):
        locator = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
        texts = [tick_text(float(f"{tick:.6g}")) for tick in locator.tick_values(low, high)]
        if sum(map(text_mm, texts)) + 3 * len(texts) <= width_mm:
            break
    return locator


def label_lines(text: str, width_mm: float) -> str:
    """The name of an axis on one line, or on two, cut at its last comma, if it is wider."""
    start, comma, end = text.rpartition(", ")
    fits = not comma or text_mm(text, TEXT_PT) <= width_mm
    return text if fits else f"{start},\n{end}"


def fold_lines(text: str, width_mm: float, size_pt: float = SMALL_PT) -> str:
    """A text on one line, or on two, cut at its last comma or space, if it is wider than this."""
    text = one_line(text)
    for cut in (", ", " "):
        start, found, end = text[:MOST_CHARACTERS].rpartition(cut)
        if found and text_mm(text, size_pt) > width_mm:
            return "\n".join(fold(part, width_mm, size_pt) for part in (start + cut.strip(), end))
    return fold(text, width_mm, size_pt)


def tick_text(value: float) -> str:
    """A round number on an axis, without an exponent if that is short."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return f"{value:,.10g}".replace(",", "\u2009").replace("-", "−")
    digits, _, power = f"{value:.4e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    raised = str(int(power)).translate(_RAISED)
    return f"{'' if digits == '1' else f'{digits}·'}10{raised}".replace("-", "−")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fold(text: str, width_mm: float, size_pt: float = SMALL_PT) -> str:
    """A text on one line, shortened with … if it is wider than this."""
    text = one_line(text)
    if text.startswith("_"):  # matplotlib leaves labels that start with _ out of legends
        text = f"\u200b{text}"
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS] + "…"
    while len(text) > 1 and text_mm(text, size_pt) > width_mm:
        text = text.removesuffix("…")[:-1] + "…"
    return text


def svg_of(figure: Figure) -> str:
    """The figure as SVG; the same figure gives the same text."""
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    # A character that XML does not allow, such as a control, would make the file unreadable.
    text = _UNUSUAL.sub(lambda found: one_line(found[0]), out.getvalue())
    return re.sub(r"'DejaVu Sans'(?:, [^;\"]*)?", _FONTS, text)


_UNUSUAL = re.compile("[^\n -~]+")
