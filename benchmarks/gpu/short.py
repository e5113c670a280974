"""Short phases of a constant kernel against its long-run mean power, the only truth there."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import wattui
from benchmarks.gpu.device import Load, UnusableError, loaded
from benchmarks.table import Table
from recorders.summary.figures import Group

# Length of a phase, seconds, and how many.
CASES = ((0.01, 20), (0.03, 20), (0.1, 15), (0.3, 10), (1.0, 6), (3.0, 3))
LONG_S, SETTLE_S, REST_S = 10.0, 3.0, 0.25
GPU = "gpu0"


def table(load: Load = loaded, most_s: float = 3.0) -> Table:
    """RMS error and share inside ±, by length, of phases up to `most_s`."""
    with load("full"), tempfile.TemporaryDirectory() as folder:
        time.sleep(SETTLE_S)
        with wattui.record(Path(folder, "run.csv"), rate_hz=10.0) as run:
            time.sleep(SETTLE_S)
            with wattui.phase("running", label="long"):
                time.sleep(LONG_S)
            for seconds, many in CASES:
                for number in range(many if seconds <= most_s else 0):
                    time.sleep(REST_S)
                    with wattui.phase("running", label=f"{seconds:g}/{number}"):
                        time.sleep(seconds)
            time.sleep(SETTLE_S)
    assert run.summary
    groups = {group.label: group for group in run.summary.labels}
    if GPU not in groups["long"].domains:
        raise UnusableError("the recorder found no GPU energy")
    mean_w = _energy(groups["long"])[0] / groups["long"].seconds
    rows = []
    for seconds, _ in CASES:
        found = [g for label, g in groups.items() if label.startswith(f"{seconds:g}/")]
        if found:
            rows.append(
                (f"{seconds:g} s", *scored([(*_energy(g), g.seconds) for g in found], mean_w))
            )
    notes = (
        f"Truth: {mean_w:.2f} W, the mean of {LONG_S:g} s of the same kernel before, times the "
        "phase's own length; drift of the power since then counts as error.",
    )
    return Table("", ("", "RMS error, %", "inside ±, %", "known", "n"), rows, notes)


def _energy(group: Group) -> tuple[float, float | None]:
    value = group.domains[GPU].running_j
    return (math.nan, None) if value is None else (value.value, value.plus_minus)


def scored(
    found: list[tuple[float, float | None, float]], mean_w: float
) -> tuple[str, str, str, str]:
    """RMS error in %, share inside ± in %, known energies and all, from joules, ± and seconds."""
    known = [(j, bar_j, mean_w * s) for j, bar_j, s in found if not math.isnan(j)]
    if not known:
        return "–", "–", "0", str(len(found))
    rms = math.sqrt(sum((j / true_j - 1) ** 2 for j, _, true_j in known) / len(known))
    inside = sum(bar_j is not None and abs(j - true_j) <= bar_j for j, bar_j, true_j in known)
    return f"{100 * rms:.3g}", f"{100 * inside / len(known):.0f}", str(len(known)), str(len(found))
