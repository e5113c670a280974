"""AIPowerMeter's `power_metrics.json`: one JSON object per line, `{"date": …, "metrics": {…}}`.

Both of its schemas: GPU power as `nvidia_draw_absolute` (with `per_gpu_power_draw` if there are
several) or as `nvidia_power`. A missing platform counter is written as −1. Figures are means over
the seconds before a line, for all packages together. After a line with a string in place of an
object, `"END OF RECORDING SEGMENT"`, nothing was recorded until the next line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from recorders.channels import kind_of, named
from recorders.phases import RUNNING
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import (
    SECOND_NS,
    Log,
    LogPhase,
    Omissions,
    UnreadableError,
    in_segments,
    plural,
    printable,
    told_why,
)
from wattui.analysis.importers.samples import Sample, Samples, in_blocks
from wattui.analysis.importers.stamps import Clock, in_order, one_run
from wattui.analysis.importers.table import MOST, number
from wattui.analysis.importers.text import LineCount, LogText
from wattui.runs.recorded import natural

NAME = "AIPowerMeter"
COLUMNS = '{"date": …, "metrics": {"cpu": {"intel_power": …}, "gpu": {…}}} on each line'
RESOLUTION_NS = 1000
POWER_FILE, LATENCY_FILE = "power_metrics.json", "latency.csv"

_CPU = {
    "intel_power": named("package0", "W"),
    "total_cpu_power": named("core0", "W"),
    "uncore_power": named("uncore0", "W"),
    "total_dram_power": named("dram0", "W"),
    "psys_power": named("psys", "W"),
}
_GPU_SUMS = ("nvidia_draw_absolute", "nvidia_power")
_SEGMENT_END = re.compile(r'\s*"[^"]*"\s*')
_RUN = re.compile(r"(?:run|repeat|xp)?_?(\d+)")


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the object on its first line."""
    found = _object(first)
    return found is not None and {"date", "metrics"} <= found.keys()


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read one power file. Raises UnreadableError."""
    left_out = Omissions()
    clock, ends, lines = Clock(), list[int](), LineCount(text)
    sums: set[str] = set()
    raw = Samples(_samples(lines, clock, ends, sums, left_out))
    seen = {name for sample in raw for name in sample.values}
    names = {name for sample in raw for name, power_w in sample.values.items() if power_w > 0}
    known = [
        *_CPU.values(),
        *(named(n, "W") for n in sorted(names) if kind_of(n).name == "gpu"),
    ]
    channels = tuple(channel for channel in known if channel.name in names)
    if not channels:
        raise UnreadableError(told_why("it has no line with a date and a power above 0", left_out))
    kept = (
        each._replace(values={n: w for n, w in each.values.items() if n in names}) for each in raw
    )
    ordered = in_order(in_blocks(kept), left_out)
    remarks = [*(f"{name} is 0 throughout: left out" for name in sorted(seen - names))]
    remarks += [*left_out.remarks(), "figures of single processes are not kept"]
    if "package0" in names:
        remarks.insert(0, "package0 is all processor packages together")
    if "gpu0" in names and sums:
        remarks.insert(0, "gpu0 is all GPUs together")
    return Log(
        NAME,
        channels,
        ordered,
        lines.last,
        tuple(remarks),
        utc=clock.utc,
        segments_ns=frozenset(_begins_ns(ordered, ends)),
    )


def _samples(
    lines: LineCount, clock: Clock, ends: list[int], sums: set[str], left_out: Omissions
) -> Iterator[Sample]:
    for line, content in lines:
        if _SEGMENT_END.fullmatch(content):
            ends.append(line)
            continue
        found = _object(content)
        time_ns = clock.time_ns(str(found.get("date"))) if found else None
        if found is None or time_ns is None:
            is_json = found is not None or content.rstrip().endswith("}")
            left_out.add("no object with a date" if is_json else "cut short", line)
        elif values := dict(_powers(found.get("metrics"), sums, left_out, line)):
            yield Sample(line, time_ns, values)


def runs(
    files: Mapping[str, tuple[Callable[[], Log], str | None]], inferences: int | None = None
) -> list[Log]:
    """A folder of runs, `input_224/run_3/power_metrics.json` and `latency.csv` beside it: what
    reads the one, and the text of the other, by the path of their folder. The folder names give
    label and repeat; the lines of latency.csv are the inferences, or `inferences` if it is missing.
    Raises UnreadableError."""
    paths = sorted(files, key=lambda path: natural(PurePosixPath(path)))
    labels = {path: _label(path) for path in paths}
    found = []
    for path in paths:
        read_power, latencies = files[path]
        try:
            log = one_run(read_power())
        except UnreadableError as error:
            raise UnreadableError(f"{path}/{POWER_FILE}: {error}") from None
        start_ns, end_ns = log.samples[0].time_ns, log.samples[-1].time_ns
        n, remark = _inferences(latencies, (end_ns - start_ns) / SECOND_NS)
        n = inferences if latencies is None else n
        beside = [other for other in paths if labels[other] == labels[path]]
        repeat = beside.index(path) + 1 if len(beside) > 1 else None
        stretches = in_segments(log, LogPhase(RUNNING, labels[path], repeat, start_ns, end_ns, n))
        where = f"{path}: " if path else ""
        remarks = tuple(f"{where}{said}" for said in (*log.remarks, remark))
        found.append(replace(log, stretches=stretches, remarks=remarks))
    return found


def _begins_ns(samples: Iterable[Sample], ends: Sequence[int]) -> Iterator[int]:
    """The times at which recording resumed after the lines that ended a segment."""
    for before, after in pairwise(samples):
        if any(before.line < end < after.line for end in ends):
            yield after.time_ns


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _powers(
    metrics: Any, sums: set[str], left_out: Omissions, line: int
) -> Iterator[tuple[str, float]]:
    """Watts by channel; a key that is the power of all GPUs is noted in `sums`."""
    metrics = metrics if isinstance(metrics, dict) else {}
    cpu, gpu = (
        found if isinstance(found, dict) else {} for found in map(metrics.get, ("cpu", "gpu"))
    )
    for key, channel in _CPU.items():
        if key in cpu:
            yield from _power(channel.name, key, cpu[key], left_out, line)
    each = gpu.get("per_gpu_power_draw")
    if isinstance(each, dict) and each and all(name.isdecimal() for name in each):
        for name, value in each.items():
            yield from _power(f"gpu{int(name)}", "per_gpu_power_draw", value, left_out, line)
        return
    for key in _GPU_SUMS:
        if key in gpu:
            sums.add(key)
            yield from _power("gpu0", key, gpu[key], left_out, line)
            return


def _power(
    name: str, key: str, value: Any, left_out: Omissions, line: int
) -> Iterator[tuple[str, float]]:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value <= MOST["W"]
    ):
        missing = " (−1: there is none)" if value == -1 else ""
        left_out.add(f"no figure in {key}{missing}", line)
    elif value > 0 or kind_of(name).may_rest:
        yield name, float(value)
    else:
        left_out.add(f"no figure in {key} (0 is not a measurement)", line)


def _inferences(latencies: str | None, seconds: float) -> tuple[int | None, str]:
    """The number of inferences in latency.csv, and a remark."""
    if latencies is None:
        return None, f"no {LATENCY_FILE}, which would have one line per inference"
    times_s = [time_s for text in latencies.split() if (time_s := number(text)) is not None]
    if len(times_s) < len(latencies.split()):
        return None, f"{LATENCY_FILE} has a line that is not a number: inferences were not counted"
    return (
        len(times_s) or None,
        f"{plural(len(times_s), 'inference')} of {sum(times_s):.1f} s in total ({LATENCY_FILE}); "
        f"the power log lasts {seconds:.1f} s, which all counts as running",
    )


def _label(path: str) -> str:
    """The folders above that of a run."""
    parts = PurePosixPath(path).parts
    folders = parts[:-1] if parts and _RUN.fullmatch(parts[-1]) else parts
    return printable("/".join(folders))
