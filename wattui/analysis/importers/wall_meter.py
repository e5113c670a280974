"""A table typed by hand: `Timestamp,Power`, in watts. Its readings are points, not a curve."""

from __future__ import annotations

from recorders.summary import by_hand
from wattui.analysis.importers.log import SECOND_NS, Log, Sample, UnreadableError
from wattui.analysis.importers.stamps import are_utc, in_order, stamp_ns
from wattui.analysis.importers.table import cells_of, power_w, read_table

NAME = "meter read by hand"
COLUMNS = "Timestamp, Power"


def recognises(first: str) -> bool:
    """Recognise it by its two columns."""
    return [cell.strip().lower() for cell in cells_of(first)] == ["timestamp", "power"]


def read(text: str, meter: str = "wall") -> Log:
    """Read a typed table; if no row has a time, the readings are set 1 s apart.

    Raises UnreadableError.
    """
    table = read_table(text, whole_lines=False)
    left_out = table.left_out
    (channel,) = by_hand.channels([meter])
    read_rows = []
    for line, (time_text, power_text) in table.lines:
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
    remarks = (*remarks, *left_out.remarks())
    return Log(
        NAME,
        (channel,),
        tuple(ordered),
        table.last_line,
        remarks,
        spread="next" if timed else "",
        utc=are_utc(row[1] for row in timed),
    )
