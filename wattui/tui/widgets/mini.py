"""The dashboard in five lines, for a corner of the screen: recording, phase, watts, energy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.text import Text
from textual.widgets import Static

from recorders.channels import kind_of
from recorders.counts import count_text, singular
from recorders.summary.bases import ENERGY, TOTAL
from recorders.summary.figures import Summary
from wattui.analysis.cells import is_mixed
from wattui.live.line import kind_name, watts
from wattui.show.palette import Palette
from wattui.show.quantities import Units, energy_unit, number, with_uncertainty
from wattui.tui.state.devices import power_w
from wattui.tui.state.live import Live
from wattui.tui.state.session import Stream
from wattui.tui.widgets.status import append_phase, append_source, clock

NOTHING_YET, MARK = "Nothing has run yet.", "Press space to mark running."
# Besides the line of keys.
ROWS = 5


class MiniPanel(Static):
    """Shows what matters most, a line each; hidden unless the terminal is small."""

    DEFAULT_CSS = f"""
    MiniPanel {{
        display: none; height: {ROWS}; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }}
    """

    can_mark = True

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._energy: list[Text] = []

    def show(self, stream: Stream, live: Live, palette: Palette) -> None:
        """Rewrite the lines of now."""
        lines = [*lines_now(stream, live, palette), *self._energy]
        self.update(Text("\n").join(lines), layout=False)

    def show_energy(self, summary: Summary, label: str, palette: Palette, units: Units) -> None:
        """Remember the lines of energy, which the next `show` writes."""
        self._energy = list(lines_of_energy(summary, label, palette, units, self.can_mark))


def lines_now(stream: Stream, live: Live, palette: Palette) -> Iterator[Text]:
    """Whether it records, and the time; the phase; the watts of each kind of device."""
    line = Text(f"{clock(live.run_s)}  ", "bold")
    append_source(line, stream, palette)
    yield line
    line = Text()
    append_phase(line, live, palette)
    yield line if line.plain else Text("no phase", palette.dim)
    line = Text()
    for name, (power, is_estimated) in kinds_w(live).items():
        line.append(f"{name} ", palette.dim)
        line.append(f"{watts(power)}  ", f"bold {palette.estimated}" if is_estimated else "bold")
    yield line if line.plain else Text("no power sensor", palette.estimated)


def lines_of_energy(
    summary: Summary, label: str, palette: Palette, units: Units, can_mark: bool = True
) -> Iterator[Text]:
    """Joules per inference of a label, or of the last one if it has not run; what they are of."""
    running, channel = summary.running, summary.headline or ""
    groups = summary.labels if is_mixed(summary) else [running] if running else []
    group = next((each for each in groups if each.label == label), groups[-1] if groups else None)
    if group is None or channel not in group.domains:
        yield from (Text(line, palette.dim) for line in (NOTHING_YET, MARK if can_mark else ""))
        return
    domain = group.domains[channel]
    value = TOTAL.of(domain) or ENERGY.of(domain)
    value_j, error_j = (value.value, value.plus_minus) if value else (None, None)
    factor, unit = energy_unit([value_j], units)
    text = with_uncertainty(value_j, error_j, factor)
    line = Text(f"{text} {unit}", "bold")
    of_one = f"/{singular(summary.per)}"
    line.append(of_one if TOTAL.of(domain) else " while running", "bold")
    if word := summary.contents or (domain.origin if domain.origin != "measured" else ""):
        line.append(f"  {word}", palette.estimated)
    yield line
    line = Text(f"{number(domain.running_w)} W  {number(group.seconds)} s", palette.dim)
    if group.inferences:
        line.append(f"  {count_text(group.inferences, summary.per)}")
    yield line.append(f"  {group.label}")


def kinds_w(live: Live) -> Mapping[str, tuple[float | None, bool]]:
    """The power of each kind of device in watts, and whether it is estimated.

    It is None if a device of that kind is not being read.
    """
    found: dict[str, tuple[float | None, bool]] = {}
    for column in live.columns:
        channel = column.removesuffix("_W")
        name = kind_name(channel) if channel != column else None
        if name is None:
            continue
        kind, now_w = kind_of(channel), power_w(live, channel)
        if kind.by_hand and now_w is None:
            continue  # a reading by hand is of a moment
        before_w, _ = found.get(name, (0.0, False))
        sum_w = None if now_w is None or before_w is None else before_w + now_w
        found[name] = sum_w, kind.origin == "estimated"
    return found
