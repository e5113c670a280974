"""The energies of a recording of several nodes, by node and by kind of device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from recorders.channels import kind_of, node_of
from recorders.summary.figures import Domain, Group, Summary
from recorders.summary.stats import grouped, total
from wattui.show.quantities import number
from wattui.show.stacking import Fitting, plain_table
from wattui.show.summary import print_summary

ALL = "all"
# Of more nodes, only the range is shown.
MOST_ROWS = 16


def node_totals(summary: Summary) -> dict[str, dict[str, float | None]]:
    """The joules while running by node, and by kind of device in the sum of the whole, with ALL.

    None where one part is unknown.
    """
    domains = summary.running.domains if summary.running else {}
    parts = [name for name in domains if node_of(name) and kind_of(name).in_total]
    if not parts:
        parts = [
            name for name in domains if node_of(name) and name.endswith(f"_{summary.headline}")
        ]
    found: dict[str, dict[str, float | None]] = {}
    for node, own in [*grouped(parts, node_of).items(), ("", parts)]:
        by_kind = grouped(own, lambda name: kind_of(name).name)
        cells = {kind: total(_joules(domains[n]) for n in names) for kind, names in by_kind.items()}
        found[node] = {**cells, ALL: total(_joules(domains[name]) for name in own)}
    return found


def print_nodes(
    out: Console, name: str, summary: Summary, titles: Mapping[str, str], mixed: bool = False
) -> None:
    """Print the summary of the whole, and the joules by node and by kind of device; of many nodes
    their range. `titles` says what each node is called."""
    print_summary(out, of_the_whole(summary), Path(name), mixed)
    totals = node_totals(summary)
    kinds = list(dict.fromkeys(kind for cells in totals.values() for kind in cells))
    kinds = [*(kind for kind in kinds if kind != ALL), ALL]
    whole, nodes = totals.pop("", {}), totals
    if not nodes:
        return
    table = plain_table("J while running", *kinds, left=(0,))
    if len(nodes) <= MOST_ROWS:
        for node, cells in nodes.items():
            table.add_row(*_row(f"{node} {titles.get(node, '')}".strip(), cells, kinds))
    else:
        for word, place in (("least", 0.0), ("median", 0.5), ("most", 1.0)):
            cells = {kind: _at(place, [own.get(kind) for own in nodes.values()]) for kind in kinds}
            table.add_row(*_row(f"{word} of {len(nodes):,} nodes", cells, kinds))
    table.add_row(*_row("all nodes", whole, kinds))
    out.print(Fitting(table))


def of_the_whole(summary: Summary) -> Summary:
    """A summary without the channels of single nodes."""
    running = summary.running
    if running is None:
        return summary
    groups = ([running], summary.labels, summary.repeats)
    own, labels, repeats = ([_without_nodes(group) for group in each] for each in groups)
    return replace(summary, running=own[0], labels=labels, repeats=repeats, shares=[])


def _without_nodes(group: Group) -> Group:
    domains = {name: each for name, each in group.domains.items() if not node_of(name)}
    return replace(group, domains=domains)


def _at(place: float, values: Sequence[float | None]) -> float | None:
    """The value at a place of those that are known, from the least to the most."""
    known = sorted(value for value in values if value is not None)
    return known[round(place * (len(known) - 1))] if known else None


def _row(name: str, cells: Mapping[str, float | None], kinds: Sequence[str]) -> list[Text]:
    values = (cells.get(kind) for kind in kinds)
    return [Text(name), *(Text("–" if v is None else number(v, 5)) for v in values)]


def _joules(domain: Domain) -> float | None:
    return domain.running_j.value if domain.running_j else None
