"""The energy panel: power, energy and joules per inference of the recording so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich import console
from rich.text import Text

from recorders.channels import kind_of, node_of, number_of, on_node
from recorders.counts import count_text, singular
from recorders.summary.bases import BASES, ENERGY, TOTAL, Basis, per_inference_j
from recorders.summary.figures import Domain, Group, Summary, Value
from recorders.summary.stats import total
from wattui.analysis.cells import cells_of, is_mixed
from wattui.config import Rate
from wattui.show.derived import derived_text
from wattui.show.palette import Palette
from wattui.show.quantities import Units, energy_unit, number, with_uncertainty
from wattui.show.stacking import plain_table
from wattui.tui.state.pace import Now
from wattui.tui.widgets.panel import Panel

NOTHING_YET, MARK = "Nothing has run yet.", " Press space to mark running."
SKIPPED = Text("–  the rows before this time are still being read", "dim")
ROWS_OF_TABLES = 8
# With more domains than this, they are grouped by kind.
MOST_DOMAINS = 8
# Of more labels than this, the table has no lines of ±.
MOST_ERRORS = 6
# Names are truncated, figures never.
LABEL_COLUMNS = 18
# What stands under the package of the same number.
UNDER_PACKAGE = ("core", "uncore", "dram")
POWERS, TITLES = ("idle", "armed", "running"), ("idle", "armed", "run")


class EnergyPanel(Panel):
    """Shows the summary as if the recording ended now; its first line is the headline figure."""

    BORDER_TITLE = "Energy"

    _shown: tuple[Summary, Palette, Units] | None = None
    pace: tuple[Now, float | None] | None = None
    price: Rate | None = None
    carbon: Rate | None = None
    can_mark = True

    def on_resize(self) -> None:
        """Show again at the new size: the next update may be a while."""
        if self._shown:
            self.show(*self._shown)

    @property
    def headline(self) -> str:
        """The headline's channel, and its first line; empty if nothing has run yet."""
        shown = next(energy_lines(*self._shown), None) if self._shown else None
        return f"{self._shown[0].headline}: {shown.plain}" if self._shown and shown else ""

    def wait(self) -> None:
        """Say that the rows before those that are shown are still being read."""
        self._shown = None
        self.write(SKIPPED)

    def show(self, summary: Summary, palette: Palette, units: Units) -> None:
        """Write the tables, or single lines if the tables do not fit."""
        self._shown = summary, palette, units
        if summary.quoted is None:
            self.write(Text(NOTHING_YET + MARK * self.can_mark, "dim"))
            return
        _, found = _headline_j(summary, summary.quoted)
        first = found[0][0] if found else None
        derived = "" if first is None else derived_text(first.value, self.price, self.carbon)
        now = [pace_line(*self.pace, palette, units)] if self.pace else []
        if self.content_size.height < ROWS_OF_TABLES:
            first_line, *lines = energy_lines(summary, palette, units)
            self.write(Text("\n").join([first_line, *now, *lines]), subtitle=derived)
            return
        parts: list[Any] = []
        for place, part in enumerate(energy_parts(summary, palette, units)):
            parts += [part, *(() if place else now), Text()]
        self.write(console.Group(*parts), subtitle=derived)


def pace_line(now: Now, energy_j: float | None, palette: Palette, units: Units) -> Text:
    """Joules per token and tokens per second of the last window, and how long that is."""
    each_j = None if energy_j is None else energy_j / now.tokens
    factor, unit = energy_unit([each_j], units)
    text = Text("now ", palette.dim)
    text.append(f"{number(None if each_j is None else each_j / factor)} {unit}/token  ")
    text.append(f"{number(now.tokens / now.seconds)} tokens/s  ")
    words = f"over {now.seconds:.0f} s"
    if now.at_end:
        words += ", as tokens come when a request ends"
    return text.append(words + ": too short" * now.is_short, palette.dim)


