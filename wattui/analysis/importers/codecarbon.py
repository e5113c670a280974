"""CodeCarbon's `emissions.csv`, versions 1 to 3: one row per run, energies in kWh.

Version 1 has one energy, `energy_consumed`, of all that it measured or estimated, and its
`experiment_id` is that of a run. Source: github.com/mlco2/codecarbon, examples/emissions.csv and
codecarbon/output_methods/emissions_data.py.

The file does not say whether its processor figure was read from RAPL or computed from a thermal
design power, and its memory figure is a model: both are kept as estimates. GPU energies come from
NVML, all GPUs together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import Log, UnreadableError, printable
from wattui.analysis.importers.per_phase import REMARK, PhaseRow, read_phases
from wattui.analysis.importers.table import CsvTable, cells_of, column, number
from wattui.analysis.importers.text import LogText

NAME = "CodeCarbon"
COLUMNS = "timestamp, project_name, run_id, duration, cpu_energy, gpu_energy, ram_energy"
RESOLUTION_NS = None

J_PER_KWH = 3.6e6
_CHANNELS = {
    "cpu_energy": named("est_cpu", "J"),
    "ram_energy": named("est_ram", "J"),
    "gpu_energy": named("gpu0", "J"),
}
_VERSION_1 = {"energy_consumed": named("est_machine", "J")}
_MOST_KWH = 1e6
_MOST_S = 1e9


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by `project_name` beside `emissions` or `duration`."""
    header = {cell.strip() for cell in cells_of(first)}
    return "project_name" in header and bool({"emissions", "duration"} & header)


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read one running phase per run, with `given.inferences` each. Raises UnreadableError."""
    table = CsvTable(text)
    is_first = "cpu_energy" not in table.header and "energy_consumed" in table.header
    known = _VERSION_1 if is_first else _CHANNELS
    for name in ("duration", next(iter(known))):
        column(table.header, name, NAME)
    runs = _runs(table, known, "experiment_id" if is_first else "run_id")
    channels = [c for name, c in known.items() if any(run.get(name) for _, run in runs)]
    if not channels:
        raise UnreadableError("no run in it has a duration and an energy above 0")
    names = Counter(label for (label, _), _ in runs)
    repeats: Counter[str] = Counter()
    rows = []
    for (label, line), run in runs:
        repeats[label] += 1
        repeat = repeats[label] if names[label] > 1 else None
        energies_j = {c.name: run[n] * J_PER_KWH for n, c in known.items() if n in run}
        rows.append(PhaseRow(line, label, repeat, run["duration"], energies_j))
    samples, stretches = read_phases(channels, rows, given.inferences)
    remarks = (
        f"{'all energies' if is_first else 'processor and memory'} are kept as estimates: the file "
        "does not say how they were obtained",
        REMARK,
        *(["gpu0 is all GPUs together"] if "gpu_energy" in table.header else []),
        *table.left_out.remarks(),
    )
    return Log(NAME, tuple(channels), samples, table.last_line, remarks, stretches, per_phase=True)


def _runs(
    table: CsvTable, known: Iterable[str], identity: str
) -> list[tuple[tuple[str, int], dict[str, float]]]:
    """Label, line and figures of each run; the last row of each identity."""
    found: dict[str, tuple[tuple[str, int], dict[str, float]]] = {}
    for line, cells in table.rows():
        row = dict(zip(table.header, cells, strict=True))
        duration = number(row["duration"], most=_MOST_S)
        if not duration:
            table.left_out.add("no duration", line)
            continue
        run = {"duration": duration, **_energies(row, line, table, known)}
        if len(run) == 1:
            table.left_out.add("no energy", line)
            continue
        key = row.get(identity) or str(line)
        if key in found:
            table.left_out.add("an earlier row of the same run", found.pop(key)[0][1])
        found[key] = ((printable(row.get("project_name", "").strip()), line), run)
    return list(found.values())


def _energies(
    row: Mapping[str, str], line: int, table: CsvTable, known: Iterable[str]
) -> dict[str, float]:
    """Energies above 0, kWh: CodeCarbon writes 0 if it measured nothing."""
    found = {}
    for name in known:
        if name in row:
            value = number(row[name], most=_MOST_KWH)
            if value:
                found[name] = value
            else:
                table.left_out.add(f"no {name} (0 is not a measurement)", line)
    return found
