"""Reads the parts of run.json beside its summary. Pure.

The only reader of run.json: missing or damaged parts are named, and the rest is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from recorders.channels import is_measured
from recorders.json_parts import (
    WrongPartError,
    an_object,
    dict_of,
    flag,
    number,
    one_of,
    optional,
    part,
    part_or,
    record,
    size,
    text,
    tuple_of,
    whole,
)
from recorders.source import Channel, Refusal, RefusalKind
from recorders.summary.figures import ORIGINS

# In place of a command: the two that follow were recorded in turn.
IN_TURN = "--ab"


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A source that was read: its name, reader, and channels."""

    name: str
    reader: str
    channels: tuple[Channel, ...]

    @property
    def is_measured(self) -> bool:
        """Whether it is a sensor of the machine that measures energy or power."""
        return any(map(is_measured, self.channels))

    @property
    def is_of_energy(self) -> bool:
        """Whether it has a channel of energy or power of any origin."""
        return any(channel.is_energy for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How well the recorder kept its rate; None if not known."""

    rate_asked_hz: float
    rate_achieved_hz: float | None = None
    late_p99_ms: float | None = None
    own_cpu_pct_of_core: float | None = None
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit of the command's folder; `changed`: its tracked files differed."""

    id: str
    changed: bool = False

    @property
    def short(self) -> str:
        """Its first ten digits; with a + if files differed."""
        return f"{self.id[:10]}{'+' * self.changed}"


@dataclass(frozen=True, slots=True)
class RunJson:
    """How a recording was made, as far as known; `status` is None without a run.json.

    `host`, `versions` and `environment` have the known values as texts; `environment` those that
    limit the threads of libraries. `csv` is the fingerprint of the run file
    that the summary was made from, if any.
    """

    status: str | None = None
    host: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    start_utc_ns: int | None = None
    argv: tuple[str, ...] = ()
    commit: Commit | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    exit_statuses: tuple[int | None, ...] = ()
    sampling: Sampling | None = None
    sources: tuple[ReadSource, ...] = ()
    missing: tuple[Refusal, ...] = ()
    imported_from: str = ""
    update_periods_s: Mapping[str, float | None] = field(default_factory=dict)
    csv: Mapping[str, object] | None = None

    @property
    def command(self) -> str:
        """The command on one line, or both of two that were recorded in turn."""
        option, *commands = self.argv or [""]
        return f"{' and '.join(commands)} in turn" if option == IN_TURN else " ".join(self.argv)

    @property
    def energy_readers(self) -> list[str]:
        """Sources of energy, and how each was read."""
        return [f"{s.name} by {s.reader}" for s in self.sources if s.is_of_energy]

    @property
    def is_measured(self) -> bool:
        """Whether energy or power was measured."""
        return any(source.is_measured for source in self.sources)


def read_run_json(found: Mapping[str, Any]) -> tuple[RunJson, list[str]]:
    """The known parts, and the names of malformed ones."""
    run, wrong = RunJson(), []
    for name, reader in _PARTS.items():
        if name in found:
            try:
                run = replace(run, **reader(found[name]))
            except WrongPartError:
                wrong.append(name)
    return run, sorted(wrong)


def read_sources(found: Any) -> tuple[ReadSource, ...]:
    """Sources as in run.json and the recorder's first message. Raises WrongPartError."""
    return _SOURCES(found)


def limits_w(sources: Iterable[ReadSource]) -> dict[str, float]:
    """The power limit of each channel that has a known one, watts."""
    channels = (channel for source in sources for channel in source.channels)
    return {channel.name: channel.limit_w for channel in channels if channel.limit_w}


def read_refusals(found: Any) -> tuple[Refusal, ...]:
    """Sources that are missing, and why. Raises WrongPartError."""
    return tuple_of(_refusal)(found)


def read_sampling(found: Any) -> Sampling:
    """Rates and lateness. Raises WrongPartError."""
    late = part(found, "lateness_ms", optional(an_object))
    return Sampling(
        part(found, "rate_asked_hz", number),
        part(found, "rate_achieved_hz", optional(number)),
        part(late, "p99_ms", number) if late is not None else None,
        part(found, "own_cpu_pct_of_core", optional(number)),
        part_or(found, "missed", whole, 0),
    )


def _refusal(found: Any) -> Refusal:
    remedy = part(found, "remedy", optional(text))
    return Refusal(
        part(found, "source", text),
        part(found, "reason", text),
        remedy or "",
        warns=part_or(found, "warns", flag, False),
        kind=part_or(found, "kind", one_of(*get_args(RefusalKind)), "unread"),
    )


def _channel(found: Any) -> Channel:
    limit_w = part_or(found, "limit_w", optional(size), None)
    return Channel(
        part(found, "name", text),
        part(found, "unit", text),
        part(found, "origin", one_of(*ORIGINS)),
        limit_w=limit_w,
    )


def _fingerprint(found: Any) -> Mapping[str, object]:
    part(found, "bytes", whole)
    part(found, "blake2b", text)
    return an_object(found)


def _known(found: Any) -> dict[str, str]:
    """The texts, whole numbers, and true flags."""
    items = an_object(found).items()
    return {key: str(value) for key, value in items if isinstance(value, str | int) and value}


_commit = record(Commit, id=text, changed=flag)


def _source_of_import(found: Any) -> str:
    """The file it was imported from; empty if not known."""
    source = found.get("source") if isinstance(found, dict) else None
    return source if isinstance(source, str) else ""


_SOURCES = tuple_of(record(ReadSource, name=text, reader=text, channels=tuple_of(_channel)))
# The parts of run.json that are read, and the reader of each.
_PARTS: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {
    "status": lambda found: {"status": text(found)},
    "host": lambda found: {"host": _known(found)},
    "versions": lambda found: {"versions": _known(found)},
    "clock": lambda found: {"start_utc_ns": part_or(found, "start_utc_ns", whole, None)},
    "command": lambda found: {
        "argv": part_or(found, "argv", tuple_of(text), tuple[str, ...]()),
        "commit": part_or(found, "commit", optional(_commit), None),
        "environment": part_or(found, "environment", _known, dict[str, str]()),
        "exit_statuses": part_or(
            found, "exit_statuses", tuple_of(optional(whole)), tuple[int | None, ...]()
        ),
    },
    "sampling": lambda found: {"sampling": optional(read_sampling)(found)},
    "update_periods_s": lambda found: {"update_periods_s": dict_of(optional(size))(found)},
    "sources": lambda found: {"sources": read_sources(found)},
    "missing": lambda found: {"missing": read_refusals(found)},
    "import": lambda found: {"imported_from": _source_of_import(found)},
    "csv": lambda found: {"csv": _fingerprint(found)},
}
