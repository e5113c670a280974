"""CodeCarbon: a task of an `OfflineEmissionsTracker`; kWh by component."""

from __future__ import annotations

from codecarbon import OfflineEmissionsTracker  # type: ignore[import-not-found]

from benchmarks.peers.window import report, through

J_PER_KWH = 3.6e6


def main() -> None:
    """Measure the window, after a task that absorbs the one-second hardware detection.

    Memory is an estimate from its size, not RAPL.
    """
    tracker = OfflineEmissionsTracker(
        country_iso_code="FRA", save_to_file=False, log_level="error", allow_multiple_runs=True
    )
    tracker.start_task("warm-up")
    tracker.stop_task()
    found = []
    window = through(
        lambda: tracker.start_task("window"), lambda: found.append(tracker.stop_task())
    )
    package_j, dram_j = (kwh * J_PER_KWH for kwh in (found[0].cpu_energy, found[0].ram_energy))
    report(window, [package_j], [dram_j], "a task of OfflineEmissionsTracker, memory estimated")


if __name__ == "__main__":
    main()
