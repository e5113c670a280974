"""Change of sampling rate by a bank of windowed sinc filters, one for each phase."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

_ZERO_CROSSINGS = 16
_ROLL_OFF = 0.95


def resample(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Samples (n,) at `from_hz` as samples (ceil(n · to/from),) at `to_hz`, band-limited."""
    common = gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    bank = _bank(up, down)
    half = bank.shape[1] // 2
    padded = np.pad(samples, half)
    steps = np.arange(ceil(len(samples) * up / down)) * down
    pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)
    return np.einsum("nt,nt->n", pieces[steps // up + 1], bank[steps % up])


@lru_cache(maxsize=32)
def _bank(up: int, down: int) -> NDArray[np.float32]:
    """Filters (up, taps): row p weighs the inputs around an output p / up after an input."""
    cutoff = _ROLL_OFF * min(1.0, up / down)
    half = ceil(_ZERO_CROSSINGS / cutoff)
    distance = np.arange(1 - half, half + 1) - np.arange(up)[:, None] / up
    window = np.cos(np.pi / 2 * np.clip(distance / half, -1, 1)) ** 2
    filters = np.sinc(cutoff * distance) * window
    return (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
