"""The energies of a recording of several nodes, by node and by kind of device."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from recorders.channels import kind_of, node_of
from recorders.summary.figures import Domain, Summary
from recorders.summary.stats import grouped, total
from wattui.show.quantities import number
from wattui.show.stacking import plain_table


def node_totals(summary: Summary) -> dict[str, dict[str, float | None]]:
    """The joules while running by node, and by kind of device in the sum of the whole, with `all`.

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
        found[node] = {**cells, "all": total(_joules(domains[name]) for name in own)}
    return found


def print_nodes(out: Console, summary: Summary, titles: Mapping[str, str]) -> None:
    """Print a table of them; `titles` says what each node is called."""
    totals = node_totals(summary)
    kinds = list(dict.fromkeys(kind for cells in totals.values() for kind in cells))
    kinds = [*(kind for kind in kinds if kind != "all"), "all"]
    if len(totals) < 2:
        return
    headings = [kind_nouns(kind) for kind in kinds]
    table = plain_table("J while running", *headings, left=(0,))
    for node, cells in totals.items():
        name = f"{node} {titles.get(node, '')}".strip() if node else "all nodes"
        values = (cells.get(kind) for kind in kinds)
        texts = ["–" if value is None else number(value, 5) for value in values]
        table.add_row(*map(Text, [name, *texts]))
    out.print(table)


def kind_nouns(kind: str) -> str:
    """A kind of device as a heading."""
    return kind


def _joules(domain: Domain) -> float | None:
    return domain.running_j.value if domain.running_j else None
