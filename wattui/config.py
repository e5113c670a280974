"""The user's defaults, in one TOML file; the command line overrides them."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeGuard, get_args

from recorders.drafts import replace_file
from recorders.ticker import MAX_RATE_HZ, MIN_RATE_HZ
from wattui.errors import UsageError

ENVIRONMENT = "WATTUI_CONFIG"
DAY_S = 86_400.0

Units = Literal["auto", "J", "mJ", "Wh"]
Theme = Literal["dark", "light", "high-contrast", "colour-blind"]


@dataclass(frozen=True, slots=True)
class Rate:
    """An amount for each kilowatt-hour; `text` is its currency, or where the number is from."""

    per_kwh: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Graphs that were saved under a name: their titles, in order."""

    name: str
    titles: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it is in the settings."""
        return f"{self.name}: {', '.join(self.titles)}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the configuration file, with their built-in defaults.

    `counters` names hardware counters to record; `graphs` lists the titles of the graphs to show
    first, `layouts` those that are shown together (`layout_of`); `meter` names the wall meter that
    is read by hand, and is empty if there is none; `meters` has the other meters, each NAME=SPEC.
    `tokens` has the addresses of the metrics of servers of language models; an edge of a phase
    waits `drain_s` at most until they have no request.
    `price_per_kwh` and `co2_g_per_kwh` begin with a number (`rate_of`).
    """

    rate_hz: float = 10.0
    idle_s: float = 10.0
    idle_after_s: float = 0.0
    cooldown_s: float = 10.0
    estimate: bool = True
    tdp_w: float | None = None
    all_gpus: bool = False
    counters: tuple[str, ...] = ()
    meter: str = "wall"
    meters: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    drain_s: float = 30.0
    graphs: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    units: Units = "auto"
    theme: Theme = "dark"
    ascii: bool = False
    bell: bool = True
    price_per_kwh: str = ""
    co2_g_per_kwh: str = ""
    screen_hz: float = 4.0


CHOICES: Mapping[str, tuple[str, ...]] = {"units": get_args(Units), "theme": get_args(Theme)}
# Minimum, maximum and unit of each number.
RANGES = {
    "rate_hz": (MIN_RATE_HZ, MAX_RATE_HZ, "Hz"),
    "idle_s": (0.0, DAY_S, "seconds"),
    "idle_after_s": (0.0, DAY_S, "seconds"),
    "cooldown_s": (0.0, DAY_S, "seconds"),
    "tdp_w": (1.0, 10_000.0, "W"),
    "drain_s": (0.0, 3600.0, "seconds"),
    "screen_hz": (1.0, 10.0, "Hz"),
}
# A refusal shows nothing of them but what it is about, as a spec may hold a secret.
METERS, TOKENS = "meters", "tokens"
SECRET = (METERS, TOKENS)
RATES = ("price_per_kwh", "co2_g_per_kwh")
MOST_PER_KWH = 1e12
NAMES = tuple(field.name for field in fields(Settings))
# The options that change a setting for one recording.
OPTIONS = {
    "rate_hz": "--rate",
    "idle_s": "--idle",
    "idle_after_s": "--idle-after",
    "cooldown_s": "--cooldown",
    "estimate": "--estimate",
    "tdp_w": "--tdp",
    "all_gpus": "--all-gpus",
    "meters": "--meter",
    "tokens": "--tokens",
    "drain_s": "--drain",
    "counters": "--counters",
    "theme": "--theme",
    "ascii": "--ascii",
}
TRUTHS = frozenset(field.name for field in fields(Settings) if isinstance(field.default, bool))
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)(?:\s+(\S.*?))?\s*")
# These names become part of a column name.
_METER = re.compile(r"[A-Za-z0-9_]{0,40}")
# The comma before a meter's name, and not one inside a spec.
_NEXT_METER = re.compile(r",\s*(?=[\w@.]+=(?:[a-z0-9]+:|manual))")
# The comma or space before a server's address, and not one inside its labels.
_NEXT_SERVER = re.compile(r"[,\s]+(?=https?://)")
_COUNTER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")


def config_path() -> Path:
    """`WATTUI_CONFIG`, or config.toml under the platform's configuration directory."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("wattui")) / "config.toml"


def load(path: Path) -> Settings:
    """Read a file's settings; the defaults if there is no file.

    Raises UsageError, also for unknown keys and invalid values.
    """
    text = _text(path)
    import tomllib

    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _not_toml(path, error) from None
    values: dict[str, Any] = {}
    for key, value in found.items():
        if key not in NAMES:
            import difflib

            near = difflib.get_close_matches(key, NAMES, 1, 0.5)
            known = f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(NAMES))}"
            raise UsageError(f"{path}: unknown key {key!r}: {known}")
        values[key] = tuple(value) if isinstance(value, list) else value
        if wrong := refusal(key, values[key]):
            given = "" if key in SECRET else f" = {value!r}"
            raise UsageError(f"{path}: {key}{given}: {wrong}")
    return Settings(**values)


def from_options(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line changes. Raises UsageError for an invalid value."""
    found = {}
    for name, option in OPTIONS.items():
        value = getattr(options, option.removeprefix("--").replace("-", "_"))
        if value is None:
            continue
        if wrong := refusal(name, value):
            given = "" if name in SECRET else f" {_as_given(value)}"
            raise UsageError(f"{option}{given}: {wrong}")
        found[name] = tuple(value) if isinstance(value, list) else value
    return found


