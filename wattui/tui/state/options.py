"""What the dashboard begins with, and what it records with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recorders.client import Config
from wattui.config import Settings


@dataclass(frozen=True, slots=True)
class Start:
    """What the program begins with: settings, where they are kept, what was said beside them."""

    settings: Settings
    config: Config
    settings_path: Path
    overridden: Sequence[str] = ()
    ascii_only: bool = False

    def settled(self, settings: Settings) -> Start:
        """The same with other settings."""
        return replace(self, settings=settings, config=configured(self.config, settings))


def configured(config: Config, settings: Settings) -> Config:
    """What to record, as the settings have it."""
    return replace(
        config,
        rate_hz=settings.rate_hz,
        estimate=settings.estimate,
        tdp_w=settings.tdp_w,
        all_gpus=settings.all_gpus,
        meters=(settings.meter,) if settings.meter else (),
    )
