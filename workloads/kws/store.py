"""The shipped files of the keyword spotter: weights, and the features of the test utterances."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_FRAMES = 15

_DATA = files("workloads.kws") / "data"


class AudioWindows(NamedTuple):
    """Inputs of all utterances, one after the other.

    `windows` is (n, 390), `lengths` (utterances,) says how many of them belong to each, and
    `labels` (utterances,) whether the keyword was said.
    """

    windows: NDArray[np.float32]
    lengths: NDArray[np.int64]
    labels: NDArray[np.bool_]


def load_weights() -> dict[str, NDArray[np.float32]]:
    """Weights (outputs, inputs) and biases (outputs,) of `linear1`, `linear2` and `linear3`."""
    return {name: array.astype(np.float32) for name, array in _load("weights.npz").items()}


def load_windows() -> AudioWindows:
    """Every test utterance, cut into windows one frame of 10 ms apart."""
    stored = _load("utterances.npz")
    frames = stored["frames"] * stored["scale"]
    utterances = np.split(frames, np.cumsum(stored["lengths"])[:-1])
    cut = [slide(utterance) for utterance in utterances]
    lengths = np.array([len(windows) for windows in cut])
    return AudioWindows(np.concatenate(cut), lengths, stored["labels"])


def slide(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Windows (f - 14, 390) of frames (f, 26): 15 frames each, the oldest first."""
    windows = np.lib.stride_tricks.sliding_window_view(frames, WINDOW_FRAMES, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(windows), -1)


def _load(name: str) -> dict[str, NDArray[Any]]:
    with (_DATA / name).open("rb") as file, np.load(file) as arrays:
        return {key: arrays[key] for key in arrays.files}