def refusal(name: str, value: object) -> str | None:
    """Say what a setting must be if this value is invalid; None if it is valid."""
    if name in TRUTHS:
        return None if isinstance(value, bool) else "must be true or false"
    if name in CHOICES:
        return None if value in CHOICES[name] else f"must be one of {', '.join(CHOICES[name])}"
    if name == "meter":
        good = isinstance(value, str) and _METER.fullmatch(value) is not None
        return None if good else "must be letters, digits and underscores, or empty"
    if name == METERS:
        return _meters_refusal(value)
    if name == TOKENS:
        return _servers_refusal(value)
    if name == "counters":
        good = isinstance(value, tuple) and all(map(_is_counter, value))
        return None if good else "must be a list of names, such as instructions and llc_misses"
    if name in RATES:
        return _rate_refusal(value)
    if name == "layouts":
        good = isinstance(value, tuple) and all(map(layout_of, value))
        return None if good else "must be a list of layouts, such as 'training: GPU board, DRAM'"
    if name == "graphs":
        good = isinstance(value, tuple) and all(isinstance(title, str) for title in value)
        return None if good else "must be a list of titles"
    return _number_refusal(name, value)


def rate_of(setting: str) -> Rate | None:
    """The rate in a setting: `0.30 EUR`, `350 grid mean of 2025`; None if it is empty.

    Raises ValueError if it does not begin with a number, or with one that is too large.
    """
    if not setting.strip():
        return None
    if not (found := _RATE.fullmatch(setting)):
        raise ValueError("must begin with a number, as in 0.30 EUR")
    if (per_kwh := float(found[1])) > MOST_PER_KWH:
        raise ValueError(f"must be at most {MOST_PER_KWH:g}")
    return Rate(per_kwh, found[2] or "")


def layout_of(setting: object) -> Layout | None:
    """The layout in a setting: `training: GPU board, DRAM`; None if it is not one."""
    name, _, titles = setting.partition(":") if isinstance(setting, str) else ("", "", "")
    found = tuple(title for part in titles.split(",") if (title := part.strip()))
    return Layout(name.strip(), found) if name.strip() and found else None


def save(path: Path, changes: Mapping[str, Any]) -> None:
    """Write changed settings to the file and keep its other lines; None removes a key.

    Raises UsageError if the file is not TOML or cannot be written; it is then unchanged.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(_text(path))
    except TOMLKitError as error:
        raise _not_toml(path, error) from None
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = list(value) if isinstance(value, tuple) else value
    try:
        _replace(path.resolve(), tomlkit.dumps(document))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): fix: correct its permissions, or set "
            f"{ENVIRONMENT} to another file"
        ) from None


def _as_given(value: Any) -> str:
    """An option's value as it was typed."""
    if isinstance(value, list):
        return shlex.join(value)
    return ",".join(value) if isinstance(value, tuple) else f"{value:g}"


def counter_list(text: str) -> tuple[str, ...]:
    """The names in a comma-separated list of counters, once each."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def meter_list(text: str) -> tuple[str, ...]:
    """The meters in a comma-separated list of NAME=SPEC."""
    return tuple(spec for part in _NEXT_METER.split(text) if (spec := part.strip()))


def server_list(text: str) -> tuple[str, ...]:
    """The addresses in a list of servers, apart by spaces or by commas before the next one."""
    return tuple(url for part in _NEXT_SERVER.split(text) if (url := part.strip()))


def _is_counter(name: object) -> bool:
    return isinstance(name, str) and _COUNTER.fullmatch(name) is not None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}): fix: correct or remove it") from None


def _not_toml(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{path} is not TOML ({error}): fix: correct or remove it")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _meters_refusal(value: object) -> str | None:
    if not (isinstance(value, (tuple, list)) and all(isinstance(text, str) for text in value)):
        return "must be a list of NAME=SPEC"
    if not value:
        return None
    from recorders.meters.meter import SpecError
    from recorders.meters.specs import parse_meters

    try:
        parse_meters(value)
    except SpecError as error:
        return str(error)
    return None


def _servers_refusal(value: object) -> str | None:
    if not (isinstance(value, (tuple, list)) and all(isinstance(text, str) for text in value)):
        return "must be a list of addresses, such as http://127.0.0.1:8000/metrics"
    if not value:
        return None
    from recorders.meters.meter import SpecError
    from recorders.servers.specs import parse_servers

    try:
        parse_servers(value)
    except SpecError as error:
        return str(error)
    return None


def _rate_refusal(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be a text, such as '0.30 EUR'"
    try:
        rate_of(value)
    except ValueError as error:
        return str(error)
    return None


def _number_refusal(name: str, value: object) -> str | None:
    if name == "tdp_w" and value is None:
        return None
    if not _is_number(value):
        return "must be a number"
    least, most, unit = RANGES[name]
    return None if least <= value <= most else f"must be {least:g} to {most:g} {unit}"


def _replace(path: Path, text: str) -> None:
    """Replace the file with this text in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode(), like=path, safe=True)
