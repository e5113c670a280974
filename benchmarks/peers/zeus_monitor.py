"""Zeus: a `ZeusMonitor` window; joules by package."""

from __future__ import annotations

from zeus.monitor import ZeusMonitor  # type: ignore[import-not-found]

from benchmarks.peers.window import report, through


def main() -> None:
    """Measure the window, after one that wakes the processes that watch for wraps."""
    monitor = ZeusMonitor(gpu_indices=[])
    monitor.begin_window("warm-up")
    monitor.end_window("warm-up")
    found = []
    window = through(
        lambda: monitor.begin_window("window"),
        lambda: found.append(monitor.end_window("window")),
    )
    package_j = list((found[0].cpu_energy or {}).values())
    report(window, package_j, list((found[0].dram_energy or {}).values()), "ZeusMonitor")


if __name__ == "__main__":
    main()
