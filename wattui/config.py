"""Defaults of a person's own: one TOML file; the command line wins."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from recorders.ticker import MAX_RATE_HZ, MIN_RATE_HZ
from wattui.errors import UsageError

ENVIRONMENT = "WATTUI_CONFIG"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration file may say, with the built-in defaults."""

    rate_hz: float = 10.0
    idle_s: float = 10.0
    idle_after_s: float = 0.0
    cooldown_s: float = 10.0
    estimate: bool = True
    tdp_w: float | None = None
    all_gpus: bool = False


def config_path() -> Path:
    """`WATTUI_CONFIG`, or config.toml under the platform's configuration directory."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("wattui")) / "config.toml"


def load(path: Path) -> Settings:
    """Settings of a file; the defaults where there is none. Raises UsageError."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}): mend or remove it") from None
    import tomllib

    try:
        return merged(Settings(), tomllib.loads(text), str(path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML ({error}): mend or remove it") from None


def merged(settings: Settings, given: dict[str, Any], where: str) -> Settings:
    """Settings with the given keys put in; raises UsageError for unknown keys and wrong types."""
    kinds = {
        field.name: bool if isinstance(field.default, bool) else float for field in fields(Settings)
    }
    for key, value in given.items():
        if key not in kinds:
            known = ", ".join(sorted(kinds))
            raise UsageError(f"{where}: unknown key {key!r}: use one of {known}")
        good = isinstance(value, bool) if kinds[key] is bool else _is_number(value)
        if not good:
            wanted = "true or false" if kinds[key] is bool else "a number"
            raise UsageError(f"{where}: {key} = {value!r}: give {wanted}")
    return checked(replace(settings, **given), where)


def checked(settings: Settings, where: str) -> Settings:
    """The settings, if every value is in its range; raises UsageError."""
    if not MIN_RATE_HZ <= settings.rate_hz <= MAX_RATE_HZ:
        raise UsageError(
            f"{where}: a rate of {settings.rate_hz:g} Hz cannot be recorded: "
            f"give {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g}"
        )
    for name in ("idle_s", "idle_after_s", "cooldown_s"):
        value = getattr(settings, name)
        if not 0 <= value <= 86_400:
            raise UsageError(f"{where}: {name} = {value:g}: give 0 to 86400 seconds")
    if settings.tdp_w is not None and not 0 < settings.tdp_w <= 10_000:
        raise UsageError(f"{where}: a TDP of {settings.tdp_w:g} W: give 1 to 10000")
    return settings


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
