"""`rocm-smi --showpower --csv` in a loop, with the times that `ts` writes before its lines.

`device,Average Graphics Package Power (W),GPU use (%)`, then `card0,35.0,0`: watts, and no time of
its own. MI300 and later name it `Current Socket Graphics Package Power (W)`. Source: samples of its
output in public repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import Log, Omissions, UnreadableError
from wattui.analysis.importers.rounds import gpu_channels, in_rounds
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order, stamped
from wattui.analysis.importers.table import MOST, cells_of, number
from wattui.analysis.importers.text import LineCount, LogText

NAME = "rocm-smi"
COLUMNS = "device,Average Graphics Package Power (W), with a time before each line"
RESOLUTION_NS = None

_POWER = re.compile(r"(?:Average|Current Socket) Graphics Package Power \(W\)")
_USE = "GPU use (%)"
_CARD = re.compile(r"card(\d{1,3})")
_TS = "ts '%Y-%m-%d_%H:%M:%.S'"
_FIX = f"fix: while sleep 1; do rocm-smi --showpower --csv; done | {_TS}"


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the names of its columns."""
    header = stamped(first)[1]
    return header.startswith("device,") and bool(_POWER.search(header))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the lines of all cards. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    samples = in_rounds(in_order(in_blocks(_readings(lines, left_out)), left_out))
    if not samples and "no time" in left_out:
        raise UnreadableError(f"its lines have no time: {_FIX}")
    channels = gpu_channels(samples, {"": "W", "_util": "pct"}, left_out)
    remarks = ("times are those at which lines were printed", *left_out.remarks())
    return Log(NAME, channels, samples, lines.last, remarks, spread="second")


def _readings(lines: LineCount, left_out: Omissions) -> Iterator[Sample]:
    header: list[str] = []
    for line, text_line in lines:
        time_ns, content = stamped(text_line)
        cells = [cell.strip() for cell in cells_of(content, ",")]
        if cells[0] == "device":
            header = cells
            continue
        card = _CARD.fullmatch(cells[0])
        if not card or len(cells) != len(header):
            left_out.add("not a line of a card", line, text_line)
        elif time_ns is None:
            left_out.add("no time", line)
        else:
            row = dict(zip(header, cells, strict=True))
            power = next((cell for name, cell in row.items() if _POWER.fullmatch(name)), "")
            watts, use = number(power, most=MOST["W"]), number(row.get(_USE, ""))
            gpu = f"gpu{int(card[1])}"
            if watts is None:
                left_out.add("no power", line, power)
            else:
                used = {} if use is None else {f"{gpu}_util": use}
                yield Sample(line, time_ns, {gpu: watts} | used)
