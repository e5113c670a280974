"""Records a command without a dashboard: baseline, command, repeats, summary."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from recorders.channels import counter_name
from recorders.client import Client, Config, Finished, RecorderError
from recorders.wire import Message, readings
from wattui.calibrations import fit_text
from wattui.capture import process
from wattui.capture.command import RecordedCommand
from wattui.capture.drain import Drain
from wattui.capture.kept import of_its_file, place_of
from wattui.capture.matching import compile_pattern, count_pattern
from wattui.capture.progress import Progress, shortfalls
from wattui.capture.run_names import suggested
from wattui.capture.signals import Signal, Signals, taken
from wattui.capture.stages import Command, CommandStage, Recipe, Rest, stages
from wattui.capture.surroundings import surroundings
from wattui.capture.target import (
    LEAST_REPEATS,
    MOST_REPEATS,
    Reached,
    progress_text,
    read_reached,
)
from wattui.config import config_path, from_options, load
from wattui.errors import INCOMPLETE, UNMET, NotStartedError, UnmetError, UsageError, WattuiError
from wattui.folders import working_directory
from wattui.live.exporting import Exports, exports_of
from wattui.outputs import refusal
from wattui.own_packages import hidden_by
from wattui.runs.run_json import IN_TURN, read_refusals
from wattui.show.printing import say
from wattui.show.remedies import warnings
from wattui.version import __version__

ROWS_HZ = 4.0
# A row is in the file after a second at the latest, if the disk answers.
WRITTEN_S = 3.0
STREAMS = (0, 1, 2)
# An even number of pairs, so that a steady drift cancels.
AB_LABELS, AB_REPEATS = ("A", "B"), 6
# The fix for each reason why the recorder refuses to start.
FIXES = {
    "exists": ": fix: use another --csv, or add --force",
    "busy": ": fix: use another --csv",
    "no_place": "",
}


@dataclass(frozen=True, slots=True)
class RecordJob:
    """The recording to make and how to show it, with everything checked."""

    recipe: Recipe
    programs: Sequence[str]
    config: Config
    quiet: bool
    width: int | None = None
    per: str | None = None
    widest: float | None = None
    target: float | None = None
    exports: Exports | None = None


def main(options: argparse.Namespace, argv: list[str]) -> int:
    """Record a command; returns its exit status. Raises WattuiError."""
    closed = occupy_closed_streams()
    job = plan(options, argv)
    with taken() as signals:
        return Headless(job, signals, closed).run()


def plan(options: argparse.Namespace, argv: list[str]) -> RecordJob:
    """Check everything before anything starts. Raises UsageError or NotStartedError."""
    commands = _commands(options, argv)
    settings = replace(load(config_path()), **from_options(options))
    for name in ("repeats", "inferences"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: must be 1 or more")
    if options.inferences is not None and options.count_match is not None:
        raise UsageError("--inferences and --count-match both count: fix: use only one of them")
    _check_counters(settings.counters)
    if options.target and options.ab:
        raise UsageError("--target is about one command, and there are two: fix: give --repeats")
    if options.target and options.repeats and options.repeats < LEAST_REPEATS:
        raise UsageError(
            f"--target takes {LEAST_REPEATS} repeats or more: fix: --repeats {MOST_REPEATS}"
        )
    count = count_pattern("--count-match", options.count_match)
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
    first, *others = commands
    recipe = Recipe(
        first.argv,
        csv,
        settings.idle_s,
        options.repeats or (AB_REPEATS if others else MOST_REPEATS if options.target else 1),
        settings.cooldown_s,
        settings.idle_after_s,
        first.label,
        options.inferences,
        count,
        phase,
        others[0] if others else None,
        settings.counters,
        settings.meters,
        options.count,
        settings.tokens,
        settings.drain_s,
    )
    return RecordJob(
        recipe=recipe,
        programs=[process.find_program(each.argv[0], os.environ) for each in commands],
        config=Config(
            csv=csv,
            rate_hz=settings.rate_hz,
            force=options.force,
            estimate=settings.estimate,
            tdp_w=settings.tdp_w,
            all_gpus=settings.all_gpus,
            counters=recipe.counters,
            require=options.require,
            simulate=options.simulate,
            meters=recipe.meters,
            tokens=recipe.tokens,
            drain_s=recipe.drain_s,
            quoted=options.per_inference_from,
            counted=recipe.counted,
            wall_fit=fit_text() if options.wall_estimate else "",
            has_command=True,
            version=__version__,
            about={"argv": _as_given(recipe), **surroundings()},
        ),
        quiet=options.quiet,
        width=options.width,
        per=options.per,
        widest=options.require_uncertainty,
        target=options.target,
        exports=exports_of(options),
    )


class OtherRanks(Protocol):
    """The other processes whose commands are in this recording."""

    @property
    def shown(self) -> Path:
        """Where the recording goes."""

    def gather(self, look: Callable[[], None]) -> Signal | None:
        """Wait for them to come, calling `look` meanwhile; returns a signal to end that came."""

    def start(self, directory: str) -> None:
        """Let their commands start, and mark in this directory."""

    def started(self) -> Sequence[int]:
        """The processes of all their commands, if some have started since the last call."""

    def wait(self, look: Callable[[], None], status: int) -> int:
        """Wait for their end after our command ended with `status`, calling `look` meanwhile;
        returns an exit status of theirs that is not 0, or 0."""


class Headless:
    """One recording from its baseline to its summary."""

    def __init__(
        self,
        job: RecordJob,
        signals: Signals,
        closed: Sequence[int],
        others: OtherRanks | None = None,
    ) -> None:
        self._job, self._recipe, self._others = job, job.recipe, others
        self._signals = signals
        self._closed = closed
        self._status: int | None = None
        self._ended_by: int | None = None
        self._statuses: list[int] = []
        self._progress = Progress(job.quiet, job.width, job.per)
        self._recorder_lost: str | None = None
        self._reached: Reached | None = None
        self._first_s = 0.0
        self._unmatched: list[str] = []

    def run(self) -> int:
        """Record; returns the exit status."""
        job, recipe = self._job, self._recipe
        for other in filter(None, (_other_workloads(each.argv) for each in recipe.commands)):
            say(
                f"`python -m workloads` runs {other} here, not the known networks: fix: "
                "wattui workloads"
            )
        self._client = Client(job.config, self._on_message)
        self._progress.prepare()
        ready = _ready(self._client, job)
        self._directory, self._columns = str(ready["directory"]), ready["columns"]
        if not job.quiet:
            say(*warnings(read_refusals(ready["missing"])))
        exporter = job.exports.start(self._directory).wait_ready() if job.exports else None
        if job.exports:
            say(*job.exports.notes)
        try:
            try:
                self._record()
            finally:
                done = self._client.finish(
                    argv=_as_given(recipe),
                    exit_status=self._status,
                    exit_statuses=self._statuses,
                    ended_by_signal=self._ended_by,
                    repeats=recipe.repeats if job.target is None else len(self._statuses),
                )
        except RecorderError as error:
            self._progress.lost(str(error), self._others.shown if self._others else recipe.csv)
            return self._status or INCOMPLETE
        finally:
            self._client.close()
            if exporter:
                exporter.end()
        return self._report(of_its_file(done, recipe.csv, job.config.force))

    def _record(self) -> None:
        left = stages(self._recipe)
        while left and self._ended_by is None:
            stage = left.pop(0)
            if isinstance(stage, Rest):
                self._rest(stage)
                continue
            self._run_command(stage)
            if self._job.target is not None and self._is_enough(self._job.target):
                last = max((n for n, s in enumerate(left) if not isinstance(s, Rest)), default=-1)
                del left[: last + 1]

    def _is_enough(self, target: float) -> bool:
        """Whether the headline is known well enough to stop repeating; says so, or what is left."""
        repeat = len(self._statuses)
        deadline_s = time.monotonic() + WRITTEN_S
        while (found := read_reached(self._recipe.csv, repeat)) is None:
            if time.monotonic() > deadline_s or self._ended_by is not None:
                return False
            if info := self._signals.sleep(1 / ROWS_HZ):
                self._end_by(info.si_signo)
            self._client.poll()
        self._reached = found
        if found.meets(target):
            return True
        if not found.repeats and repeat >= LEAST_REPEATS:
            say(f"--target: every repeat failed: no more of them after {repeat}")
            return True
        if not self._job.quiet and (most := self._recipe.repeats - repeat):
            each_s = (time.monotonic() - self._first_s) / repeat + self._recipe.cooldown_s / repeat
            say(progress_text(found, target, most, each_s))
        return False

    def _say_target(self) -> None:
        """Report whether --target was reached."""
        target, found = self._job.target, self._reached
        if target is None or (self._job.quiet and found and found.meets(target)):
            return
        known = f"{100 * found.share:.2g} %" if found and found.share is not None else "unknown"
        after = f"after {len(self._statuses)} repeats, ± is {known}"
        is_met = found is not None and found.meets(target)
        fix = "" if is_met else ": fix: see wattui summary --explain, or give more --repeats"
        say(f"--target {100 * target:g}%: {'' if is_met else 'not '}reached: {after}{fix}")

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

    def _run_command(self, stage: CommandStage) -> None:
        command = self._recipe.commands[stage.which]
        if self._others and (info := self._others.gather(self._look_after_recorder)):
            self._end_by(info.si_signo)
            return
        self._first_s = self._first_s or time.monotonic()
        self._drain()
        if self._ended_by is not None:
            return
        run = RecordedCommand(self._recipe, stage, self._directory, self._ask, self._drain)
        if info := self._signals.sleep(0):
            run.not_started(self._end_by(info.si_signo), stopped=True)
            return
        if self._others:
            self._others.start(self._directory)

        def look() -> None:
            self._look_after_recorder()
            if self._others and (pids := self._others.started()):
                run.joined(*pids)

        try:
            outcome = process.run(
                self._job.programs[stage.which],
                command.argv,
                run.environ,
                self._signals,
                run.started,
                run.on_output,
                self._closed,
                look,
            )
        except NotStartedError as error:
            self._wait_for_others(error.status)
            run.not_started(error.status, stopped=False)
            raise
        failed = self._wait_for_others(outcome.status)
        if missed := run.ended(outcome.status or failed, outcome.ended_by is not None):
            self._unmatched.append(missed)
        if self._recipe.other and outcome.status and outcome.ended_by is None:
            say(f"{command.label}, repeat {stage.repeat}: failed with exit status {outcome.status}")
        self._statuses.append(outcome.status)
        self._status = self._status or outcome.status
        self._ended_by = outcome.ended_by or self._ended_by
        if self._recorder_lost is not None:
            raise RecorderError("died", self._recorder_lost)

    def _wait_for_others(self, status: int) -> int:
        return self._others.wait(self._look_after_recorder, status) if self._others else 0

    def _end_by(self, number: int) -> int:
        """A signal to end came while no command was running; returns the exit status."""
        self._ended_by = number
        self._status = 128 + number
        return self._status

    def _look_after_recorder(self) -> None:
        if self._recorder_lost is None:
            try:
                self._client.check()
                self._client.poll()
            except RecorderError as error:
                self._recorder_lost = str(error)

    def _drain(self) -> None:
        """Wait for the requests of servers that count tokens at their end."""
        if self._recipe.tokens and self._ended_by is None:
            Drain(self._ask, self._recipe.drain_s).wait(self._sleep, say)

    def _sleep(self, seconds: float) -> bool:
        """Sleep; True if a signal to end cuts this short."""
        if info := self._signals.sleep(seconds):
            self._end_by(info.si_signo)
        return info is not None

    def _ask(self, **request: Any) -> Message:
        """Send a request to the recorder; if it is lost, the command still runs to its end."""
        if self._recorder_lost is None:
            try:
                return self._client.request(**request)
            except RecorderError as error:
                self._recorder_lost = str(error)
        return {}

    def _on_message(self, message: Message) -> None:
        if message["t"] == "row":
            self._progress.row(readings(self._columns, message))
        elif message["t"] == "opening":
            self._progress.opening(message["name"])
        elif message["t"] == "repeat":
            self._progress.repeat(message["text"], message["is_last"])
        elif message["t"] == "waiting":
            seconds = message["seconds"]
            say(
                f"the disk under {self._recipe.csv} does not answer: waiting up to "
                f"{seconds:g} s for it"
            )

    def _report(self, done: Finished) -> int:
        csv = place_of(done, self._recipe.csv)
        self._progress.summary(done, self._others.shown if self._others else csv)
        if self._recipe.other:
            self._progress.verdict(done)
        self._say_target()
        missing = shortfalls(done, csv)
        if self._unmatched:
            missing.append(
                f"not matched: {'; '.join(self._unmatched)}: counts may be too low: fix: use a "
                "simpler pattern, print less, or call wattui.count() in the program"
            )
        say(*missing)
        wide = [] if missing else self._too_wide(done, csv)
        say(*wide)
        return self._status or (INCOMPLETE if missing else UNMET if wide else 0)

    def _too_wide(self, done: Finished, csv: Path) -> list[str]:
        """Why the ± of the headline is wider than allowed, from the file."""
        if self._job.widest is None:
            return []
        from wattui.analysis.cells import quoted_labels
        from wattui.runs.recorded import read_budgets
        from wattui.show.budget import too_wide

        found = read_budgets(csv, quoted_labels(done.summary))
        return list(too_wide(found, self._job.widest))


def _commands(options: argparse.Namespace, argv: list[str]) -> list[Command]:
    """The command after --, or the two of --ab. Raises UsageError."""
    if options.ab is None:
        if options.ab_labels:
            raise UsageError("--ab-labels names the two commands of --ab: fix: add --ab")
        if not argv:
            raise UsageError("no command to record: put it after --, as in `-- python infer.py`")
        return [Command(argv, options.label)]
    if argv:
        raise UsageError("--ab has both commands: fix: leave out the one after --")
    if options.label:
        raise UsageError("--ab labels its commands itself: fix: --ab-labels A B instead of --label")
    if options.repeats == 1:
        raise UsageError("one pair has no verdict: fix: --repeats 6")
    labels = options.ab_labels or AB_LABELS
    if labels[0] == labels[1] or any(not each.strip() or "/" in each for each in labels):
        raise UsageError(
            f"--ab-labels {shlex.join(labels)}: fix: use two different names without a slash"
        )
    return [
        Command(words_of("--ab", t), label) for t, label in zip(options.ab, labels, strict=True)
    ]


def _check_counters(names: Sequence[str]) -> None:
    """Raises UsageError for a counter that no machine has."""
    if names:
        from recorders.sources.counter_names import CounterNames

        known = CounterNames(Path("/"))
        for name in names:
            if why := known.unknown(counter_name(name)):
                raise UsageError(f"--counters {name}: {why}")


def words_of(option: str, text: str) -> list[str]:
    """A command that an option gives, split as a shell would. Raises UsageError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r}: {str(error).lower()}: fix: close the quotes"
        ) from None
    if not words:
        raise UsageError(f"{option} has an empty command: fix: name a program, as in 'python a.py'")
    return words


