"""A table typed by hand: `Timestamp,Power`, in watts. Its readings are points, not a curve.

Columns without a name, and those of volts and amperes, may stand beside the two, as in the logs of
USB meters in the keyword-spotter benchmark: `Time,,,,,,,Power,Volts,Amps`.
"""

from __future__ import annotations

from collections.abc import Sequence

from recorders.summary import by_hand
from wattui.analysis.importers.log import SECOND_NS, Log, Sample, UnreadableError
from wattui.analysis.importers.stamps import are_utc, in_order, stamp_ns
from wattui.analysis.importers.table import cells_of, not_kept, power_w, read_table

NAME = "meter read by hand"
COLUMNS = "Timestamp, Power"


_TIMES, _BESIDE = ("timestamp", "time"), ("", "volts", "amps")


def recognises(first: str) -> bool:
    """Recognise it by its two columns, with nothing else beside them that has a figure."""
    return _places([cell.strip() for cell in cells_of(first)]) is not None


def _places(header: Sequence[str]) -> tuple[int, int] | None:
    """The columns of time and power; None if this is something else."""
    names = [name.lower() for name in header]
    known = [name for name in names if name not in _BESIDE]
    if len(known) != 2 or known[0] not in _TIMES or known[1] != "power":
        return None
    return names.index(known[0]), names.index("power")


def read(text: str, meter: str = "wall") -> Log:
    """Read a typed table; if no row has a time, the readings are set 1 s apart.

    Raises UnreadableError.
    """
    table = read_table(text, whole_lines=False)
    time, power = _places(table.header) or (0, 1)
    left_out = table.left_out
    (channel,) = by_hand.channels([meter])
    read_rows = []
    for line, cells in table.lines:
        time_text, power_text = cells[time], cells[power]
        value = power_w(power_text)
        if not time_text.strip() and not power_text.strip():
            left_out.add("empty", line)
        elif value is None:
            left_out.add("no figure in 'Power'", line)
        else:
            read_rows.append((line, time_text, value))
    timed = [row for row in read_rows if stamp_ns(row[1]) is not None]
    remarks: tuple[str, ...] = ()
    if not timed:
        remarks = (
            "no row has a time: the readings are set 1 s apart, and only their mean is meaningful",
        )
    samples = []
    for place, (line, time_text, value) in enumerate(read_rows):
        time_ns = stamp_ns(time_text) if timed else place * SECOND_NS
        if time_ns is None or (not timed and time_text.strip()):
            left_out.add(f"{time_text.strip()!r} is not a time", line)
            continue
        samples.append(Sample(line, time_ns, {channel.name: value}))
    if not samples:
        raise UnreadableError("it has no reading in watts")
    ordered = in_order(samples, left_out)
    unkept = not_kept(
        table.header, [n for n, name in enumerate(table.header) if not name] + [time, power]
    )
    remarks = (*remarks, *unkept, *left_out.remarks())
    return Log(
        NAME,
        (channel,),
        tuple(ordered),
        table.last_line,
        remarks,
        spread="next" if timed else "",
        utc=are_utc(row[1] for row in timed),
    )
