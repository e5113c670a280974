"""What the engines that know only the processor say to other wishes."""

from __future__ import annotations

from workloads.engines import EngineOptions
from workloads.errors import UsageError


def only_cpu(options: EngineOptions) -> None:
    """Raise UsageError for a device, or an order of values in memory, that torch alone has."""
    if options.device != "cpu":
        raise UsageError(
            f"--engine {options.name} runs on the cpu here, not on {options.device}: "
            f"use --engine torch --device {options.device}"
        )
    if options.channels_last:
        raise UsageError(
            f"--engine {options.name} chooses the order of values in memory itself: "
            "use --channels-last with --engine torch"
        )