def _as_given(recipe: Recipe) -> list[str]:
    """The recorded command as written to run.json; of two, the option that named them."""
    if recipe.other is None:
        return list(recipe.argv)
    return [IN_TURN, *(shlex.join(each.argv) for each in recipe.commands)]


def _ready(client: Client, job: RecordJob) -> Message:
    try:
        return client.wait_ready()
    except RecorderError as error:
        if error.code in FIXES:
            raise UsageError(f"{error}{FIXES[error.code]}") from None
        if error.code == "unwritable":
            raise UsageError(f"{job.recipe.csv}: {error}: fix: use another --csv") from None
        if error.code == "counted":
            raise UsageError(f"--count: {error}") from None
        if error.code == "quoted":
            raise UsageError(f"--per-inference-from {job.config.quoted}: {error}") from None
        if error.code == "require":
            raise UnmetError(f"--require {error.detail}: {error}: see `wattui doctor`") from None
        raise WattuiError(f"the recorder stopped before it started ({error}): try again") from None


def _other_workloads(argv: Sequence[str]) -> str | None:
    """The module that `python -m workloads` will run if it is not our package."""
    if ("-m", "workloads") not in pairwise(argv):
        return None
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return hidden_by("workloads", [working_directory() or "", *filter(None, given)])


def occupy_closed_streams() -> list[int]:
    """Fill closed standard streams, so that no file of ours lands on them; returns which."""
    closed = []
    for stream in STREAMS:
        try:
            os.fstat(stream)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
            closed.append(stream)
    return closed
