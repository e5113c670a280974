"""powerlog: `measure_power` around the command; joules of all packages, no DRAM."""

from __future__ import annotations

from pathlib import Path

from powerlog import measure_power  # type: ignore[import-not-found]

from benchmarks.peers.window import OPEN_S, command, report, times, wait_until


def main() -> None:
    """Measure the window."""
    ran = Path("window.json")
    wait_until(OPEN_S)
    result = measure_power(command(ran), gpu_backend="none")
    energy_j = result.cpu_energy_j
    report(times(ran), [] if energy_j is None else [energy_j], [], "measure_power")


if __name__ == "__main__":
    main()
