"""LibreHardwareMonitor's and OpenHardwareMonitor's CSV: identifiers, then names, then readings.

`,/intelcpu/0/power/0,…`, `Time,"CPU Package",…`, `09/13/2026 12:00:00,12.5,…`: month first, whole
seconds, points as decimals. Source: github.com/LibreHardwareMonitor/LibreHardwareMonitor,
Utilities/Logger.cs.
"""

from __future__ import annotations

from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log
from wattui.analysis.importers.named_columns import ColumnFormat, NamedColumn
from wattui.analysis.importers.stamps import MonthFirstClock
from wattui.analysis.importers.table import CsvTable, cells_of
from wattui.analysis.importers.text import LogText

NAME = "LibreHardwareMonitor"
COLUMNS = ',/intelcpu/0/power/0,/gpu-nvidia/0/power/0, then Time,"CPU Package","GPU Package"'
RESOLUTION_NS = SECOND_NS

_CPU, _GPU = r"/(?:intel|amd)cpu/(\d+)", r"/(?:gpu-(?:nvidia|amd)|nvidiagpu|atigpu)/\d+"
# By an identifier and a name.
_COLUMNS = ColumnFormat(
    NAME,
    COLUMNS,
    ("Time",),
    frozenset(),
    (
        NamedColumn(rf"{_CPU}/power/\d+ (?:CPU )?Package", r"package\1", "W"),
        NamedColumn(rf"{_CPU}/power/\d+ CPU Cores", r"core\1", "W"),
        NamedColumn(rf"{_CPU}/power/\d+ CPU Graphics", r"uncore\1", "W"),
        NamedColumn(rf"{_CPU}/power/\d+ CPU (?:DRAM|Memory)", r"dram\1", "W"),
        NamedColumn(rf"{_GPU}/power/\d+ GPU (?:Package|Power|Total)", "gpu#", "W"),
        NamedColumn(
            rf"{_GPU}/power/\d+ GPU PPT",
            "gpu#",
            "W",
            part="the chip, without the losses on the board",
        ),
        NamedColumn(r"/(?:intel|amd)cpu/0/load/\d+ CPU Total", "cpu_util", "pct"),
    ),
    (
        "a GPU that is part of an AMD processor would count twice in the total: name the columns "
        "to avoid that (--time, --power)",
    ),
    clock=MonthFirstClock,
    spread="second",
    device=rf"({_GPU})/",
)


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by identifiers on its first line and names on its second."""
    return first.startswith((",/", ";/")) and second.startswith("Time")


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the readings. Raises UnreadableError."""
    identifiers, names = cells_of(text.first), cells_of(text.second)
    both = zip(identifiers, names, strict=False)
    header = [f"{identifier} {name.strip()}".strip() for identifier, name in both]
    return _COLUMNS.of(CsvTable(text, header=header, header_lines=2))
