"""Speech from espeak-ng, as arrays of 16 kHz mono in ±1."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.kws.resample import resample

RATE_HZ = 16_000
_HEADER_BYTES = 44
_PITCHES = (10, 90)
_WORDS_PER_MINUTE = (110, 230)


@dataclass(frozen=True)
class Take:
    """One utterance to synthesise; `pitch` 0…99 and `words_per_minute` as in espeak-ng."""

    text: str
    voice: str
    accent: str
    pitch: int
    words_per_minute: int


def draw_take(rng: random.Random, text: str, voice: str, accents: Sequence[str]) -> Take:
    """A take with accent, pitch and speed drawn at random."""
    return Take(
        text, voice, rng.choice(accents), rng.randint(*_PITCHES), rng.randint(*_WORDS_PER_MINUTE)
    )


def speak(take: Take) -> NDArray[np.float32]:
    """Samples (n,) of the take, without the pause after it.

    Raises subprocess.CalledProcessError when espeak-ng refuses.
    """
    command = [
        "espeak-ng",
        *("-v", f"{take.accent}+{take.voice}"),
        *("-p", str(take.pitch)),
        *("-s", str(take.words_per_minute)),
        *("-z", "--stdout", "--", take.text),
    ]
    wave = subprocess.run(command, check=True, capture_output=True).stdout
    rate_hz = int.from_bytes(wave[24:28], "little")
    samples = np.frombuffer(wave[_HEADER_BYTES:], dtype="<i2").astype(np.float32) / 32768
    return resample(samples, rate_hz, RATE_HZ)


def absent(voices: Sequence[str]) -> list[str]:
    """The voices that this espeak-ng lacks; it would use its default voice for them."""
    command = ["espeak-ng", "--voices=variant"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [voice for voice in voices if f"!v/{voice} " not in listing]
