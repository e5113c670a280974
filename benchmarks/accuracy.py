"""Error of phase energies against the known joules: of the readings at their edges, and of the
energies found between a counter's moves; and how often the truth lies inside ±."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.short_phases import (
    BUSY_W,
    LONGEST_S,
    QUIET_W,
    SHORTEST_S,
    Score,
    aligned,
    at_edges,
    cases,
    recorded,
    schedule,
)
from benchmarks.table import Table, say
from recorders.channels import TOTAL
from testbench import topologies
from testbench.counters import SlowCounter
from testbench.curves import Constant
from testbench.recording import BenchPhase, program, record
from testbench.sandbox import Bench, unavailable_reason

POWER_W = {"package0": 80.0, "dram0": 9.0}
RATE_HZ = 10.0
SEED = 7
# Loads that are there during the phases only: a counter's refresh and the phases' length, seconds.
STEPS = (
    ("RAPL: steps at the edges of 3 ms", 0.001, 0.003),
    ("RAPL: steps at the edges of 10 ms", 0.001, 0.01),
    ("GPU, 100 ms: steps at the edges of 0.3 s", 0.1, 0.3),
)
# Cases that are also recorded with several phases a label, whose energy is one figure.
LABELLED = (
    "RAPL: square of 7.3 ms",
    "RAPL, uneven: constant",
    "GPU, 100 ms: constant",
    "total of a package and a GPU of 100 ms",
)
PHASES_A_LABEL = 5
# Length of a phase in seconds, the error allowed in %, phases, phases of a quick run.
CASES = ((1.0, 0.1, 30, 5), (0.1, 1.0, 200, 20))


def tables(quick: bool) -> list[Table]:
    """Phases on the bench, and short phases in simulated time."""
    return [*_on_the_bench(quick), _short_phases(60 if quick else 400)]


def _short_phases(n: int) -> Table:
    rows = []
    for what, counters, seconds in cases():
        refresh_s = max(counter.refresh_s for counter in counters)
        phases = schedule(n, refresh_s, SEED, seconds)
        rows.append(_scored(what, counters, phases))
        if what in LABELLED:
            labelled = f"{what}, {PHASES_A_LABEL} phases a label"
            rows.append(_scored(labelled, counters, phases, each_label=PHASES_A_LABEL))
    for what, refresh_s, long_s in STEPS:
        counters, phases = at_edges(n // 4, refresh_s, long_s, SEED)
        busy = [replace(each, curve=Constant(BUSY_W)) for each in counters]
        rows.append(_scored(what, counters, phases, busy))
    headings = (
        "",
        "read, RMS %",
        "found, RMS %",
        "times",
        "inside ±, %",
        "± / error",
        "aligned, RMS %",
        "inside ±, %",
        "± / error",
    )
    notes = (
        f"{n} phases of {SHORTEST_S:g} to {LONGEST_S:g} s a row, {n // 4} with steps at the "
        f"edges, in simulated time at {RATE_HZ:g} Hz.",
        "Read: the difference of the readings at the edges. Found: from the moves around them.",
        "± / error: of the medians; 3 is that of a normal error.",
        f"Aligned: phases of the same lengths with align=True; between them the machine draws "
        f"{QUIET_W:g} W.",
    )
    return Table("Short phases: readings against what is found between them", headings, rows, notes)


def _scored(
    what: str,
    counters: Sequence[SlowCounter],
    phases: Sequence[tuple[float, float]],
    while_working: Sequence[SlowCounter] = (),
    each_label: int = 1,
) -> Sequence[str]:
    say(f"accuracy: {len(phases)} short phases, {what}")
    channel = TOTAL if len(counters) > 1 else counters[0].name
    found = recorded(counters, phases, SEED, each_label)
    score = Score([phase for phase in found if phase.channel == channel])
    cells = (
        what,
        f"{score.read_pct:.3g}",
        f"{score.found_pct:.3g}",
        f"{score.read_pct / score.found_pct:.3g}",
        f"{score.inside_pct:.1f}",
        f"{score.widths:.3g}",
    )
    if each_label > 1:
        return (*cells, "–", "–", "–")
    quiet = aligned(while_working or counters, phases, SEED)
    quiet_score = Score([phase for phase in quiet if phase.channel == channel])
    return (
        *cells,
        f"{quiet_score.found_pct:.3g}",
        f"{quiet_score.inside_pct:.1f}",
        f"{quiet_score.widths:.3g}",
    )


def _on_the_bench(quick: bool) -> list[Table]:
    """Errors of package and DRAM energy in %, and how many exceed the limit."""
    if reason := unavailable_reason():
        return [Table("Energy of phases against known joules", ("",), (), (f"Skipped: {reason}",))]
    rows = []
    for seconds, allowed_pct, many, few in CASES:
        phases = few if quick else many
        say(f"accuracy: {phases} phases of {seconds:g} s")
        errors = sorted(_errors_pct(seconds, phases))
        over = sum(error > allowed_pct for error in errors)
        p99 = errors[min(len(errors) - 1, int(0.99 * len(errors)))]
        figures = (statistics.median(errors), p99, errors[-1])
        rows.append(
            (
                f"phases of {seconds:g} s, error, %",
                *(f"{figure:.4f}" for figure in figures),
                str(len(errors)),
                f"≤ {allowed_pct:g} %",
                f"{over} over" if over else "met",
            )
        )
    headings = ("", "median", "p99", "max", "n", "target", "")
    notes = (
        f"Constant power, {RATE_HZ:g} Hz; counters refresh every 1 ms; met when none is over.",
    )
    return [Table("Energy of phases against known joules (RAPL)", headings, rows, notes)]


def _errors_pct(seconds: float, phases: int) -> list[float]:
    constant = {name: Constant(power_w) for name, power_w in POWER_W.items()}
    machine = topologies.plain(package=constant["package0"], dram=constant["dram0"])
    stretches = [BenchPhase(f"n{number}", 0.0, seconds) for number in range(phases)]
    with Bench(machine) as known, tempfile.TemporaryDirectory() as folder:
        source = program(*stretches)
        made = record(known, Path(folder), source, rate_hz=RATE_HZ)
        return [
            100 * abs(made.energy_j(name, stretch.label) / made.true_j(name, stretch.label) - 1)
            for stretch in stretches
            for name in POWER_W
        ]
