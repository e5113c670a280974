"""A table typed by hand: `Timestamp,Power`, in watts. Its readings are points, not a curve.

Columns without a name, and those of volts and amperes, may stand beside the two, as in the logs of
USB meters in the keyword-spotter benchmark: `Time,,,,,,,Power,Volts,Amps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorders.summary import by_hand
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Spread, UnreadableError, told_why
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import Clock, in_order
from wattui.analysis.importers.table import CsvTable, cells_of, not_kept, power_w
from wattui.analysis.importers.text import LogText

NAME = "meter read by hand"
COLUMNS = "Timestamp, Power"
RESOLUTION_NS = SECOND_NS


_TIMES, _BESIDE = ("timestamp", "time"), ("", "volts", "amps")


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by its two columns, with nothing else beside them that has a figure."""
    return _places([cell.strip() for cell in cells_of(first)]) is not None


def _places(header: Sequence[str]) -> tuple[int, int] | None:
    """The columns of time and power; None if this is something else."""
    names = [name.lower() for name in header]
    known = [name for name in names if name not in _BESIDE]
    if len(known) != 2 or known[0] not in _TIMES or known[1] != "power":
        return None
    return names.index(known[0]), names.index("power")


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read a typed table; if no row has a time, the readings are set 1 s apart.

    Raises UnreadableError.
    """
    table = CsvTable(text, whole_lines=False)
    time, power = _places(table.header) or (0, 1)
    (channel,) = by_hand.channels([given.meter])
    clock = Clock()
    samples = in_order(in_blocks(_samples(table, time, power, clock, channel.name)), table.left_out)
    if not samples:
        raise UnreadableError(told_why("it has no reading in watts", table.left_out))
    is_timed = clock.has_read
    untimed = "no row has a time: the readings are set 1 s apart, and only their mean is meaningful"
    remarks = (
        *([] if is_timed else [untimed]),
        *not_kept(table.header, [time, power]),
        *table.left_out.remarks(),
    )
    spread: Spread = "next" if is_timed else ""
    return Log(NAME, (channel,), samples, table.last_line, remarks, spread=spread, utc=clock.utc)


def _samples(
    table: CsvTable, time: int, power: int, clock: Clock, channel: str
) -> Iterator[Sample]:
    """The readings; those before the first with a time are left out if there is one."""
    untimed: list[tuple[int, str, float]] = []
    for line, cells in table.rows():
        time_text, value = cells[time].strip(), power_w(cells[power])
        if not time_text and not cells[power].strip():
            table.left_out.add("empty", line)
        elif value is None:
            table.left_out.add("no figure in 'Power'", line)
        elif (time_ns := clock.time_ns(time_text)) is not None:
            yield Sample(line, time_ns, {channel: value})
        elif clock.has_read:
            table.left_out.add(f"{time_text!r} is not a time", line)
        else:
            untimed.append((line, time_text, value))
    for place, (line, time_text, value) in enumerate(untimed):
        if clock.has_read or time_text:
            table.left_out.add(f"{time_text!r} is not a time", line)
        else:
            yield Sample(line, place * SECOND_NS, {channel: value})