def energy_lines(summary: Summary, palette: Palette, units: Units) -> Iterator[Text]:
    """Headline figure, powers and joules per inference of the headline channel, a line each; for
    several labels, the joules per inference of each."""
    running, domain = summary.running, summary.quoted
    if running is None or domain is None:
        return
    yield _headline(summary, running, domain, palette, units)
    apart = is_mixed(summary)
    line = Text(f"{summary.headline}  ", palette.dim)
    powers = 1 if apart else len(POWERS)  # those while running would mix the labels
    for title, power_w in zip(POWERS[:powers], _powers_w(domain)[:powers], strict=True):
        line.append(f"{title} ", palette.dim)
        line.append(f"{number(power_w)} W  ")
    factor, unit = energy_unit([], units)
    line.append("running " * apart, palette.dim)
    line.append(f"{_scaled(domain.running_j, factor)} {unit}")
    yield line
    if apart:
        yield _labels_line(summary, palette, units)
        return
    figures = figures_j(domain, running, bool(running.inferences))
    factor, unit = energy_unit(figures, units)
    line = Text(f"{unit}{_per(summary)}  ", palette.dim)
    for basis, cell in zip(BASES, _cells(figures, factor), strict=True):
        line.append(f"{basis.name} ", palette.dim)
        line.append(f"{cell}  ")
    yield line


def energy_parts(summary: Summary, palette: Palette, units: Units) -> Iterator[Any]:
    """Headline figure; watts and joules by domain; joules per inference by domain and label."""
    running, quoted = summary.running, summary.quoted
    if running is None or quoted is None:
        return
    yield _headline(summary, running, quoted, palette, units)
    apart = is_mixed(summary)
    domains = folded(running.domains)
    factor, unit = energy_unit([], units)
    powers = 1 if apart else len(POWERS)  # those while running would mix the labels
    table = plain_table("domain", *(f"{title} W" for title in TITLES[:powers]), f"run {unit}")
    named = list(nested(domains))
    for name, text in named:
        cells = list(map(number, _powers_w(domains[name])[:powers]))
        cells.append(_scaled(domains[name].running_j, factor))
        table.add_row(Text(text), *cells, style=_style(domains[name], palette))
    yield table
    counted = bool(running.inferences)
    values_j = [each for domain in domains.values() for each in figures_j(domain, running, counted)]
    factor, unit = energy_unit(values_j, units)
    title = f"{unit}{_per(summary)}"
    rows = [(Text(text), domains[name], running) for name, text in named]
    if apart:
        channel = summary.headline or ""
        title = f"{channel}, {title.replace('erence', '.')}"
        rows = [(_label(group), group.domains[channel], group) for group in summary.labels]
    table = plain_table(title, *(basis.name for basis in BASES))
    for label, domain, group in rows:
        cells = _cells(figures_j(domain, group, counted), factor)
        table.add_row(label, *cells, style=_style(domain, palette))
        if (apart and len(rows) <= MOST_ERRORS) or domain is quoted:
            errors = _errors(domain, factor) if counted else ()
            if any(errors):
                table.add_row(Text("   ±"), *errors, style=palette.dim)
    yield table


def figures_j(domain: Domain, group: Group, counted: bool) -> list[float | None]:
    """Total, dynamic and marginal joules: per inference if counted, else of all."""
    if counted:
        return [value.value if value else None for value in (b.of(domain) for b in BASES)]
    energy = domain.running_j
    if energy is None:
        return [None] * len(BASES)
    bases_w = (basis.baseline_w(domain) for basis in BASES)
    return [
        None if base_w is None else per_inference_j(energy.value, base_w, group.seconds, 1)
        for base_w in bases_w
    ]


