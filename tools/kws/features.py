"""Mel-frequency cepstral coefficients (MFCC) of 16 kHz speech, in numpy.

After Davis & Mermelstein, IEEE Trans. ASSP 28(4), 1980, with the settings of the keyword spotter
of Blouw et al., arXiv 1812.01739: 25 ms frames every 10 ms, 26 filters, 26 coefficients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME = 400
HOP = 160
FFT = 512
FILTERS = 26
COEFFICIENTS = 26
WINDOW_FRAMES = 15
_PRE_EMPHASIS = 0.97
_LIFTER = 22
# Keeps the logarithm of digital silence finite; far below the rounding of 16-bit audio.
_LEAST_ENERGY = 1e-10

Array = NDArray[np.float64]


def mfcc(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coefficients (frames, 26) of samples (n,) in ±1; column 0 is the log energy of the frame."""
    frames = cut(emphasise(samples.astype(np.float64)))
    spectrum = power_spectrum(frames)
    log_bands = np.log(np.maximum(spectrum @ mel_filters().T, _LEAST_ENERGY))
    cepstra = log_bands @ dct_matrix().T * lifter()
    cepstra[:, 0] = log_energy(frames)
    return cepstra.astype(np.float32)


def emphasise(samples: Array) -> Array:
    """Each sample minus 0.97 of the one before."""
    return np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])


def cut(samples: Array) -> Array:
    """Frames (f, 400) that lie wholly within the samples (n,): f = 1 + (n - 400) // 160."""
    return np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]


def power_spectrum(frames: Array) -> Array:
    """Power (f, 257) of Hamming-windowed frames (f, 400), filled with zeros to 512."""
    return np.abs(np.fft.rfft(frames * np.hamming(FRAME), FFT)) ** 2 / FFT


def log_energy(frames: Array) -> Array:
    """Natural logarithm of the sum of squares of each frame."""
    return np.log(np.maximum((frames**2).sum(axis=1), _LEAST_ENERGY))


def mel(frequency_hz: Array) -> Array:
    """Pitch in mel (O'Shaughnessy): 2595 · log10(1 + f / 700)."""
    return 2595 * np.log10(1 + frequency_hz / 700)


def mel_filters() -> Array:
    """Triangles (26, 257) over the FFT's bins, evenly spaced in mel from 0 to 8 kHz.

    Each reaches from its left neighbour's peak to its right one's.
    """
    bins = mel(np.arange(FFT // 2 + 1) * RATE_HZ / FFT)
    edges = np.linspace(0, bins[-1], FILTERS + 2)
    left, peak, right = (edges[i : i + FILTERS, None] for i in range(3))
    rising, falling = (bins - left) / (peak - left), (right - bins) / (right - peak)
    return np.maximum(0, np.minimum(rising, falling))


def dct_matrix() -> Array:
    """The orthonormal DCT-II (26, 26): row k holds cos(π k (n + ½) / 26), scaled."""
    k, n = np.arange(COEFFICIENTS)[:, None], np.arange(FILTERS)
    rows = np.sqrt(2 / FILTERS) * np.cos(np.pi * k * (n + 0.5) / FILTERS)
    rows[0] /= np.sqrt(2)
    return rows


def lifter() -> Array:
    """Weights (26,) of the coefficients: 1 + 11 sin(π k / 22)."""
    return 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / _LIFTER)
