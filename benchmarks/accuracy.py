"""Error of phase energies against the known joules, for phases of 1 s and of 0.1 s."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.table import Table, say
from testbench import topologies
from testbench.curves import Constant
from testbench.recording import BenchPhase, program, record
from testbench.sandbox import Bench, unavailable_reason

POWER_W = {"package0": 80.0, "dram0": 9.0}
RATE_HZ = 10.0
# Length of a phase in seconds, the error allowed in %, phases, phases of a quick run.
CASES = ((1.0, 0.1, 30, 5), (0.1, 1.0, 200, 20))


def tables(quick: bool) -> list[Table]:
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
