"""A constant kernel on CUDA until it is killed: `python -m benchmarks.gpu.load full|step`."""

from __future__ import annotations

import sys
import time

from benchmarks.gpu.device import STEP_S

SIDE, CALLS = 4096, 4


def main(pattern: str) -> None:
    """Multiply matrices, all the time or in every other second; print `ready` when warm."""
    import torch

    if not torch.cuda.is_available():
        sys.exit("torch finds no usable CUDA device")
    left = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.float16)
    made = torch.empty_like(left)

    def compute(seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            for _ in range(CALLS):
                torch.matmul(left, left, out=made)
            torch.cuda.synchronize()

    compute(2.0)
    print("ready", flush=True)
    while True:
        compute(STEP_S)
        if pattern == "step":
            time.sleep(STEP_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
