"""DeepMeter's CSV (2022): a row a layer, mW and mJ of two packages and two DRAMs.

The file does not contain the time of a row: it is energy over power. A domain that was not found is
written as 0.
"""

from __future__ import annotations

from statistics import median

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import Log, UnreadableError
from wattui.analysis.importers.per_phase import REMARK, PhaseRow, read_phases
from wattui.analysis.importers.table import CsvTable, cells_of, column, number
from wattui.analysis.importers.text import LogText

NAME = "DeepMeter"
COLUMNS = "CPU/Package_0_power, CPU/Package_0_energy, … DRAM/DRAM_1_energy"
RESOLUTION_NS = None

_DOMAINS = {
    "CPU/Package_0": named("package0", "J"),
    "CPU/Package_1": named("package1", "J"),
    "DRAM/DRAM_0": named("dram0", "J"),
    "DRAM/DRAM_1": named("dram1", "J"),
}
# Domains of one row were measured over the same time.
_SAME_TIME = 0.01


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the names of its domains."""
    return any(cell.strip().startswith(tuple(_DOMAINS)) for cell in cells_of(first))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read one running phase per row, with `given.inferences` each. Raises UnreadableError."""
    table = CsvTable(text)
    places = {
        domain: tuple(
            column(table.header, f"{domain}_{kind}", NAME) for kind in ("power", "energy")
        )
        for domain in _DOMAINS
    }
    rows: list[PhaseRow] = []
    for line, cells in table.rows():
        known = {}
        for domain, (power, energy) in places.items():
            power_mw, energy_mj = number(cells[power]), number(cells[energy])
            if power_mw and energy_mj:
                known[_DOMAINS[domain].name] = (energy_mj * 1e-3, energy_mj / power_mw)
            else:
                table.left_out.add(f"no figures of {domain} (0 is not a measurement)", line)
        times_s = [seconds for _, seconds in known.values()]
        if times_s and max(times_s) - min(times_s) <= _SAME_TIME * min(times_s):
            energies_j = {name: j for name, (j, _) in known.items()}
            rows.append(PhaseRow(line, f"layer {line - 1}", None, median(times_s), energies_j))
        elif times_s:
            table.left_out.add("its domains disagree on the time", line)
    channels = [c for c in _DOMAINS.values() if any(c.name in row.energies_j for row in rows)]
    if not channels:
        raise UnreadableError("no row in it has a power and an energy above 0")
    samples, stretches = read_phases(channels, rows, given.inferences)
    remarks = (
        REMARK,
        "the time of a row is computed as energy over power: the file does not contain it",
        "each row includes imports and data loading: DeepMeter measured the whole program",
        *table.left_out.remarks(),
    )
    return Log(NAME, tuple(channels), samples, table.last_line, remarks, stretches, per_phase=True)
