"""Scales features to mean 0 and deviation 1, and to the int8 steps in which they are shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]

# Of a deviation; int8 then reaches to ±8 deviations.
STEP = np.float32(1 / 16)


@dataclass(frozen=True)
class Scale:
    """Mean and deviation (26,) of the coefficients in training."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    def normalise(self, frames: Frames) -> Frames:
        """Frames (f, 26) minus the mean, in deviations: the network's input."""
        return (frames - self.mean) / self.deviation


def scale_of(utterances: Sequence[Frames]) -> Scale:
    """The scale that gives all these frames together mean 0 and deviation 1."""
    frames = np.concatenate(utterances).astype(np.float64)
    return Scale(frames.mean(axis=0).astype(np.float32), frames.std(axis=0).astype(np.float32))


def quantise(normalised: Frames) -> NDArray[np.int8]:
    """Normalised frames in whole steps, clipped at ±8 deviations."""
    return np.clip(np.rint(normalised / STEP), -127, 127).astype(np.int8)
