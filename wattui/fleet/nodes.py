"""Reads what the nodes of a run have left in a shared folder: `DIR/run=ID/node=BOOT_ID/`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from recorders.channels import node_of
from recorders.summary.failures import SIGNALLED
from recorders.summary.reduction import Reduction
from wattui.clean import one_line, short
from wattui.errors import UsageError
from wattui.fleet.clock import NS_PER_S, Line
from wattui.fleet.folder import JOURNAL, NODE, PART, RUN, RUN_JSON, nodes_in
from wattui.fleet.phases import Node
from wattui.runs.run_file import NotARunFileError

# What ranks end with whose launcher, or user, stops them.
STOPPED = frozenset(
    SIGNALLED + each for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
)
MOST_AT_ONCE = 8
MOST_HOST = 64

# Parts of a run.json that are of another kind than these are left out.
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("fleet", "host", "clock", "versions", "command", "counted_by_rank"), dict),
    **dict.fromkeys(("lost_rows", "lost_marks"), int),
    "sources": list,
}

Reduce = Callable[[Path, list[str]], Reduction]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A node's recording: its folder's boot_id, its rows, its run.json, and its node of the whole.

    A `journal.csv` is what a lost node left.
    """

    boot_id: str
    rows: Path
    run: Mapping[str, Any]
    node: Node

    @property
    def fleet(self) -> Mapping[str, Any]:
        """What run.json says about the node and its ranks."""
        return _part(self.run, "fleet")

    @property
    def host(self) -> str:
        """The name of its machine; empty if unknown."""
        return str(_part(self.run, "host").get("name", ""))

    @property
    def start_utc_ns(self) -> int | None:
        """The wall clock at its time 0."""
        return _whole(_part(self.run, "clock").get("start_utc_ns"))


@dataclass(frozen=True, slots=True)
class Fleet:
    """The recordings of a run's nodes, those that are not there in words, and remarks.

    `start_utc_ns` is the wall clock at time 0 of the whole.
    """

    run: str
    nodes: Sequence[Recorded]
    absent: Sequence[str]
    remarks: Sequence[str]
    start_utc_ns: int | None


