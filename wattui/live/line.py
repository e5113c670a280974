"""A recording in one line: `cpu 42 W · gpu 311 W · running b32 · 0.83 J/inf`. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recorders.channels import METER, kind_of
from recorders.counts import short
from recorders.summary.per import common_per
from wattui.clean import one_line
from wattui.live.snapshot import LiveChannel, Snapshot
from wattui.show.quantities import energy_unit, number

# The kinds of channels that are shown, each as one sum; others are inside them, or of the machine.
_NAMES = {
    "package": "cpu",
    "est_cpu": "cpu",
    "dram": "dram",
    "gpu": "gpu",
    "igpu": "igpu",
    "board": "board",
    "psys": "platform",
    "battery": "battery",
    "sim": "simulated",
}
_MOST_LABEL = 40
# Joules per inference from here on are not given in mJ.
_LEAST_J = 0.1


def powers(snapshot: Snapshot) -> dict[str, tuple[float | None, bool]]:
    """The power of each kind of device in watts, by its name in the line, and if it is estimated.

    It is None if a device of that kind is not being read.
    """
    groups: dict[str, list[LiveChannel]] = {}
    for channels in snapshot.channels.values():
        for channel in channels:
            name = kind_name(channel.name)
            # A meter that is read by hand has a power only for a moment.
            is_now = channel.origin != "manual" or snapshot.is_up(channel)
            if channel.unit in ("J", "W") and name and is_now:
                groups.setdefault(name, []).append(channel)
    order = list(dict.fromkeys(_NAMES.values()))
    return {
        name: (_sum_w(snapshot, groups[name]), groups[name][0].origin == "estimated")
        for name in sorted(groups, key=lambda name: order.index(name) if name in order else 99)
    }


def line(snapshot: Snapshot) -> str:
    """A recording now in one line: powers, phase, and joules per inference."""
    parts = [
        f"{name} {watts(power_w)}{' (estimated)' if is_estimated else ''}"
        for name, (power_w, is_estimated) in powers(snapshot).items()
    ] or ["no power sensor"]
    phase = " ".join(filter(None, (_short(snapshot.phase), _short(snapshot.label))))
    parts.append(phase or ("recording" if snapshot.csv else "not recording"))
    parts += _figures(snapshot)
    if error := snapshot.message["disk"]:
        parts.append(f"disk: {one_line(str(error))}")
    return " · ".join(parts)


def _figures(snapshot: Snapshot) -> Iterator[str]:
    progress = snapshot.progress
    if progress is None:
        return
    joules_per = snapshot.joules_per
    per = common_per([[*joules_per]])
    each_j = joules_per.get(per)
    text = f"– J/{short(per)}"
    if each_j is not None:
        factor, unit = (1.0, "J") if _LEAST_J <= each_j < 1 else energy_unit([each_j])
        text = f"{number(each_j / factor, 2)} {unit}/{short(per)}"
    if (snapshot.phase, snapshot.label) != ("running", progress["label"]):
        text = f"{_short(progress['label']) or 'last'}: {text}"
    origin = snapshot.origin_of(progress["channel"])
    doubt = snapshot.message["contents"] or ("" if origin == "measured" else origin)
    yield f"{text} ({doubt})" if doubt and each_j is not None else text


def _short(label: str) -> str:
    text = one_line(label)
    return text if len(text) <= _MOST_LABEL else text[: _MOST_LABEL - 1] + "…"


def silence(snapshot: Snapshot, now_ns: int, is_gone: bool) -> str:
    """Why a recording is not shown: its recorder does not respond."""
    name = snapshot.csv or str(snapshot.place)
    since = f"{snapshot.age_s(now_ns):.0f} s"
    if is_gone:
        return f"{name}: the recorder was killed {since} ago"
    return f"{name}: the recorder (process {snapshot.message['pid']}) has not responded for {since}"


def as_json(snapshot: Snapshot, now_ns: int, is_silent: bool) -> dict[str, Any]:
    """A snapshot as data: only what is current."""
    message = snapshot.message
    return {
        "csv": snapshot.csv,
        "pid": message["pid"],
        "argv": message["argv"],
        "age_s": round(snapshot.age_s(now_ns), 3),
        "is_current": not is_silent,
        **({} if is_silent else _values(snapshot)),
    }


def _values(snapshot: Snapshot) -> Mapping[str, Any]:
    message = snapshot.message
    return {
        "time_s": snapshot.time_s,
        "phase": snapshot.phase,
        "label": snapshot.label,
        "repeat": message["repeat"],
        "inferences": snapshot.inferences,
        "counts": dict(snapshot.counts),
        "powers_w": {name: power_w for name, (power_w, _) in powers(snapshot).items()},
        "energies_j": {
            column.removesuffix("_J"): value
            for column, (_, value) in snapshot.readings.items()
            if column.endswith("_J")
        },
        "readings": {
            column: snapshot.current(column)
            for column in snapshot.readings
            if not column.endswith("_J")
        },
        "progress": snapshot.progress,
        "contents": message["contents"],
        "flags": [{"flag": flag, "about": about} for flag, about in snapshot.flags],
        "channels": {
            channel.name: {
                "source": source,
                "origin": channel.origin,
                "up": snapshot.is_up(channel),
            }
            for source, channels in snapshot.channels.items()
            for channel in channels
        },
        "refused": message["refused"],
        "disk_error": message["disk"],
    }


def kind_name(channel: str) -> str | None:
    """The name under which a channel's power is summed; None for what is inside another."""
    kind = kind_of(channel)
    return channel.removeprefix(METER) if kind.name == "meter" else _NAMES.get(kind.name)


def _sum_w(snapshot: Snapshot, channels: Sequence[LiveChannel]) -> float | None:
    found = [snapshot.current(f"{channel.name}_W") for channel in channels]
    return None if None in found else math.fsum(w for w in found if w is not None)


def watts(power_w: float | None) -> str:
    """A power, to the watt from 10 W on."""
    if power_w is None:
        return "– W"
    return f"{power_w:.0f} W" if power_w >= 9.95 else f"{power_w:.1f} W"
