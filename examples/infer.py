"""An example inference script: a small dense network in plain Python.

Record it with `wattui --headless --csv run.csv -- python examples/infer.py`. It also runs without
wattui recording it.
"""

import random
import time

import wattui

INPUTS, HIDDEN, OUTPUTS = 39, 64, 29
ARMED_S, WARMUP, INFERENCES = 3.0, 200, 4000


def layer(rows: int, columns: int) -> list[list[float]]:
    return [[random.gauss(0, columns**-0.5) for _ in range(columns)] for _ in range(rows)]


def infer(network: list[list[list[float]]], values: list[float]) -> list[float]:
    for weights in network:
        values = [max(0.0, sum(map(float.__mul__, row, values))) for row in weights]
    return values


def main() -> None:
    random.seed(1)
    network = [layer(HIDDEN, INPUTS), layer(HIDDEN, HIDDEN), layer(OUTPUTS, HIDDEN)]
    window = [random.random() for _ in range(INPUTS)]
    with wattui.phase("armed"):
        time.sleep(ARMED_S)
    with wattui.phase("warmup"):
        for _ in range(WARMUP):
            infer(network, window)
    with wattui.phase("running", label="dense 39-64-64-29"):
        for _ in range(INFERENCES):
            infer(network, window)
            wattui.count()
    print(f"{INFERENCES} inferences, checksum {sum(infer(network, window)):.6f}")


if __name__ == "__main__":
    main()
