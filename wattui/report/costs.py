"""Kilowatt-hours, money and CO2 of a run, from a stated price and grid intensity. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorders.counts import plural
from recorders.summary.bases import ENERGY, TOTAL
from recorders.summary.figures import Group, Value
from wattui.analysis.cells import MOST_SHOWN, is_mixed
from wattui.report.document import Block, PageTable, Words
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.show.derived import J_PER_KWH
from wattui.show.quantities import prefix_for, with_uncertainty
from wattui.show.summary import origin_word

MILLION = 1_000_000
WH_PER_J = 1e3 / J_PER_KWH


def cost_blocks(loaded: ReportRun, wish: ReportOptions) -> Iterator[Block]:
    """A table of the total energy while running, and of a million inferences; nothing if neither a
    price nor an intensity is stated."""
    running, domain = loaded.summary.running, loaded.domain(wish)
    if running is None or domain is None or not (wish.price or wish.carbon):
        return
    of_domain = running.domains[domain]
    rows = [("while running", ENERGY.of(of_domain))]
    groups: list[tuple[str, Group]] = [("", running)]
    if is_mixed(loaded.summary):
        groups = [(f", {group.label}", group) for group in loaded.summary.labels[:MOST_SHOWN]]
    for name, group in groups:
        if joules := TOTAL.of(group.domains[domain]):
            rows.append((f"a million {plural(loaded.summary.per)}{name}", joules.times(MILLION)))
    columns = list(_columns([joules for _, joules in rows], wish))
    caption = f"Energy, money and CO₂, total energy of channel {domain}"
    yield PageTable(
        caption + origin_word(of_domain.origin),
        ("for", *(title for title, _ in columns)),
        tuple((name, *(_cell(joules, per_j) for _, per_j in columns)) for name, joules in rows),
    )
    yield Words(_factors_text(wish))


def _columns(joules: Sequence[Value | None], wish: ReportOptions) -> Iterator[tuple[str, float]]:
    """The title of each column, and its amount for a joule."""
    known = [each.value for each in joules if each]
    factor, prefix = prefix_for([value * WH_PER_J for value in known])
    yield f"{prefix}Wh", WH_PER_J / factor
    if wish.price:
        yield wish.price.text or "money", wish.price.per_kwh / J_PER_KWH
    if wish.carbon:
        per_j = wish.carbon.per_kwh / J_PER_KWH
        factor, prefix = prefix_for([value * per_j for value in known])
        yield f"{prefix}g CO₂", per_j / factor


def _cell(joules: Value | None, per_j: float) -> str:
    if joules is None:
        return "–"
    return with_uncertainty(joules.value, joules.plus_minus, 1 / per_j) if per_j else "0"


def _factors_text(wish: ReportOptions) -> str:
    """The factors; they have no ±."""
    said = []
    if wish.price:
        said.append(f"{wish.price.per_kwh:g} {wish.price.text}".rstrip() + " per kWh")
    if wish.carbon:
        source = f" ({wish.carbon.text})" if wish.carbon.text else ""
        said.append(f"{wish.carbon.per_kwh:g} g CO₂ per kWh{source}")
    return f"Derived with {' and '.join(said)}, as stated; ± is that of the energy alone."
