"""The trained network in numpy, for measuring its accuracy in the build."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def logits(
    weights: Mapping[str, NDArray[np.float32]], windows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits (n, 29) of windows (n, 390)."""
    hidden = np.maximum(windows @ weights["linear1.weight"].T + weights["linear1.bias"], 0)
    hidden = np.maximum(hidden @ weights["linear2.weight"].T + weights["linear2.bias"], 0)
    return hidden @ weights["linear3.weight"].T + weights["linear3.bias"]
