"""Refuses options that CPU-only engines do not support."""

from __future__ import annotations

from workloads.engines import EngineOptions
from workloads.errors import UsageError


def only_cpu(options: EngineOptions) -> None:
    """Raise UsageError for a device or memory format that only torch supports."""
    if options.device != "cpu":
        raise UsageError(
            f"--engine {options.name} runs only on the cpu here, not on {options.device}: fix: "
            f"use --engine torch --device {options.device}"
        )
    if options.channels_last:
        raise UsageError(
            f"--engine {options.name} chooses the memory format itself: fix: use --channels-last "
            "with --engine torch"
        )