def nested(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Channels and their texts, with cores and DRAM indented under their package."""
    above = {name: parent for name in names if (parent := _package_of(name)) in names}
    for name in names:
        if name not in above:
            yield name, name
            yield from ((child, f"└ {child}") for child, parent in above.items() if parent == name)


def _package_of(name: str) -> str:
    """The package that a domain stands under; empty if none."""
    number = number_of(name)
    has_one = number is not None and kind_of(name).name in UNDER_PACKAGE
    return on_node(node_of(name), f"package{number}") if has_one else ""


def folded(domains: Mapping[str, Domain]) -> Mapping[str, Domain]:
    """The domains, summed by kind if there are too many."""
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


def _together(domains: Sequence[Domain]) -> Domain:
    """The sum of several domains; unknown if one of them is."""
    return Domain(
        domains[0].origin,
        total(domain.idle_w for domain in domains),
        total(domain.armed_w for domain in domains),
        total(domain.running_w for domain in domains),
        *(_sum_j([basis.of(domain) for domain in domains]) for basis in (ENERGY, *BASES)),
    )


def _sum_j(values: Sequence[Value | None]) -> Value | None:
    total_j = total(value.value if value else None for value in values)
    return None if total_j is None else Value(total_j)


def _powers_w(domain: Domain) -> tuple[float | None, ...]:
    """What stands under `POWERS`, watts."""
    return domain.idle_w, domain.armed_w, domain.running_w


def _headline_j(
    summary: Summary, domain: Domain
) -> tuple[Basis, list[tuple[Value | None, Group | None]]]:
    """The headline's joules; those of the best and the worst of several labels."""
    if cells := cells_of(summary):
        return cells.basis, [(value, group) for group, value in cells.ends]
    basis = TOTAL if TOTAL.of(domain) else ENERGY
    return basis, [(basis.of(domain), None)]


def _errors(domain: Domain, factor: float) -> list[str]:
    """± of joules per inference; empty where it is unknown."""
    values = (basis.of(domain) for basis in BASES)
    errors = (value.plus_minus if value else None for value in values)
    return ["" if error is None else number(error / factor, 2) for error in errors]


def _headline(
    summary: Summary, running: Group, domain: Domain, palette: Palette, units: Units
) -> Text:
    """The headline figure; for several labels, the best and the worst."""
    basis, found = _headline_j(summary, domain)
    factor, unit = energy_unit([value.value if value else None for value, _ in found], units)
    text = Text()
    for place, (value, group) in enumerate(found):
        text.append(" … " if place else "")
        error = value.plus_minus if value else None
        text.append(with_uncertainty(value.value if value else None, error, factor), "bold")
        if group:
            text.append(" ").append_text(_label(group))
    text.append(f" {unit}" if found else "–", "bold")
    text.append(_per(summary) if basis is TOTAL else " while running", "bold")
    if word := summary.contents or (domain.origin if domain.origin != "measured" else ""):
        text.append(f"  {word}", palette.estimated)
    text.append(f"  {number(running.seconds)} s", palette.dim)
    if running.inferences:
        text.append(f"  {count_text(running.inferences, summary.per)}", palette.dim)
    return text


def _labels_line(summary: Summary, palette: Palette, units: Units) -> Text:
    """The headline channel's joules of each label."""
    basis, _ = _headline_j(summary, summary.labels[0].domains[summary.headline or ""])
    found = [(group, basis.of(group.domains[summary.headline or ""])) for group in summary.labels]
    factor, unit = energy_unit([value.value if value else None for _, value in found], units)
    line = Text(f"{unit}{_per(summary)}", palette.dim)
    for group, value in found:
        line.append("  ").append_text(_label(group))
        line.append(f" {number(value.value / factor if value else None)}")
    return line


def _label(group: Group) -> Text:
    label = Text(group.label)
    label.truncate(LABEL_COLUMNS, overflow="ellipsis")
    return label


def _scaled(energy: Value | None, factor: float) -> str:
    return number(energy.value / factor if energy else None, 5)


def _cells(figures: Sequence[float | None], factor: float) -> list[str]:
    return [number(None if value is None else value / factor) for value in figures]


def _per(summary: Summary) -> str:
    counted = summary.running and summary.running.inferences
    return f"/{singular(summary.per)}" if counted else ""


def _style(domain: Domain, palette: Palette) -> str:
    return "" if domain.origin == "measured" else palette.estimated
