"""A workload's output: the plan before the start, a row per cell, the closing lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from workloads.plan import Cell, Plan
from workloads.result import CellResult
from workloads.runner import RunSettings, mebibytes

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# AlexNet over 20 sizes in onnxruntime, one thread of a shared Xeon: 18.1 ps a MAC.
MAC_S = 18e-12
_TITLES = (
    "batch",
    "inferences",
    "s",
    "inf/s",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "MACs",
    "params",
    "checksum",
)
_WIDTHS = (5, 10, 7, 8, 7, 7, 7, 7, 7, 10)
REAL_TIME = ("× real", 8)
# Columns of cells that count tokens.
TOKENS = {"tokens_in": ("tok in/s", 9), "tokens_out": ("tok out/s", 9)}


def plan_lines(plan: Plan, settings: RunSettings, repeats: int, engine: str) -> Iterator[str]:
    """The plan in words: title, number of cells, estimated time and memory."""
    cells = plan.cells
    yield f"{plan.title} · {engine}"
    if cells:
        largest = max(cells, key=lambda cell: cell.needed_bytes)
        time = duration(repeats * estimated_s(plan, settings))
        runs = f" × {repeats} repeats in fresh processes" if repeats > 1 else ""
        memory = f" · largest: {largest.label}, about {mebibytes(largest.needed_bytes)}"
        yield (
            f"{len(cells)} cell{'s' * (len(cells) > 1)}{runs} · estimated {time}"
            f"{memory if largest.needed_bytes else ''}"
        )
    yield from plan.remarks


def cell_lines(plan: Plan) -> Iterator[str]:
    """Every cell of a plan as a table: batch, MACs, parameters, memory."""
    label = _label_width(cell.label for cell in plan.cells)
    yield f"{'cell':{label}} {'batch':>7} {'MACs':>17} {'parameters':>12} {'memory':>11}"
    for cell in plan.cells:
        macs = "–" if cell.macs is None else f"{at_least(cell)}{cell.macs:,}"
        parameters = "–" if cell.parameters is None else f"{cell.parameters:,}"
        memory = mebibytes(cell.needed_bytes)
        yield f"{cell.label:{label}} {cell.batch:7} {macs:>17} {parameters:>12} {memory:>11}"


def estimated_s(plan: Plan, settings: RunSettings) -> float:
    """Estimated time of a plan, seconds, with the time per MAC of one processor thread."""
    rests = len(plan.groups) * (settings.armed_s + settings.cooldown_s)
    return rests + sum(
        max(cell.seconds, cell.count * (cell.macs or 0) * MAC_S) + settings.warmup_s
        for cell in plan.cells
    )


class ResultLines:
    """Results as rows of a table whose width is known before the results are."""

    def __init__(self, plan: Plan) -> None:
        self._label = _label_width(cell.label for cell in plan.cells)
        self._real_time_hz = plan.real_time_hz
        counted = {name for cell in plan.cells for name in cell.counts}
        self._tokens = [name for name in TOKENS if name in counted]

    @property
    def header(self) -> str:
        """The header line."""
        titles = [f"{t:>{w}}" for t, w in zip(_TITLES, _WIDTHS, strict=True)]
        if self._real_time_hz:
            titles.insert(4, f"{REAL_TIME[0]:>{REAL_TIME[1]}}")
        titles[4:4] = [f"{TOKENS[name][0]:>{TOKENS[name][1]}}" for name in self._tokens]
        return " ".join((f"{'cell':{self._label}}", *titles))

    def row(self, result: CellResult) -> str:
        """One result, or the reason why the cell was not run."""
        name = f"{result.label:{self._label}}"
        if result.skipped is not None:
            return f"{name} skipped: {result.skipped}"
        rate, latency = result.inferences_per_s, result.latency
        times = (latency.p50_s, latency.p90_s, latency.p99_s) if latency else (None,) * 3
        cells = [
            str(result.batch or "–"),
            f"{result.inferences:,}",
            number(result.seconds),
            number(rate),
            *(number(None if time is None else 1e3 * time) for time in times),
            at_least(result) + short(result.macs),
            short(result.parameters),
            "–" if result.checksum is None else f"{result.checksum:.4e}",
        ]
        cells = [f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)]
        if self._real_time_hz:
            factor = None if rate is None else rate / self._real_time_hz
            cells.insert(4, f"{number(factor):>{REAL_TIME[1]}}")
        cells[4:4] = [f"{number(result.per_s(name)):>{TOKENS[name][1]}}" for name in self._tokens]
        return " ".join((name, *cells)) + (" interrupted" if result.interrupted else "")


def end_lines(plan: Plan, results: Sequence[CellResult]) -> Iterator[str]:
    """The closing lines: exact sizes, differences, sums, medians."""
    run = [result for result in results if result.skipped is None and result.call_s is not None]
    yield from _sizes(run)
    last = {result.label: result for result in run}
    yield from _differences(plan.cells, last)
    yield from _sums(plan.cells, last)
    yield from _medians(run)


def _sizes(results: Sequence[CellResult]) -> Iterator[str]:
    """Exact MACs and parameters, if all cells have the same."""
    sizes = {(result.macs, result.parameters, result.macs_at_least) for result in results}
    if len(sizes) == 1:
        macs, parameters, is_part = sizes.pop()
        if macs is not None and parameters is not None:
            yield f"{'at least ' * is_part}{macs:,} MACs and {parameters:,} parameters"


def _differences(cells: Sequence[Cell], results: dict[str, CellResult]) -> Iterator[str]:
    """Times of parts by difference; a negative one stays negative."""
    pairs = [
        (results[cell.label], results[cell.minus])
        for cell in cells
        if cell.minus is not None and cell.label in results and cell.minus in results
    ]
    if not pairs:
        return
    label = _label_width(f"{more.label} − {less.label}" for more, less in pairs)
    yield ""
    yield f"{'difference':{label}} {'ms/inference':>12}  95 % interval, calls assumed independent"
    for more, less in pairs:
        values = [_per_inference_s(each) for each in (more, less)]
        errors = [(each.call_error_s or math.nan) / each.batch for each in (more, less)]
        difference, error = 1e3 * (values[0] - values[1]), 1e3 * math.hypot(*errors)
        known = f"± {number(error)}" if error == error else "± ?"
        name = f"{more.label} − {less.label}"
        yield f"{name:{label}} {number(difference):>12} {known}"


def _sums(cells: Sequence[Cell], results: dict[str, CellResult]) -> Iterator[str]:
    """The sum of the parts compared with the whole."""
    wholes = dict.fromkeys(cell.part_of for cell in cells if cell.part_of is not None)
    for whole in wholes:
        parts = [results[c.label] for c in cells if c.part_of == whole and c.label in results]
        if whole not in results or not parts:
            continue
        together, alone = sum(map(_per_inference_s, parts)), _per_inference_s(results[whole])
        yield (
            f"sum of {len(parts)} single layers {number(1e3 * together)} ms, {whole} as a whole "
            f"{number(1e3 * alone)} ms per inference: {together / alone:.2f} times"
        )


def _medians(results: Sequence[CellResult]) -> Iterator[str]:
    """Medians over the repeats, label by label."""
    repeats = {result.repeat for result in results}
    if len(repeats) < 2:
        return
    yield ""
    yield f"medians of {len(repeats)} repeats"
    label = _label_width(result.label for result in results)
    for name in dict.fromkeys(result.label for result in results):
        rates = [r.inferences_per_s for r in results if r.label == name and r.inferences_per_s]
        times = [r.latency.p50_s for r in results if r.label == name and r.latency]
        if rates and times:
            yield (
                f"{name:{label}} {number(median(rates)):>8} inf/s"
                f"  {number(1e3 * median(times)):>8} ms"
            )


def _per_inference_s(result: CellResult) -> float:
    return (result.call_s or math.nan) / max(result.batch, 1)


def number(value: float | None) -> str:
    """A number to four digits without an exponent; – if unknown."""
    if value is None or value != value:
        return "–"
    if value == 0:
        return "0"
    digits = 3 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(max(digits, 0), 9)}f}".replace("-", "−")


def at_least(sized: Cell | CellResult) -> str:
    """What stands before a number of MACs of which some could not be counted."""
    return "≥" if sized.macs_at_least and sized.macs is not None else ""


def short(value: int | None) -> str:
    """A count with an SI prefix."""
    if value is None:
        return "–"
    for factor, prefix in _PREFIXES:
        if value >= factor:
            return f"{value / factor:.4g}{prefix}"
    return str(value)


def duration(seconds: float) -> str:
    """A duration for a person."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _label_width(labels: Iterator[str] | Sequence[str]) -> int:
    return max((len("cell"), *map(len, labels)))
