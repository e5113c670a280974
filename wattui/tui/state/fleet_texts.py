"""What the table of a fleet says of its nodes and their sum, as texts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from recorders.counts import INFERENCES, singular
from wattui.clean import one_line
from wattui.show import plot
from wattui.show.palette import Palette
from wattui.show.quantities import counted, energy_unit, number
from wattui.tui.state import fleet as state
from wattui.tui.state.fleet import Amount, FleetNow
from wattui.tui.state.fleet_node import NodeNow, State, ranks_text

UNKNOWN = "–"
ENDED = (State.FINISHED, State.BROKEN_OFF)
SUM = "sum"
NO_FIGURES = "nothing was counted in a running phase yet"


def texts(node: NodeNow, per: str) -> dict[str, str]:
    """The texts of a node's row; – for what is unknown."""
    return {
        "node": node.name,
        "rank": ranks_text(node.facts.ranks),
        "state": node.state_text,
        "phase": node.phase or UNKNOWN,
        "label": node.label or UNKNOWN,
        "W": number(node.power_w),
        "J": joules(node.energy_j),
        "count": count_text(node.counts),
        state.J_PER: energy_text(node.j_per(per)),
        "of": node.of_text if node.energy_j is not None else node.why,
    }


def sum_texts(now: FleetNow) -> dict[str, str]:
    """The texts of the sum's row."""
    power, energy, per = now.power_w, now.energy_j, now.j_per_one
    return {
        "node": SUM,
        "state": now.contains if len(now.contains) <= 12 else now.contains.partition(",")[0],
        "W": number(power.value) if power else UNKNOWN,
        "J": joules(energy.value) if energy else UNKNOWN,
        "count": count_text(now.counts),
        state.J_PER: energy_text(per.value) if per else UNKNOWN,
        "of": now.contains,
    }


def headline(now: FleetNow) -> str:
    """Joules per what was counted of the whole so far, and what the sums contain."""
    per, power = now.j_per_one, now.power_w
    words = []
    if per:
        so_far = "" if all(node.state in ENDED for node in now.nodes) else " so far"
        figure = f"{energy_text(per.value)} per {singular(now.per)}{so_far}"
        words.append(figure + _share(per, now))
    words.append(f"sum of {now.contains}")
    if power and power.nodes < len(now.nodes):
        words.append(f"power of {power.nodes} of {counted(len(now.nodes), 'node')}")
    return " · ".join(words if per else [*words, NO_FIGURES])


def happened(each: state.Happening) -> str:
    """What happened, with the local time."""
    moment = time.strftime("%H:%M:%S", time.localtime(each.utc_s))
    return one_line(f"{moment} {each.node} {each.what}")


def energy_text(energy_j: float | None) -> str:
    """An energy with its unit."""
    if energy_j is None:
        return UNKNOWN
    factor, unit = energy_unit([energy_j])
    return f"{number(energy_j / factor)} {unit}"


def joules(energy_j: float | None) -> str:
    """An energy in joules, to a tenth where it is large."""
    return number(energy_j) if energy_j is None or energy_j < 1000 else f"{energy_j:,.0f}"


def count_text(counts: Mapping[str, int]) -> str:
    """What was counted: inferences as a number, anything else with its name."""
    for name, n in counts.items():
        return f"{n:,}" if name == INFERENCES else f"{n:,} {name}"
    return UNKNOWN


def spark(powers_w: Sequence[float], top_w: float, width: int, glyphs: plot.Glyphs) -> str:
    """The last powers as bars from 0 to `top_w`, watts."""
    last, steps = powers_w[-width:], len(glyphs.bars)
    if top_w <= 0:
        return ""
    levels = (round(max(0.0, each) / top_w * (steps - 1)) for each in last)
    return "".join(glyphs.bars[level] for level in levels).rjust(width)


def state_style(node_state: State, palette: Palette) -> str:
    """The colour of a state."""
    styles = {
        State.LOST: f"bold {palette.alarm}",
        State.BROKEN_OFF: f"bold {palette.alarm}",
        State.SILENT: palette.estimated,
        State.FINISHED: palette.dim,
        State.STARTING: palette.dim,
    }
    return styles.get(node_state, palette.of_phase("running"))


def _share(amount: Amount, now: FleetNow) -> str:
    there = len(now.nodes)
    return "" if amount.nodes == there else f" ({amount.nodes} of {there} nodes)"
