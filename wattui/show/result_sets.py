"""A recording's results as a table that can be exported, published and compared."""

from __future__ import annotations

from wattui.analysis.macs import command_macs
from wattui.analysis.results import group_rows, rows
from wattui.analysis.results_file import ResultSet
from wattui.runs.recorded import Run
from wattui.show.remedies import REMEDIES
from wattui.show.summary import machine_line


def result_set(run: Run, name: str) -> ResultSet:
    """All of a recording's results; MACs are those of the workload that it ran, if any."""
    argv = command_of(run)
    return ResultSet(
        name,
        run.summary["headline"],
        rows(run.summary, command_macs(argv)[1]),
        argv,
        machine_line(run.run).plain,
        [flag | {"remedy": REMEDIES.get(flag["name"], "")} for flag in run.summary["flags"]],
    )


def figures_of(run: Run, name: str) -> ResultSet:
    """What is compared of a recording: its running phases taken together, without MACs."""
    return ResultSet(name, run.summary["headline"], group_rows(run.summary))


def command_of(run: Run) -> list[str]:
    """The recorded command's words; empty where none is known."""
    argv = run.run.get("command", {}).get("argv")
    return [str(word) for word in argv] if isinstance(argv, list) else []
