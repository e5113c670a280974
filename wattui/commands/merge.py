"""`wattui merge`: one run file of a recording over many nodes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recorders.drafts import discard, write_draft
from recorders.rows import UtcText
from recorders.runfile import FORMAT_VERSION, json_path, write_json
from recorders.summary.figures import Summary
from recorders.summary.summary import summarise
from wattui.capture.progress import waiting
from wattui.commands.parser import Parser
from wattui.errors import INCOMPLETE
from wattui.fleet.folder import run_folder
from wattui.fleet.merging import Whole, merged
from wattui.fleet.nodes import Fleet, Recorded, read_fleet
from wattui.outputs import OutputError, drafted, refusal
from wattui.runs.identity import identity
from wattui.runs.naming import load_named, naming
from wattui.runs.recorded import SummaryRow
from wattui.runs.run_file import SUFFIXES, is_parquet
from wattui.runs.run_json import read_run_json
from wattui.show.printing import console, say
from wattui.show.width import add_width
from wattui.version import __version__

# Of more nodes, labels and repeats have only the figures of the whole.
MOST_NODES = 16
MOST_REMARKS = 20


def parser() -> argparse.ArgumentParser:
    """The parser of the subcommand."""
    found = Parser(
        prog="wattui merge",
        description="Make one run file of the recordings that the nodes of a job left in a shared "
        "folder (--csv DIR/). Every command reads it as any other.",
    )
    found.add_argument("folder", metavar="DIR", help="the shared folder, or DIR/run=ID in it")
    found.add_argument(
        "-o", "--out", metavar="FILE", required=True, help="run file to write, .csv or .parquet"
    )
    found.add_argument("--force", action="store_true", help="replace an existing file")
    found.add_argument("--quiet", action="store_true", help="print no summary")
    add_width(found)
    return found


def main(options: argparse.Namespace) -> int:
    """Write the file, and print its summary; the status is 1 if a node is lost or missing.

    Raises UsageError.
    """
    out = Path(options.out)
    for path in (out, json_path(out)):
        reason = refusal(path, (), SUFFIXES if path == out else (), force=options.force)
        if reason:
            raise OutputError(reason)
    with waiting(f"reading {options.folder}"):
        fleet, whole = merge(Path(options.folder), out, options.force)
    say(*_some([*fleet.remarks, *whole.remarks]))
    if not options.quiet:
        from wattui.show.nodes import print_nodes

        print_nodes(
            console(width=options.width), str(out), load_named(out).by(None).summary, _titles(fleet)
        )
    return INCOMPLETE if is_partial(fleet) else 0


def is_partial(fleet: Fleet) -> bool:
    """Whether a node is lost or missing."""
    return bool(fleet.absent) or any(each.node.is_lost for each in fleet.nodes)


def _titles(fleet: Fleet) -> dict[str, str]:
    return {each.node.name: each.node.title for each in fleet.nodes}


def _some(remarks: Sequence[str]) -> list[str]:
    """The remarks, each once, and not too many."""
    found = list(dict.fromkeys(remarks))
    more = len(found) - MOST_REMARKS
    return [*found[:MOST_REMARKS], *([f"and {more} remarks more"] if more > 0 else [])]


def read_edges(folder: Path) -> tuple[SummaryRow, dict[str, str], bool]:
    """The summary of a run over many nodes, from their rows with events alone; what each node is
    called, and whether one is lost or missing. Raises UsageError."""
    from wattui.runs.reduce import reduce_edges

    fleet = read_fleet(folder, reduce_edges)
    whole = merged([each.node for each in fleet.nodes], fleet.absent)
    summary = summarise(whole.reduction, by_node=len(fleet.nodes) <= MOST_NODES)
    begun = None if fleet.start_utc_ns is None else UtcText()(fleet.start_utc_ns)
    command = read_run_json(fleet.nodes[0].run)[0].command or None
    remarks = _some([*fleet.remarks, *whole.remarks])
    row = SummaryRow(str(folder), begun, command, summary, remarks)
    return row, _titles(fleet), is_partial(fleet)


def merge(folder: Path, out: Path, force: bool = False) -> tuple[Fleet, Whole]:
    """Write the run file of a fleet, and its run.json. Raises UsageError."""
    from wattui.fleet.merged_file import write_merged
    from wattui.runs.convert import write_parquet
    from wattui.runs.reduce import reduce_every_second

    place = run_folder(folder)
    fleet = read_fleet(place, reduce_every_second)
    whole = merged([each.node for each in fleet.nodes], fleet.absent)
    with naming(place), drafted(out, force) as draft:
        if is_parquet(out):
            rows = write_draft(out, b"")
            try:
                write_merged(fleet, whole, rows)
                write_parquet(rows, draft)
            finally:
                discard(rows)
        else:
            write_merged(fleet, whole, draft)
    try:
        run = load_named(out)
        write_json(out, _run(fleet, run.summary) | {"csv": identity(out)})
    except OSError as error:
        raise OutputError(f"{json_path(out)} cannot be written ({error.strerror})") from None
    return fleet, whole


def _run(fleet: Fleet, summary: Summary) -> dict[str, Any]:
    """The content of run.json: which node is which, and of each what differs."""
    first = fleet.nodes[0].run
    lost = [each.node.is_lost for each in fleet.nodes]
    return {
        "format": FORMAT_VERSION,
        "status": "broken off" if any(lost) else "finished",
        "versions": dict(first.get("versions", {})) | {"wattui": __version__},
        "host": first.get("host", {}),
        "clock": {"start_utc_ns": fleet.start_utc_ns} if fleet.start_utc_ns else {},
        "sources": [source for each in fleet.nodes for source in _sources(each)],
        "missing": [],
        "command": first.get("command", {}),
        "sampling": first.get("sampling"),
        "update_periods_s": {},
        "lost_rows": sum(int(each.run.get("lost_rows") or 0) for each in fleet.nodes),
        "lost_marks": sum(int(each.run.get("lost_marks") or 0) for each in fleet.nodes),
        **_counted(fleet),
        "fleet": {"run": fleet.run, "nodes": list(map(_node, fleet.nodes)), "absent": fleet.absent},
        "summary": summary.to_dict(),
    }


def _counted(fleet: Fleet) -> dict[str, Any]:
    """What each rank counted, whatever its node."""
    found = [each.run.get("counted_by_rank") for each in fleet.nodes]
    counted = {rank: n for part in found if isinstance(part, dict) for rank, n in part.items()}
    return {"counted_by_rank": counted} if counted else {}


def _sources(each: Recorded) -> list[dict[str, Any]]:
    """The sources of a node, with the names of its channels among those of all."""
    return [
        {
            **source,
            "name": f"{each.node.name} {source.get('name')}",
            "channels": [
                {**channel, "name": f"{each.node.name}_{channel.get('name')}"}
                for channel in _objects(source.get("channels"))
            ],
        }
        for source in _objects(each.run.get("sources"))
    ]


def _objects(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _node(each: Recorded) -> dict[str, Any]:
    node = each.node
    return {
        "node": node.number,
        "boot_id": each.boot_id,
        "host": each.host,
        "status": "lost" if node.is_lost else each.run.get("status"),
        "ahead_s": round(node.ahead_s, 9),
        "clock_error_s": node.error_s,
        "version": each.run.get("versions", {}).get("wattui"),
        "fleet": dict(each.fleet),
    }
