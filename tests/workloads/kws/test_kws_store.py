from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.kws.store import load_weights, load_windows, slide

DATA = files("workloads.kws") / "data"


def test_the_weights_are_those_of_390_256_256_29() -> None:
    weights = load_weights()
    assert {name: values.shape for name, values in weights.items()} == {
        "linear1.weight": (256, 390),
        "linear1.bias": (256,),
        "linear2.weight": (256, 256),
        "linear2.bias": (256,),
        "linear3.weight": (29, 256),
        "linear3.bias": (29,),
    }
    assert sum(values.size for values in weights.values()) == 173_341
    assert all(values.dtype == np.float32 for values in weights.values())
    assert all(np.isfinite(values).all() for values in weights.values())


def test_the_utterances_are_192_half_of_them_the_keyword() -> None:
    windows, lengths, labels = load_windows()
    assert windows.shape == (lengths.sum(), 390)
    assert windows.dtype == np.float32
    assert lengths.shape == labels.shape == (192,)
    assert lengths.min() > 0
    assert labels.sum() == 96


def test_windows_of_an_utterance_overlap_by_14_frames() -> None:
    windows, lengths, _ = load_windows()
    first, second = windows[: lengths[0]], windows[lengths[0] : lengths[0] + lengths[1]]
    for utterance in (first, second):
        np.testing.assert_array_equal(utterance[1:, :-26], utterance[:-1, 26:])
    assert not np.array_equal(second[0, :-26], first[-1, 26:])


def test_features_are_normalised() -> None:
    windows = load_windows().windows.reshape(-1, 26)
    assert np.abs(windows.mean(axis=0)).max() < 0.5
    assert 0.7 < windows.std(axis=0).min() <= windows.std(axis=0).max() < 1.3


@given(st.integers(15, 40))
def test_a_window_holds_15_frames_the_oldest_first(count: int) -> None:
    frames = np.arange(count * 26, dtype=np.float32).reshape(count, 26)
    windows = slide(frames)
    assert windows.shape == (count - 14, 390)
    for place, window in enumerate(windows):
        np.testing.assert_array_equal(window, frames[place : place + 15].ravel())


def test_the_files_are_small() -> None:
    assert sum(len(entry.read_bytes()) for entry in DATA.iterdir()) <= 700_000


def test_the_package_itself_needs_no_numpy() -> None:
    program = "import sys, workloads.kws; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