def read_fleet(folder: Path, reduce: Reduce) -> Fleet:
    """Read all nodes of a run, by `reduce`. Raises UsageError if there is none to be read."""
    remarks: list[str] = []
    absent: list[str] = []
    found: list[_Found] = []
    strangers: list[str] = []
    with ThreadPoolExecutor(min(MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
        for read in pool.map(partial(_read, reduce), sorted(nodes_in(folder))):
            if isinstance(read, str):
                absent.append(read)
            elif any(map(node_of, read.reduction.channels)):
                text = f"{read.rows} is of several nodes, so it is left out: fix: move it away"
                # A node that has a run.json of its own has lost its rows to it.
                (absent if _part(read.run, "fleet").get("node") else strangers).append(text)
            else:
                found.append(read)
                remarks += read.remarks
    found, copies = _without_copies(found)
    strangers += copies
    if not found:
        raise UsageError(f"{folder}: {[*absent, *strangers, 'no node is there'][0]}")
    found.sort(key=_order)
    absent += _missing_ranks([each.run for each in found])
    remarks += [*strangers, *absent, *_untold(found), *_versions(found)]
    starts = _starts(found)
    known = [start for start, _ in starts.values() if start is not None]
    first_s = min(known, default=0.0)
    nodes = []
    for number, (boot_id, rows, run, reduction, _) in enumerate(found):
        start, error_s = starts[boot_id]
        ahead_s = 0.0 if start is None else start - first_s
        is_lost, failure = rows.name == JOURNAL, _failure(run)
        title = _title(boot_id, run)
        node = Node(number, title, reduction, ahead_s, error_s, is_lost, failure)
        nodes.append(Recorded(boot_id, rows, run, node))
        if node.is_lost:
            remarks.append(
                f"{node.title} was lost, or still records: its rows end at {node.last_s:.1f} s"
            )
    first = nodes[0]
    start_utc_ns = first.start_utc_ns
    if start_utc_ns is not None:
        start_utc_ns -= int(first.node.ahead_s * NS_PER_S)
    name = folder.resolve().name.removeprefix(RUN)
    return Fleet(name, nodes, absent, remarks, start_utc_ns)


class _Found(NamedTuple):
    """What a node has left, and remarks on its rows."""

    boot_id: str
    rows: Path
    run: Mapping[str, Any]
    reduction: Reduction
    remarks: Sequence[str]


def _read(reduce: Reduce, place: Path) -> _Found | str:
    """What a node has left, or in words that there is nothing to read."""
    boot_id, run, remarks = place.name.removeprefix(NODE), _run_json(place / RUN_JSON), list[str]()
    title = _title(boot_id, run)
    rows = next((place / name for name in (PART, JOURNAL) if (place / name).exists()), None)
    if rows is None:
        return f"{title} has left no rows"
    try:
        reduction = reduce(rows, remarks)
    except (NotARunFileError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return f"{title} has rows that cannot be read ({why})"
    if not reduction.events:
        return f"{title} has left no rows"
    return _Found(boot_id, rows, run, reduction, remarks)


def _without_copies(found: Sequence[_Found]) -> tuple[list[_Found], list[str]]:
    """Each node once, as in the folder of its name if there is one; remarks on the others."""
    kept: dict[object, _Found] = {}
    for each in sorted(found, key=lambda each: each.boot_id != _told_id(each)):
        kept.setdefault(_told_id(each), each)
    own = {each.boot_id for each in kept.values()}
    copies = [
        f"{each.rows} is a copy of {NODE}{kept[_told_id(each)].boot_id}, so it is left out: fix: "
        "move it away"
        for each in found
        if each.boot_id not in own
    ]
    return [each for each in found if each.boot_id in own], copies


def _told_id(found: _Found) -> str:
    """The boot_id in a node's run.json, which its folder is called after."""
    told = _part(_part(found.run, "fleet"), "node").get("boot_id")
    return told if isinstance(told, str) else found.boot_id


def _starts(found: Sequence[_Found]) -> dict[str, tuple[float | None, float | None]]:
    """When each node's time 0 was on one clock, in seconds, and how wrong that may be: by the
    comparison of clocks, or else by the wall clocks."""
    of_wall: dict[str, float | None] = {}
    compared: dict[str, tuple[float, float]] = {}
    for boot_id, _, run, *_ in found:
        clock = _part(run, "clock")
        utc_ns, own_ns = _whole(clock.get("start_utc_ns")), _whole(clock.get("start_monotonic_ns"))
        of_wall[boot_id] = None if utc_ns is None else utc_ns / NS_PER_S
        told = _part(_part(run, "fleet"), "clock")
        if own_ns is None:
            continue
        if told.get("is_reference"):
            compared[boot_id] = own_ns / NS_PER_S, 0.0
        elif (offset := _offset_ns(told, own_ns)) is not None:
            compared[boot_id] = (own_ns + offset[0]) / NS_PER_S, offset[1] / NS_PER_S
    # The two clocks are tied by a node that has both.
    ties = [
        wall_s - compared[boot_id][0]
        for boot_id in compared
        if (wall_s := of_wall[boot_id]) is not None
    ]
    starts: dict[str, tuple[float | None, float | None]] = {}
    for boot_id, wall_s in of_wall.items():
        if boot_id in compared:
            start_s, error_s = compared[boot_id]
            starts[boot_id] = start_s + (ties[0] if ties else 0.0), error_s
        else:
            starts[boot_id] = wall_s, None
    return starts


def _offset_ns(told: Mapping[str, Any], own_ns: int) -> tuple[float, float] | None:
    """The first node's clock minus a node's at a time of the latter, and how wrong it may be."""
    try:
        offset_ns = Line(**_part(told, "line")).offset_at_ns(own_ns)
        errors_ns = [float(each["error_ns"]) for each in told.get("offsets", ())]
        return float(offset_ns), max(errors_ns, default=0.0)
    except (KeyError, TypeError, ValueError):
        return None


def _order(found: _Found) -> tuple[float, str]:
    """By rank of the node, then by name."""
    rank = _part(_part(found.run, "fleet"), "node").get("rank")
    return (float(rank) if isinstance(rank, int) else float("inf")), found.boot_id


def _failure(run: Mapping[str, Any]) -> int:
    """The exit status of the first of a node's ranks that failed by itself, or 0."""
    ranks = _part(run, "fleet").get("ranks")
    for rank in ranks if isinstance(ranks, list) else []:
        status = rank.get("exit_status") if isinstance(rank, dict) else None
        if isinstance(status, int) and 0 < status < 256 and status not in STOPPED:
            return status
    return 0


def _missing_ranks(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Ranks that no node knows of: a node that never started leaves nothing. Those of
    a node whose run.json does not say them are unknown."""
    fleets = [_part(run, "fleet") for run in runs]
    sizes = [size for fleet in fleets if (size := _whole(fleet.get("world_size")))]
    ranks = [own for fleet in fleets if isinstance(own := fleet.get("ranks"), list)]
    there = sum(map(len, ranks))
    if sizes and there < max(sizes) and len(ranks) == len(fleets):
        yield f"{max(sizes) - there} of {max(sizes)} ranks are in no node's recording"


def _untold(found: Sequence[_Found]) -> Iterator[str]:
    for each in found:
        if not isinstance(_part(each.run, "fleet").get("ranks"), list):
            title = _title(each.boot_id, each.run)
            yield f"{title}: its {RUN_JSON} does not say its ranks: some may be missing"


def _versions(found: Sequence[_Found]) -> Iterator[str]:
    told = [_part(each.run, "versions").get("wattui") for each in found]
    versions = {version for version in told if isinstance(version, str)}
    if len(versions) > 1:
        names = " and ".join(map(one_line, sorted(versions)))
        yield f"the nodes were recorded by wattui {names}: fix: install one version on every node"


def _title(boot_id: str, run: Mapping[str, Any]) -> str:
    """A node in words: its host's name and the beginning of its boot_id."""
    host = str(_part(run, "host").get("name", "")) or str(
        _part(_part(run, "fleet"), "clock").get("host", "")
    )
    host = short(one_line(host), MOST_HOST)
    return f"{host} ({one_line(boot_id[:8])})" if host else one_line(boot_id[:8])


def _run_json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    kinds = ((name, part, _KINDS.get(name, object)) for name, part in found.items())
    return {name: part for name, part, kind in kinds if isinstance(part, kind)}


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _whole(found: Any) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) else None
