"""How much of what a meter outside a machine sees its sensors measure. Pure.

The sensors' part is CPU + DRAM + GPU, the channel `total`, divided by the energy of the meter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from recorders.channels import TOTAL, kind_of
from recorders.summary.figures import Coverage, Domain, Group, Value
from recorders.summary.stats import quadrature

# A larger share means that the meter does not see the whole machine, which a flag says.
MOST_SHARE = 1.05


def coverages(running: Group | None) -> Iterator[Coverage]:
    """The coverage by each meter that sees the whole machine, as far as it is known."""
    inside = running.domains.get(TOTAL) if running else None
    for channel, outside in running.domains.items() if running and inside else ():
        if inside and kind_of(channel).by_hand:
            found = Coverage(channel, _share(inside.idle_w, outside.idle_w), _ran(inside, outside))
            shares = (found.idle, found.running.value if found.running else None)
            known = [share for share in shares if share is not None]
            if known and max(known) <= MOST_SHARE:
                yield found


def _ran(inside: Domain, outside: Domain) -> Value | None:
    """The share while running, with what the ± of both energies amount to."""
    part, whole = inside.running_j, outside.running_j
    if part is None or whole is None or part.value <= 0 or whole.value <= 0:
        return None
    share = part.value / whole.value
    relative = quadrature(
        None if each.plus_minus is None else each.plus_minus / each.value for each in (part, whole)
    )
    return Value(share, None if relative is None else share * relative)


def _share(part: float | None, whole: float | None) -> float | None:
    known = part is not None and whole is not None and part > 0 and whole > 0
    return part / whole if known and part and whole and math.isfinite(part / whole) else None
