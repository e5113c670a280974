"""The parts of the machine that are summed in `total`: all of them, or those asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recorders.channels import kind_of

CPU, GPUS = "cpu", "gpus"


def not_counted(
    wanted: Sequence[str], channels: Iterable[str], missing: Iterable[str] = ()
) -> tuple[str, ...]:
    """The parts that were not asked for, read or missing; none if nothing was asked for.

    `cpu` asks for all packages and DRAM, `gpus` for all GPUs, `gpu0` for that channel. Raises
    ValueError for a name that is of no channel.
    """
    parts = [channel for channel in channels if kind_of(channel).in_total]
    known = sorted({name for part in parts for name in names_of(part)})
    if unknown := [name for name in wanted if name not in known]:
        there = f"there is only {', '.join(known)}" if known else "no part is measured"
        raise ValueError(f"{unknown[0]} cannot be counted: {there}")
    parts += [part for part in missing if kind_of(part).in_total]
    return tuple(part for part in parts if wanted and names_of(part).isdisjoint(wanted))


def names_of(part: str) -> set[str]:
    """The names that ask for a part of the total."""
    return {part, CPU if kind_of(part).device == "CPU" else GPUS}
