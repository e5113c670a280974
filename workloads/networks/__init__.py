"""The bundled networks: spec files, and functions that generate specs."""

from __future__ import annotations

from pathlib import Path

from workloads.spec import Network, read_spec

_FOLDER = Path(__file__).parent


def bundled(name: str) -> Network:
    """The network of a bundled spec file: `lenet5` or `alexnet`."""
    return read_spec(_FOLDER / f"{name}.json")
