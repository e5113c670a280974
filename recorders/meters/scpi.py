"""Laboratory supplies and power analysers that answer queries in SCPI, through PyVISA.

Queries stand behind `#`, joined by `&`. Each has a quantity: `W=` (or none) is a power, `V=` a
voltage whose current is the next query, `A=`; such powers are added up. `J=` counts energy.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyvisa
from pyvisa import rname
from pyvisa.constants import StatusCode

from recorders.meters.meter import (
    DEADLINE_S,
    Access,
    MeterError,
    Sample,
    Spec,
    SpecError,
    cut,
    number,
    parse_factor,
)

USUAL_QUERY = "MEAS:POW?"
USUAL_BAUD = 9600
# An answer is one number; a longer one is out of step with its query.
MOST_BYTES = 256
ANSWER_S = 2.0
MOST_QUERIES = 16
_QUERY = re.compile(r"(?:([WVAJ])=)?([^?*]*\*?[^?*]*\?[^*]*)(?:\*([^*]+))?")
_SERIAL = re.compile(r"(ASRL.+?)(?:,(\d{3,7}))?", re.I)


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the quantity (W, V, A, J) that its answer times `factor` is."""

    quantity: str
    text: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class ScpiSpec(Spec):
    """An instrument, and what it is asked for each reading."""

    resource: str
    queries: tuple[Query, ...]
    shown: str
    baud: int = USUAL_BAUD

    @property
    def counts(self) -> bool:
        """Whether a query for a counter was given."""
        return any(query.quantity == "J" for query in self.queries)

    def open(self, access: Access) -> Instrument:
        """The instrument, open."""
        return Instrument(self, access)


class Instrument:
    """An open instrument. An answer that does not come or is too long closes it, as the next one
    could belong to the query before."""

    waits = False

    def __init__(self, spec: ScpiSpec, access: Access) -> None:
        self._spec, self._clock = spec, access.clock
        self._line: Any = None
        try:
            # The manager is shared by all meters, so it is never closed.
            self._line = pyvisa.ResourceManager().open_resource(
                spec.resource, open_timeout=round(DEADLINE_S * 1000)
            )
            self._line.timeout = ANSWER_S * 1000
            self._line.read_termination = self._line.write_termination = "\n"
            if spec.resource.upper().startswith("ASRL"):
                self._line.baud_rate = spec.baud
            # Not every interface can; what it still holds is then refused when it is read.
            with contextlib.suppress(pyvisa.Error, NotImplementedError):
                self._line.clear()
        except (pyvisa.Error, ValueError, OSError) as error:
            self.close()
            raise MeterError(f"{spec.resource}: {_reason(error)}") from None

    def read(self) -> Sequence[Sample]:
        """The answers to all queries, as one reading."""
        begun_ns = self._clock()
        answers = [self._ask(query.text) for query in self._spec.queries]
        return [answered(self._spec.queries, answers, (begun_ns + self._clock()) // 2)]

    def close(self) -> None:
        """Close the instrument."""
        if self._line is not None:
            with contextlib.suppress(pyvisa.Error):
                self._line.close()

    def _ask(self, query: str) -> str:
        where = f"{self._spec.resource}: {query}"
        ends_s = time.monotonic() + ANSWER_S
        data = b""
        try:
            self._line.write(query)
            while not data.endswith(b"\n"):
                with self._line.ignore_warning(StatusCode.success_max_count_read):
                    piece, status = self._line.visalib.read(self._line.session, MOST_BYTES)
                data += piece
                if status == StatusCode.success:
                    break
                if status < 0 or time.monotonic() > ends_s:
                    raise MeterError(f"{where}: no answer in {ANSWER_S:g} s")
                if len(data) >= MOST_BYTES:
                    raise MeterError(f"{where}: the answer is too long")
        except (pyvisa.Error, OSError) as error:
            raise MeterError(f"{where}: {_reason(error)}") from None
        return str(data.decode(errors="replace").strip())


def answered(queries: Sequence[Query], answers: Sequence[str], time_ns: int) -> Sample:
    """The reading in the answers to the queries. Raises UnreadableError."""
    power_w, energy_j, volts = None, None, 0.0
    for query, answer in zip(queries, answers, strict=True):
        value = number(answer, f"{query.text}: ") * query.factor
        if query.quantity == "V":
            volts = value
        elif query.quantity == "J":
            energy_j = value
        else:
            watts = value * (volts if query.quantity == "A" else 1.0)
            power_w = watts + (power_w or 0.0)
    return Sample(time_ns, power_w, energy_j)


def parse(kind: str, where: str) -> ScpiSpec:
    """A VISA resource (a serial one with its speed behind a comma), and behind `#` the queries.
    Raises SpecError."""
    resource, _, text = where.partition("#")
    resource, baud = resource.strip(), USUAL_BAUD
    if (match := _SERIAL.fullmatch(resource)) and match[2]:
        resource, baud = match[1], int(match[2])
    try:
        rname.to_canonical_name(resource)
    except (pyvisa.Error, ValueError):
        raise SpecError(f"{cut(resource)!r} is not a VISA resource") from None
    queries = parse_queries(text.strip() or USUAL_QUERY)
    return ScpiSpec(resource, queries, f"{kind}:{where}", baud)


def parse_queries(text: str) -> tuple[Query, ...]:
    """Queries joined by `&`. Raises SpecError."""
    queries = tuple(_query(part.strip()) for part in text.split("&"))
    quantities = "".join(query.quantity for query in queries)
    if len(queries) > MOST_QUERIES:
        raise SpecError(f"more than {MOST_QUERIES} queries")
    if not re.fullmatch(r"(W|VA)*J?(W|VA)*", quantities):
        raise SpecError("the queries do not fit: fix: #W=…, or #V=…&A=…, and at most one &J=…")
    return queries


def _query(text: str) -> Query:
    match = _QUERY.fullmatch(text)
    if not match or not text.isascii() or not text.isprintable():
        raise SpecError(f"{cut(text)!r} is not a query, such as {USUAL_QUERY}")
    quantity, query, factor = match.groups()
    return Query(quantity or "W", query.strip(), parse_factor(factor) if factor else 1.0)


def _reason(error: Exception) -> str:
    """A message of PyVISA without its number and its advice."""
    described = getattr(error, "description", None) or getattr(error, "strerror", None)
    return cut(str(described or error)).rstrip(".") or type(error).__name__
