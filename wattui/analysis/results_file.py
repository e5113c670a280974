"""Results tables as JSON documents, for one or many runs, our own or published. Pure.

docs/results-table.md describes the format, `docs/results.schema.json` is its schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recorders.counts import INFERENCES
from recorders.json_parts import number, optional, size
from recorders.summary.bases import BASES
from recorders.summary.figures import Value
from wattui.analysis.results import VERSION, ResultRow, is_figure, row_dict
from wattui.analysis.sides import Side, side

ERRORS = ("plus_minus", "resolution", "baseline_noise")
WITH_BASELINE = tuple(f"{basis.name}_" for basis in BASES if basis.baseline)
KIND = "results"


class NotResultsError(ValueError):
    """This is not a results document; the text says why."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its name, what it is about, what it means, and how to fix it."""

    name: str
    where: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ResultSet:
    """The results of one run: its name, headline channel, table, and metadata; `per` is the count
    that is in the place of inferences."""

    name: str
    headline: str | None
    rows: Sequence[ResultRow]
    command: Sequence[str] = ()
    machine: str = ""
    flags: Sequence[Note] = ()
    per: str = INFERENCES

    @property
    def side(self) -> Side:
        """The run as something to compare."""
        return side(self.name, [(self.headline, self.rows)], self.per)


def document(sets: Iterable[ResultSet], source: str | None = None) -> dict[str, Any]:
    """The JSON form of results; `source` is the source of published figures."""
    sets = list(sets)
    return {
        "version": VERSION,
        "kind": KIND,
        "source": source,
        "runs": [
            {
                "name": each.name,
                "headline": each.headline,
                "command": list(each.command),
                "machine": each.machine,
                "flags": [asdict(flag) for flag in each.flags],
            }
            for each in sets
        ],
        "rows": [
            row_dict(each.name, row) | {"values": list(row.samples)}
            for each in sets
            for row in each.rows
        ],
    }


def read_document(found: Any) -> list[ResultSet]:
    """The runs of a results document. Raises NotResultsError."""
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise NotResultsError("it is not a results table")
    if found.get("version") != VERSION:
        raise NotResultsError(f"its version is {found.get('version')!r}, not {VERSION}")
    try:
        return list(_sets(found))
    except KeyError as error:
        raise NotResultsError(f"it is damaged ({error} is missing)") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise NotResultsError(f"it is damaged ({error})") from None


def _sets(found: Mapping[str, Any]) -> Iterator[ResultSet]:
    rows: dict[str, list[ResultRow]] = {str(run["name"]): [] for run in found["runs"]}
    if len(rows) < len(found["runs"]):
        raise ValueError("two runs have the same name")
    for row in found["rows"]:
        if is_figure(row["figure"]):
            rows[row["run"]].append(_row(row))
    for run in found["runs"]:
        headline = run["headline"]
        yield ResultSet(
            str(run["name"]),
            None if headline is None else str(headline),
            rows[str(run["name"])],
            tuple(str(word) for word in run["command"]),
            str(run["machine"]),
            tuple(
                Note(*(str(flag.get(key, "")) for key in Note.__slots__)) for flag in run["flags"]
            ),
        )


def _row(row: Mapping[str, Any]) -> ResultRow:
    errors = {part: optional(size)(row[part]) for part in ERRORS}
    has_baseline = str(row["figure"]).startswith(WITH_BASELINE)
    if errors["plus_minus"] is not None and not has_baseline:
        errors["baseline_noise"] = errors["baseline_noise"] or 0.0  # null in earlier versions
    return ResultRow(
        row["level"],
        str(row["phase"]),
        str(row["label"]),
        None if row["repeat"] is None else int(number(row["repeat"])),
        optional(number)(row["start_s"]),
        str(row["domain"]),
        str(row["origin"]),
        str(row["figure"]),
        Value(number(row["value"]), **errors),
        tuple(map(number, row["values"])),
    )
