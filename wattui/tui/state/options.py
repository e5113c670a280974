"""The dashboard's start-up options, and its recorder configuration from the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recorders.client import Config
from recorders.meters.specs import parse_meters
from wattui.config import Settings
from wattui.live.exporting import Exports


@dataclass(frozen=True, slots=True)
class Start:
    """Start-up options: settings, their file, and those given on the command line.

    `recall_path` is the file of the commands launched before; None: they are not remembered.
    `when_drawn` is called once the first screen is drawn.
    `greeted_path` is the file that exists once the hint of the first run was seen; None: there is
    no hint.
    """

    settings: Settings
    config: Config
    settings_path: Path
    overridden: Sequence[str] = ()
    ascii_only: bool = False
    exports: Exports | None = None
    recall_path: Path | None = None
    greeted_path: Path | None = None
    when_drawn: Callable[[], None] = lambda: None

    def settled(self, settings: Settings) -> Start:
        """A copy with new settings."""
        return replace(self, settings=settings, config=configured(self.config, settings))


def with_manual(meters: Sequence[str], name: str) -> tuple[str, ...]:
    """The meters, and one that is read by hand, unless it is one of them or has no name."""
    named = {meter.name for meter in parse_meters(meters)}
    return (*meters, *([name] if name and name not in named else []))


def configured(config: Config, settings: Settings) -> Config:
    """The recorder configuration with the settings applied."""
    return replace(
        config,
        rate_hz=settings.rate_hz,
        estimate=settings.estimate,
        tdp_w=settings.tdp_w,
        all_gpus=settings.all_gpus,
        counters=settings.counters,
        tokens=settings.tokens,
        drain_s=settings.drain_s,
        meters=with_manual(settings.meters, settings.meter),
    )
