"""User input beside a log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedTable:
    """The columns of a table as a user names them: `COLUMN` or `COLUMN=UNIT`."""

    time: str
    powers: tuple[str, ...] = ()
    energies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The meter's name, inferences in each phase, and the columns of a table of no known format."""

    meter: str = "wall"
    inferences: int | None = None
    table: NamedTable | None = None


NOTHING_GIVEN = ImportOptions()
