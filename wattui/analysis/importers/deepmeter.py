"""DeepMeter's CSV (2022): a row a layer, mW and mJ of two packages and two DRAMs.

The time of a row is not in the file: it is its energy over its power. A domain that was not found
is written as 0.
"""

from __future__ import annotations

from statistics import median

from recorders.phases import RUNNING
from recorders.source import Channel
from wattui.analysis.importers.log import SECOND_NS, Log, Sample, Stretch, UnreadableError
from wattui.analysis.importers.table import cells_of, column, number, read_table

NAME = "DeepMeter"
COLUMNS = "CPU/Package_0_power, CPU/Package_0_energy, … DRAM/DRAM_1_energy"

_DOMAINS = {
    "CPU/Package_0": Channel("package0", "J", in_total=True),
    "CPU/Package_1": Channel("package1", "J", in_total=True),
    "DRAM/DRAM_0": Channel("dram0", "J", in_total=True),
    "DRAM/DRAM_1": Channel("dram1", "J", in_total=True),
}
# Domains of one row were measured over the same time.
_SAME_TIME = 0.01


def recognises(first: str) -> bool:
    """By the names of its domains."""
    return any(cell.strip().startswith(tuple(_DOMAINS)) for cell in cells_of(first))


def read(text: str, inferences: int | None = None) -> Log:
    """Read one running phase a row, of `inferences` each. Raises UnreadableError."""
    table = read_table(text)
    places = {
        domain: tuple(
            column(table.header, f"{domain}_{kind}", NAME) for kind in ("power", "energy")
        )
        for domain in _DOMAINS
    }
    energies_j: dict[str, float] = {}
    rows = []
    for line, cells in table.lines:
        known = {}
        for domain, (power, energy) in places.items():
            power_mw, energy_mj = number(cells[power]), number(cells[energy])
            if power_mw and energy_mj:
                known[_DOMAINS[domain].name] = (energy_mj * 1e-3, energy_mj / power_mw)
            else:
                table.left_out.add(f"no figures of {domain} (0 is not a measurement)", line)
        times_s = [seconds for _, seconds in known.values()]
        if times_s and max(times_s) - min(times_s) <= _SAME_TIME * min(times_s):
            rows.append((line, median(times_s), {name: j for name, (j, _) in known.items()}))
        elif times_s:
            table.left_out.add("its domains disagree on the time", line)
    channels = [c for c in _DOMAINS.values() if any(c.name in row[2] for row in rows)]
    if not channels:
        raise UnreadableError("no row in it has a power and an energy above 0")
    energies_j = {channel.name: 0.0 for channel in channels}
    samples, stretches = [Sample(1, 0, dict(energies_j))], []
    for line, seconds, joules in rows:
        start_ns = samples[-1].time_ns
        end_ns = start_ns + round(seconds * SECOND_NS)
        for name, energy_j in joules.items():
            energies_j[name] += energy_j
        samples.append(Sample(line, end_ns, {name: energies_j[name] for name in joules}))
        label = f"layer {line - 1}"
        stretches.append(Stretch(RUNNING, label, None, start_ns, end_ns, inferences))
    remarks = (
        "the time of a row is its energy over its power: the file has none",
        "imports and the loading of data are inside each row: DeepMeter measured the whole program",
        *table.left_out.remarks(),
    )
    return Log(NAME, tuple(channels), tuple(samples), table.last_line, remarks, tuple(stretches))
