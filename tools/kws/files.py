"""Writes the shipped files. The same arrays give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.kws.scale import STEP, Scale

DATA = Path(__file__).parents[2] / "workloads" / "kws" / "data"


def write_weights(weights: dict[str, NDArray[np.float16]]) -> None:
    """Write `weights.npz`: weights and biases under torch's names."""
    np.savez_compressed(DATA / "weights.npz", allow_pickle=False, **weights)


def write_utterances(
    frames: Sequence[NDArray[np.int8]], keyword: Sequence[bool], scale: Scale
) -> None:
    """Write `utterances.npz`: frames of all utterances, how many each has, which say the keyword.

    `mean` and `deviation` are for users who bring their own speech.
    """
    np.savez_compressed(
        DATA / "utterances.npz",
        allow_pickle=False,
        frames=np.concatenate(frames),
        scale=STEP,
        lengths=np.array([len(utterance) for utterance in frames], dtype=np.int64),
        labels=np.array(keyword),
        mean=scale.mean,
        deviation=scale.deviation,
    )


def sizes() -> dict[str, int]:
    """Bytes of each file."""
    return {path.name: path.stat().st_size for path in sorted(DATA.glob("*.npz"))}
