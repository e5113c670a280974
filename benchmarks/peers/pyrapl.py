"""pyRAPL: `Measurement.begin` and `end`; results in microjoules by socket."""

from __future__ import annotations

import pyRAPL

from benchmarks.peers.window import report, through


def main() -> None:
    """Measure the window."""
    pyRAPL.setup()
    meter = pyRAPL.Measurement("window")
    window = through(meter.begin, meter.end)
    result = meter.result
    package_j = [energy * 1e-6 for energy in result.pkg or ()]
    dram_j = [energy * 1e-6 for energy in result.dram or ()]
    report(window, package_j, dram_j, "Measurement")


if __name__ == "__main__":
    main()
