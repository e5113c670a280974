"""`wattui workloads`: parses, plans, runs, reports. Rows on stdout, messages on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wattui
from workloads import files
from workloads.arguments import ParsedArguments, RepeatChild, again, parse
from workloads.catalogue import catalogue
from workloads.engines import EngineOptions, NoEngine, engine_name, open_engine
from workloads.errors import FAILED, WorkloadError
from workloads.plan import Plan
from workloads.progress import ProgressLine
from workloads.report import ResultLines, cell_lines, end_lines, plan_lines
from workloads.result import CellResult
from workloads.runner import Runner, RunSettings
from workloads.shown import printable, replace_what_cannot_be_encoded
from workloads.stop import Stop, listening

if TYPE_CHECKING:
    from workloads.engine import Engine

# The program's name outside wattui.
ALONE = "python -m workloads"
ARMED_S, COOLDOWN_S, GPU_COOLDOWN_S = 5.0, 1.0, 10.0


def main(argv: Sequence[str] | None = None, prog: str = ALONE) -> int:
    """Run one command line; returns the exit status."""
    replace_what_cannot_be_encoded()
    name = "workloads" if prog == ALONE else prog.split()[0]
    try:
        arguments = sys.argv[1:] if argv is None else argv
        if arguments[:1] == ["serve"]:
            from workloads.serve.command import main as serve

            with listening() as stop:
                return serve(arguments[1:], prog, stop)
        asked = parse(arguments, catalogue(), prog)
        with listening() as stop:
            return _run(asked, stop)
    except WorkloadError as error:
        _say(f"{name}: {error}")
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stdout = None
        return FAILED
    except Exception as error:  # a person gets one line, never a traceback
        if os.environ.get("WATTUI_TRACEBACK"):
            raise
        _say(
            f"{name}: {type(error).__name__}: {str(error).partition(chr(10))[0]}: set "
            "WATTUI_TRACEBACK=1 for a traceback"
        )
        return FAILED


def _run(asked: ParsedArguments, stop: Stop) -> int:
    plan = asked.workload.plan(asked.values)
    repeat = asked.part.repeat if asked.part else _recorded_repeat()
    settings = run_settings(asked.values, wattui.recording(), repeat)
    repeats = asked.values["repeats"]
    if asked.dry_run:
        for line in (*plan_lines(plan, settings, repeats, "not run"), "", *cell_lines(plan)):
            _print(line)
        return 0
    if asked.part is not None:
        return _as_repeat(asked, asked.part, plan, settings, stop)
    with contextlib.ExitStack() as stack:
        result_path, latencies = stack.enter_context(_outputs(asked))
        results: Iterator[CellResult]
        if repeats > 1 and plan.check is None:
            on_engine = asked.workload.on_engine
            title = _engine_options(asked, plan).name if on_engine else NoEngine.title
            # Closed here, while signals are still heard and not raised.
            results = stack.enter_context(contextlib.closing(_in_processes(asked, stop)))
        else:
            engine = _engine(asked, plan)
            title = engine.title
            if plan.check is not None:
                _print("\n".join(plan.check(engine)))
                return 0
            results = _in_this_process(plan, settings, engine, latencies, stop)
        done = _shown(plan, settings, repeats, title, results)
        if result_path is not None:
            head = {"workload": asked.workload.name, "arguments": asked.given, "engine": title}
            before = files.cells_before(result_path)
            files.write_results(result_path, head, done, before)
    return 128 + stop.signal if stop.signal else 0


def run_settings(
    values: Mapping[str, Any], recorded: bool, repeat: int | None = None
) -> RunSettings:
    """The rests and the warm-up; rests that are not given are left out unless recorded."""
    rest_s = COOLDOWN_S if values.get("device", "cpu") == "cpu" else GPU_COOLDOWN_S
    usual_s = (ARMED_S, rest_s) if recorded else (0.0, 0.0)
    given_s = values["armed"], values["cooldown"]
    armed_s, cooldown_s = (
        usual if given is None else given for given, usual in zip(given_s, usual_s, strict=True)
    )
    return RunSettings(armed_s, values["warmup"], cooldown_s, repeat)


def _recorded_repeat() -> int | None:
    """The number of this process among the repeats of `wattui --repeats`."""
    text = os.environ.get(files.REPEAT, "")
    return int(text) if text.isdecimal() else None


def _engine_options(asked: ParsedArguments, plan: Plan) -> EngineOptions:
    values = asked.values
    name = engine_name(plan.engine or values["engine"], values["device"])
    return EngineOptions(name, values["device"], values["threads"], values["channels-last"])


def _engine(asked: ParsedArguments, plan: Plan) -> Engine:
    return open_engine(_engine_options(asked, plan)) if asked.workload.on_engine else NoEngine()


@contextlib.contextmanager
def _outputs(asked: ParsedArguments) -> Iterator[tuple[Path | None, files.LatencyFile | None]]:
    """The requested files, created before anything starts."""
    result, latencies = asked.values["result"], asked.values["latencies"]
    result_path = files.output_file(result, "--result") if result else None
    if latencies is None:
        yield result_path, None
        return
    path = files.output_file(latencies, "--latencies")
    with path.open("a", encoding="utf-8") as file:
        if not path.stat().st_size:
            file.write(files.LatencyFile.COLUMNS)
            file.flush()
        yield result_path, files.LatencyFile(file)


def _shown(
    plan: Plan, settings: RunSettings, repeats: int, title: str, results: Iterator[CellResult]
) -> list[CellResult]:
    """Print the plan, every result as it comes, and a summary."""
    for line in plan_lines(plan, settings, repeats, title):
        _say(line)
    rows = ResultLines(plan)
    _print(rows.header)
    done = []
    for result in results:
        done.append(result)
        _print(rows.row(result))
    for line in end_lines(plan, done):
        _print(line)
    return done


def _in_this_process(
    plan: Plan,
    settings: RunSettings,
    engine: Engine,
    latencies: files.LatencyFile | None,
    stop: Stop,
) -> Iterator[CellResult]:
    with ProgressLine(len(plan.cells), latencies) as progress:
        yield from Runner(engine, settings, stop, progress).run(plan)


def _as_repeat(
    asked: ParsedArguments, part: RepeatChild, plan: Plan, settings: RunSettings, stop: Stop
) -> int:
    """Run one repeat for the parent process: a line of JSON for every result."""
    with contextlib.ExitStack() as stack:
        results = stack.enter_context(open(part.descriptor, "w", encoding="utf-8"))
        latencies = None
        if path := asked.values["latencies"]:
            file = stack.enter_context(open(path, "a", encoding="utf-8"))
            latencies = files.LatencyFile(file)
        for result in _in_this_process(plan, settings, _engine(asked, plan), latencies, stop):
            results.write(json.dumps(files.to_dict(result)) + "\n")
            results.flush()
    return 128 + stop.signal if stop.signal else 0


def _in_processes(asked: ParsedArguments, stop: Stop) -> Generator[CellResult]:
    """Run every repeat in a fresh process, which rests at its end."""
    repeats = asked.values["repeats"]
    for repeat in range(1, repeats + 1):
        if stop:
            return
        _say(f"repeat {repeat} of {repeats}")
        reading, writing = os.pipe()
        argv = [*_again(), *again(asked, RepeatChild(repeat, writing))]
        # In its own process group, so that a Ctrl-C reaches it once, from here.
        child = subprocess.Popen(
            argv, pass_fds=[writing], stdin=subprocess.DEVNULL, process_group=0
        )
        stop.pass_on = child.send_signal
        with child:
            os.close(writing)
            with open(reading, encoding="utf-8") as lines:
                for line in lines:
                    yield files.from_dict(json.loads(line))
        if child.returncode and not stop:
            raise WorkloadError(f"repeat {repeat} ended with status {child.returncode}")


def _again() -> list[str]:
    """The command that runs this package again, with or without the current folder in its path."""
    safe = [] if sys.path[0] == os.getcwd() else ["-P"]
    return [sys.executable, *safe, "-m", "wattui", "workloads"]


def _print(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(printable(line) + "\n")
    sys.stderr.flush()
