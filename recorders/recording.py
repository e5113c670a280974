"""One recording, from the opening of its sources to the summary."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from recorders import directory, wire
from recorders.census import Census
from recorders.channels import METER, with_unit
from recorders.clock import Clock
from recorders.conductor import Conductor
from recorders.front_end_pipe import FrontEndPipe
from recorders.guard import Guard
from recorders.inbox import Inbox
from recorders.machine import host_facts, versions
from recorders.marks import PIPE, CountPages
from recorders.meters.specs import parse_meters
from recorders.probe import Found, Wanted, probe
from recorders.process_table import ProcessTable
from recorders.processes import end_recorded
from recorders.publisher import Publisher
from recorders.recorder import Recorder
from recorders.rows import Layout
from recorders.runfile import (
    FORMAT_VERSION,
    RunFile,
    RunFileBusyError,
    RunFileExistsError,
    journal_path,
)
from recorders.sources.system import ProcessTree
from recorders.summary import by_hand
from recorders.summary.contents import missing_note
from recorders.summary.summary import summarise
from recorders.summing import not_counted
from recorders.texts import OwnNote
from recorders.writer import Writer, run_as_others

COMMAND_GRACE_S = 2.0
# At the end, wait this long for the counts of servers that did not come in time for an edge.
SERVERS_S = 2.0
# At the end, wait this long for an unresponsive disk before saying so.
DISK_S, DISK_SILENT_S = 30.0, 1.0
# The sampling thread never waits longer than this for the thread of a slow source.
SWITCH_S = 0.0001


def record(config: dict[str, Any], marks: Path, outlet: FrontEndPipe, guard: Guard) -> int:
    """Open the sources and the file, and record; returns the exit status."""
    scheduler = _run_on_time()
    wanted = Wanted(
        root=Path(config.get("root", "/")),
        estimate=config["estimate"],
        tdp_w=config["tdp_w"],
        all_gpus=config["all_gpus"],
        simulate=config["simulate"],
        meters=config["meters"],
        counters=config.get("counters", ()),
        tokens=config.get("tokens", ()),
        has_command=config["has_command"],
    )
    found = probe(
        wanted,
        lambda name, waited_s: outlet.send({"t": "opening", "name": name, "waited_s": waited_s}),
    )
    unmet = [need for need in config["require"] if not found.has_measured(need)]
    if unmet:
        # An estimate is never what is required.
        refused = (each for each in found.refused if each.source != "estimate")
        reasons = "; ".join(f"{each.source}: {each.reason}" for each in refused)
        outlet.finish({"t": "error", "code": "require", "need": unmet[0], "text": reasons})
        return 3
    read = [channel for source in found.sources for channel in source.channels()]
    names = [meter.name for meter in parse_meters(config["meters"])]
    config["meters"] = by_hand.unread(names, read)
    try:
        config["left_out"] = not_counted(
            config.get("counted", ()),
            [each.name for each in read],
            [refusal.part for refusal in found.refused],
        )
    except ValueError as error:
        outlet.finish({"t": "error", "code": "counted", "text": str(error)})
        return 2
    layout = Layout([*read, *by_hand.channels(config["meters"])], config["left_out"])
    quoted = _channel_to_quote(config["quoted"], layout)
    if config["quoted"] and not quoted:
        known = ", ".join(_energies(layout))
        outlet.finish({"t": "error", "code": "quoted", "text": f"there is only {known}"})
        return 2
    config["quoted"] = quoted
    try:
        file = _open_file(config, layout)
    except RunFileExistsError as error:
        outlet.finish({"t": "error", "code": "exists", "text": str(error)})
        return 2
    except RunFileBusyError as error:
        outlet.finish({"t": "error", "code": "busy", "text": str(error)})
        return 2
    except OSError as error:
        outlet.finish({"t": "error", "code": "unwritable", "text": str(error.strerror)})
        return 2
    return _record(config, found, layout, file, marks, outlet, guard, scheduler)


def _channel_to_quote(name: str, layout: Layout) -> str:
    """The channel with this name, or that of the meter; empty if there is none."""
    known = _energies(layout)
    return next((each for each in (name, f"{METER}{name}") if each in known), "")


def _energies(layout: Layout) -> list[str]:
    return with_unit(layout.columns, "J")


def _open_file(config: dict[str, Any], layout: Layout) -> Writer | None:
    if not config["csv"]:
        return None
    path = Path(config["csv"])
    if not config["force"] and os.path.lexists(path):
        raise RunFileExistsError(str(path))
    return Writer(RunFile(journal_path(path), layout.header, config["force"], directory.places()))


def _record(
    config: dict[str, Any],
    found: Found,
    layout: Layout,
    file: Writer | None,
    marks: Path,
    outlet: FrontEndPipe,
    guard: Guard,
    scheduler: str,
) -> int:
    clock = Clock()
    inbox = Inbox(marks, 0, outlet.send)
    pages = CountPages(str(marks), [found.servers] if found.servers else [])
    recorder = Recorder(
        found.sources,
        layout,
        file,
        pages,
        inbox,
        clock,
        config["rate_hz"],
        outlet.send,
        config["follow"],
        ProcessTable(partial(Census, found.root or Path("/")), found.gpu_users, ProcessTree),
    )
    for refusal in found.refused:
        if refusal.part:
            recorder.note(missing_note(refusal.part, refusal.reason))
        if refusal.flag:
            recorder.note(f"{refusal.flag} {refusal.reason}")
    if config["wall_fit"]:
        recorder.note(f"{OwnNote.WALL_FIT} {config['wall_fit']}")
    if config["left_out"]:
        recorder.note(f"{OwnNote.NOT_COUNTED} {' '.join(config['left_out'])}")
    if config["quoted"]:
        recorder.note(f"{OwnNote.HEADLINE} {config['quoted']}")
    conductor = Conductor(
        recorder,
        pages,
        config["meters"],
        config["rank"],
        found.servers,
        config.get("drain_s", 0.0),
    )
    signal.signal(signal.SIGTERM, lambda *_: recorder.stop())
    run = {
        "format": FORMAT_VERSION,
        "status": "recording",
        "versions": versions(config["version"]),
        "host": host_facts(Path(config.get("root", "/"))),
        "clock": {
            "name": "CLOCK_MONOTONIC",
            "start_monotonic_ns": clock.start_ns,
            "start_utc_ns": clock.start_utc_ns,
        },
        "sources": [
            {
                "name": source.name,
                "reader": source.reader,
                "channels": [
                    asdict(replace(channel, in_total=layout.is_summed(channel)))
                    for channel in source.channels()
                ],
                "devices": dict(source.facts()),
            }
            for source in found.sources
        ]
        + by_hand.as_source(config["meters"]),
        "missing": [asdict(refusal) for refusal in found.refused],
        "command": config["about"],
        "scheduler": scheduler,
    }
    run = wire.decode(wire.encode(_finite(run)))
    if file:
        try:
            file.begin(run)
        except OSError as error:
            text = f"run.json: {error.strerror}"
            outlet.finish({"t": "error", "code": "unwritable", "text": text})
            return 2
    if config["publish"]:
        _publish(recorder, layout, run, marks, config)
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    outlet.send(
        {
            "t": "ready",
            "directory": str(marks),
            "columns": layout.columns,
            "sources": run["sources"],
            "missing": run["missing"],
            "absent": [asdict(refusal) for refusal in found.absent],
            "took_s": found.took_s,
            "start_monotonic_ns": clock.start_ns,
        }
    )
    recorder.run(conductor.handle)
    conductor.stop({"recorder": "told to end"})
    if not (marks / PIPE).exists():
        conductor.note_unreachable()
    for part in found.appeared():
        recorder.note(missing_note(part, "it appeared after the recording started"))
    if found.servers:
        found.servers.settle(SERVERS_S)
    recorder.close()
    run_as_others()
    inbox.close()
    stop = conductor.stop_request or {}
    if "front_end" in stop and config["has_command"] and config["rank"] is None:
        end_recorded([marks], conductor.command_pid, COMMAND_GRACE_S)
    if "recorder" not in stop:
        guard.dismiss()
    end_ns = clock.monotonic_ns()
    run["clock"] |= {"end_monotonic_ns": end_ns, "end_utc_ns": clock.wall_ns()}
    run["status"] = "finished" if "command" in stop else "broken off"
    run["command"] |= stop.get("command", {})
    run["sampling"] = recorder.sampling()
    run["update_periods_s"] = recorder.update_periods_s()
    run["lost_marks"] = conductor.lost_marks
    if counted := pages.by_rank():
        run["counted_by_rank"] = counted
    run["summary"] = summarise(recorder.reduction).to_dict()
    if file is None:
        outlet.finish({"t": "done", "run": run | {"lost_rows": 0}, "write_error": None})
        return 0
    _finish_file(file, run, outlet)
    directory.remove(marks)
    # The front end has its answer. Write the remaining rows when an unresponsive disk recovers.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    file.wait(None)
    return 0


def _publish(
    recorder: Recorder, layout: Layout, run: dict[str, Any], marks: Path, config: dict[str, Any]
) -> None:
    """Let other programs of this user read the newest values; not vital to the recording."""
    fixed = {
        "pid": os.getpid(),
        "version": config["version"],
        "csv": config["csv"],
        "rate_hz": config["rate_hz"],
        "start_monotonic_ns": run["clock"]["start_monotonic_ns"],
        "start_utc_ns": run["clock"]["start_utc_ns"],
        "argv": run["command"].get("argv", []),
        "sources": [
            {
                "name": source["name"],
                "channels": [
                    {key: channel[key] for key in ("name", "unit", "origin", "in_total")}
                    for channel in source["channels"]
                ],
            }
            for source in run["sources"]
        ],
        "periods_s": recorder.update_periods_s(),
        "refused": sorted({refusal["source"] for refusal in run["missing"]}),
    }
    with contextlib.suppress(OSError):
        recorder.publish_to(Publisher(marks, fixed, layout.columns))


def _finish_file(file: Writer, run: dict[str, Any], outlet: FrontEndPipe) -> None:
    """Write the remaining rows if the disk responds in time, and report the outcome."""
    file.finish(run)
    # Fingerprinting reads the whole file again, which is slow for a long file on any disk.
    if not file.wait(DISK_SILENT_S) and (file.owed_bytes or not file.wait(DISK_S / 6)):
        outlet.send({"t": "waiting", "seconds": DISK_S})
        file.wait(DISK_S)
    error = file.error if file.ended else "the disk is not responding"
    while file.news:
        outlet.send(file.news.popleft())
    done = {"t": "done", "run": run | file.account(), "write_error": error}
    outlet.finish(done if file.ended else done | {"left_to": os.getpid()})


def _finite(value: Any) -> Any:
    """The value with infinities replaced by None, as JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and value == float("inf") else value


def _run_on_time() -> str:
    """Ask for real-time scheduling, so that a busy machine does not delay the readings."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (OSError, AttributeError):
        return "normal"
    return "SCHED_RR"
