"""Simulates a room and a microphone: surrounding silence, level, tone, noise, speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.kws.resample import resample
from tools.kws.synthesise import RATE_HZ

_SPEEDS = tuple(percent / 100 for percent in range(80, 128, 4))
_TILT = 0.5
_PAUSE_S = (0.12, 0.16)


@dataclass(frozen=True)
class Room:
    """The recording conditions of an utterance. `snr_db` and `level_db` are ranges to draw from.

    `altered` also changes the speaker: speed, and with it pitch and formants, and the tone.
    """

    snr_db: tuple[float, float]
    level_db: tuple[float, float]
    altered: bool


TRAINING_ROOM = Room(snr_db=(10, 45), level_db=(-15, 0), altered=True)
TEST_ROOM = Room(snr_db=(20, 45), level_db=(-9, 0), altered=False)


def record(
    speech: NDArray[np.float32], room: Room, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Samples as recorded in the room: (n,) becomes (m,), with 0.12-0.16 s around the speech."""
    if room.altered:
        speech = resample(speech, round(RATE_HZ * rng.choice(_SPEEDS)), RATE_HZ)
        speech = _tilted(speech, rng.uniform(-_TILT, _TILT))
    pauses = rng.uniform(*_PAUSE_S, size=2)
    speech = np.pad(speech, tuple(round(pause * RATE_HZ) for pause in pauses))
    level = 10 ** (rng.uniform(*room.level_db) / 20) / max(1e-9, float(np.abs(speech).max()))
    speech_rms = np.sqrt(np.mean(speech**2))
    noise = _tilted(rng.standard_normal(len(speech)), rng.uniform(-0.9, 0.3))
    noise *= speech_rms / np.sqrt(np.mean(noise**2)) / 10 ** (rng.uniform(*room.snr_db) / 20)
    return ((speech + noise) * level).astype(np.float32)


def _tilted(samples: NDArray[np.float32], tilt: float) -> NDArray[np.float32]:
    """Samples with the high tones raised (`tilt` above 0) or lowered, by one zero."""
    return np.append(samples[:1], samples[1:] - tilt * samples[:-1])
