"""Records a command without a dashboard: baseline, command, repeats, summary."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from recorders import marks
from recorders.client import Client, Config, Finished, RecorderError
from recorders.texts import OwnNote
from recorders.wire import Message, readings
from wattui import __version__
from wattui.capture import process
from wattui.capture.kept import of_its_file
from wattui.capture.matching import Matcher, Matching, compile_pattern
from wattui.capture.progress import Progress, shortfalls
from wattui.capture.run_names import suggested, working_directory
from wattui.capture.signals import Signals, taken
from wattui.capture.stages import Rest, stages, told_repeat
from wattui.config import Settings, config_path, from_options, load
from wattui.errors import INCOMPLETE, UnmetError, UsageError, WattuiError
from wattui.outputs import refusal
from wattui.own_packages import hidden_by

ROWS_HZ = 4.0
STREAMS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class RecordJob:
    """The command to run and how to record it, with everything checked."""

    argv: list[str]
    program: str
    csv: Path
    settings: Settings
    repeats: int
    label: str
    inferences: int | None
    patterns: tuple[re.Pattern[str] | None, re.Pattern[str] | None]
    config: Config
    quiet: bool
    width: int | None = None


def main(options: argparse.Namespace, argv: list[str]) -> int:
    """Record a command; returns its exit status. Raises WattuiError."""
    closed = _occupy_closed_streams()
    job = plan(options, argv)
    with taken() as signals:
        return Headless(job, signals, closed).run()


def plan(options: argparse.Namespace, argv: list[str]) -> RecordJob:
    """Check everything before anything starts. Raises UsageError or NotStartedError."""
    if not argv:
        raise UsageError("no command to record: put it after --, as in `-- python infer.py`")
    settings = replace(load(config_path()), **from_options(options))
    for name in ("repeats", "inferences"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: must be 1 or more")
    if options.inferences is not None and options.count_match is not None:
        raise UsageError("--inferences and --count-match both count: fix: use only one of them")
    count = compile_pattern("--count-match", options.count_match)
    phase = compile_pattern("--phase-match", options.phase_match)
    if options.csv == "":
        raise UsageError("--csv has an empty name: fix: give a name, or omit --csv")
    csv = Path(options.csv) if options.csv else suggested()
    if csv.suffix == ".json":
        raise UsageError(
            f"--csv {csv}: its summary would have the same name: fix: use the extension .csv"
        )
    if reason := refusal(csv, force=True):
        raise UsageError(f"--csv {csv}: {reason}")
    return RecordJob(
        argv=argv,
        program=process.find_program(argv[0], os.environ),
        csv=csv,
        settings=settings,
        repeats=options.repeats,
        label=options.label,
        inferences=options.inferences,
        patterns=(count, phase),
        config=Config(
            csv=csv,
            rate_hz=settings.rate_hz,
            force=options.force,
            estimate=settings.estimate,
            tdp_w=settings.tdp_w,
            all_gpus=settings.all_gpus,
            require=options.require,
            simulate=options.simulate,
            has_command=True,
            version=__version__,
            about={"argv": argv, "cwd": working_directory()},
        ),
        quiet=options.quiet,
        width=options.width,
    )


class Headless:
    """One recording from its baseline to its summary."""

    def __init__(self, job: RecordJob, signals: Signals, closed: Sequence[int]) -> None:
        self._job = job
        self._signals = signals
        self._closed = closed
        self._status: int | None = None
        self._ended_by: int | None = None
        self._statuses: list[int] = []
        self._progress = Progress(job.quiet, job.width)
        self._recorder_lost: str | None = None
        self._unmatched: list[str] = []

    def run(self) -> int:
        """Record; returns the exit status."""
        job = self._job
        if other := _other_workloads(job.argv):
            self._progress.say(
                f"wattui: `python -m workloads` runs {other} here, not the known networks: fix: "
                "wattui workloads"
            )
        self._client = Client(job.config, self._on_message)
        self._progress.prepare()
        ready = _ready(self._client, job)
        self._directory, self._columns = str(ready["directory"]), ready["columns"]
        try:
            try:
                self._record()
            finally:
                done = self._client.finish(
                    argv=job.argv,
                    exit_status=self._status,
                    exit_statuses=self._statuses,
                    ended_by_signal=self._ended_by,
                    repeats=job.repeats,
                )
        except RecorderError as error:
            self._progress.lost(str(error), job.csv)
            return self._status or INCOMPLETE
        finally:
            self._client.close()
        return self._report(of_its_file(done))

    def _record(self) -> None:
        settings = self._job.settings
        for stage in stages(
            settings.idle_s, self._job.repeats, settings.cooldown_s, settings.idle_after_s
        ):
            if self._ended_by is not None:
                return
            if isinstance(stage, Rest):
                self._rest(stage)
            else:
                self._run_command(stage.repeat)

    def _rest(self, rest: Rest) -> None:
        """Leave the machine idle for a while; a signal to end cuts this short."""
        client, seconds = self._client, rest.seconds
        number = client.request(do="begin", phase=rest.phase)["id"]
        client.request(do="rows", rate_hz=ROWS_HZ)
        begun = time.monotonic()
        with self._progress.bar(rest.title, seconds) as bar:
            while (left_s := begun + seconds - time.monotonic()) > 0:
                if info := self._signals.sleep(min(left_s, 1 / ROWS_HZ)):
                    self._end_by(info.si_signo)
                    break
                client.poll()
                bar(time.monotonic() - begun)
        client.request(do="rows", rate_hz=0)
        client.request(do="end", id=number)

    def _run_command(self, repeat: int | None) -> None:
        job = self._job
        self._ask(do="command", repeat=repeat, label=job.label)
        if info := self._signals.sleep(0):
            self._end_by(info.si_signo)
            self._ask(do="command_end", exit_status=self._status, stopped=True)
            return
        environ = told_repeat(environment(), repeat) | {marks.ENVIRONMENT: self._directory}
        matching = None
        if any(job.patterns):
            matching = Matching(Matcher(*job.patterns), lambda request: self._ask(**request))
        try:
            outcome = process.run(
                job.program,
                job.argv,
                environ,
                self._signals,
                lambda pid: self._ask(do="watch", pid=pid),
                matching.put if matching else None,
                self._closed,
                self._look_after_recorder,
            )
            ended_ns = time.monotonic_ns()
        finally:
            if matching:
                matching.finish()
        if matching and matching.missed:
            self._unmatched.append(matching.missed)
            self._ask(do="note", text=f"{OwnNote.UNMATCHED} {matching.missed}", own=True)
        self._ask(
            do="command_end",
            inferences=job.inferences,
            exit_status=outcome.status,
            stopped=outcome.ended_by is not None,
            at_ns=ended_ns,
        )
        self._statuses.append(outcome.status)
        self._status = self._status or outcome.status
        self._ended_by = outcome.ended_by
        if self._recorder_lost is not None:
            raise RecorderError("died", self._recorder_lost)

    def _end_by(self, number: int) -> None:
        """A signal to end came while no command was running."""
        self._ended_by = number
        self._status = 128 + number

    def _look_after_recorder(self) -> None:
        if self._recorder_lost is None:
            try:
                self._client.check()
            except RecorderError as error:
                self._recorder_lost = str(error)

    def _ask(self, **request: Any) -> None:
        """Send a request to the recorder; if it is lost, the command still runs to its end."""
        if self._recorder_lost is None:
            try:
                self._client.request(**request)
            except RecorderError as error:
                self._recorder_lost = str(error)

    def _on_message(self, message: Message) -> None:
        if message["t"] == "row":
            self._progress.row(readings(self._columns, message))
        elif message["t"] == "waiting":
            seconds = message["seconds"]
            self._progress.say(
                f"wattui: the disk under {self._job.csv} does not answer: waiting up to "
                f"{seconds:g} s for it"
            )

    def _report(self, done: Finished) -> int:
        self._progress.summary(done, self._job.csv)
        missing = shortfalls(done, self._job.csv)
        if self._unmatched:
            missing.append(
                f"not matched: {'; '.join(self._unmatched)}: counts may be too low: fix: use a "
                "simpler pattern, print less, or call wattui.count() in the program"
            )
        for line in missing:
            self._progress.say(f"wattui: {line}")
        return self._status or (INCOMPLETE if missing else 0)


def _ready(client: Client, job: RecordJob) -> Message:
    try:
        return client.wait_ready()
    except RecorderError as error:
        if error.code == "exists":
            raise UsageError(f"{error}: fix: use another --csv, or add --force") from None
        if error.code == "busy":
            raise UsageError(f"{error}: fix: use another --csv") from None
        if error.code == "no_place":
            raise UsageError(f"{error}") from None
        if error.code == "unwritable":
            raise UsageError(f"{job.csv}: {error}: fix: use another --csv") from None
        if error.code == "require":
            raise UnmetError(f"--require {error.detail}: {error}: see `wattui doctor`") from None
        raise WattuiError(f"the recorder stopped before it started ({error}): try again") from None


def _other_workloads(argv: Sequence[str]) -> str | None:
    """The module that `python -m workloads` will run if it is not our package."""
    if ("-m", "workloads") not in pairwise(argv):
        return None
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return hidden_by("workloads", [working_directory() or "", *filter(None, given)])


def environment() -> dict[str, str]:
    """The environment as wattui was given it: Python adds LC_CTYPE in the C locale (PEP 538)."""
    environ = dict(os.environ)
    with contextlib.suppress(OSError):
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
        if not any(entry.startswith(b"LC_CTYPE=") for entry in given):
            environ.pop("LC_CTYPE", None)
    return environ


def _occupy_closed_streams() -> list[int]:
    """Fill closed standard streams, so that no file of ours lands on them; returns which."""
    closed = []
    for stream in STREAMS:
        try:
            os.fstat(stream)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
            closed.append(stream)
    return closed
