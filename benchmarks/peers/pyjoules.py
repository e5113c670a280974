"""pyJoules: an `EnergyMeter` over all domains; samples in microjoules by domain name."""

from __future__ import annotations

from pyJoules.device import DeviceFactory  # type: ignore[import-not-found]
from pyJoules.energy_meter import EnergyMeter  # type: ignore[import-not-found]

from benchmarks.peers.window import report, through


def main() -> None:
    """Measure the window."""
    meter = EnergyMeter(DeviceFactory.create_devices())
    window = through(meter.start, meter.stop)
    energy = meter.get_trace()[0].energy
    found = {
        head: [value * 1e-6 for name, value in energy.items() if name.startswith(head)]
        for head in ("package", "dram")
    }
    report(window, found["package"], found["dram"], "EnergyMeter")


if __name__ == "__main__":
    main()
