from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tools.kws import features

BIN_HZ = 16_000 / 512


def tone(frequency_hz: float, count: int = 1600) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * frequency_hz * np.arange(count) / 16_000).astype(np.float32)


@given(st.integers(400, 4000))
def test_a_frame_every_10_ms_that_lies_wholly_within(count: int) -> None:
    found = features.mfcc(np.ones(count, dtype=np.float32))
    assert found.shape == (len(range(0, count - 400 + 1, 160)), 26)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_frames_are_cut_where_they_should_be() -> None:
    frames = features.cut(np.arange(1000.0))
    assert frames[:, 0].tolist() == [0, 160, 320, 480]
    assert frames[:, -1].tolist() == [399, 559, 719, 879]


def test_pre_emphasis_takes_a_constant_away_and_keeps_what_is_fast() -> None:
    np.testing.assert_allclose(features.emphasise(np.ones(5)), [1, 0.03, 0.03, 0.03, 0.03])
    np.testing.assert_allclose(features.emphasise(np.array([1.0, -1, 1])), [1, -1.97, 1.97])


def test_power_of_the_spectrum_is_that_of_the_windowed_samples() -> None:
    """Parseval's theorem."""
    frames = np.random.default_rng(1).standard_normal((3, 400))
    spectrum = features.power_spectrum(frames)
    both_sides = 2 * spectrum.sum(axis=1) - spectrum[:, 0] - spectrum[:, -1]
    np.testing.assert_allclose(both_sides, ((frames * np.hamming(400)) ** 2).sum(axis=1))


def test_filters_share_each_frequency_between_two_neighbours() -> None:
    filters = features.mel_filters()
    assert filters.shape == (26, 257)
    assert filters.min() == 0
    assert filters.max() <= 1
    peaks = [float(np.average(np.arange(257), weights=row)) for row in filters]
    assert peaks == sorted(peaks)
    inner = slice(int(np.ceil(peaks[0])), int(peaks[-1]))
    np.testing.assert_allclose(filters[:, inner].sum(axis=0), 1)
    assert ((filters > 0).sum(axis=0) <= 2).all()


def test_the_mel_scale_has_1000_mel_at_1000_hz() -> None:
    assert features.mel(np.array([0.0, 1000.0])) == pytest.approx([0, 1000], abs=0.1)


@pytest.mark.parametrize("number", range(26))
def test_a_tone_at_the_peak_of_a_filter_is_loudest_there(number: int) -> None:
    # The highest pitch, 8 kHz, is 2840.0 mel; peaks stand at 1/27, 2/27 … of it.
    peak_mel = 2840.02 * (number + 1) / 27
    frequency_hz = 700 * (10 ** (peak_mel / 2595) - 1)
    spectrum = features.power_spectrum(features.cut(tone(frequency_hz).astype(np.float64)))
    energy = (spectrum @ features.mel_filters().T).mean(axis=0)
    assert energy.argmax() == number


def test_the_first_coefficient_is_the_log_energy_of_the_frame() -> None:
    samples = tone(440)
    emphasised = [samples[i] - 0.97 * samples[i - 1] for i in range(160, 560)]
    expected = np.log(sum(float(value) ** 2 for value in emphasised))
    assert features.mfcc(samples)[1, 0] == pytest.approx(expected, rel=1e-5)


@given(st.floats(0.01, 100))
def test_loudness_moves_the_first_coefficient_only(gain: float) -> None:
    noise = np.random.default_rng(2).standard_normal(1600).astype(np.float32)
    quiet, loud = features.mfcc(noise), features.mfcc(noise * np.float32(gain))
    np.testing.assert_allclose(loud[:, 0] - quiet[:, 0], 2 * np.log(gain), atol=1e-3)
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=1e-3)


def test_the_cosine_transform_is_orthonormal_and_starts_with_the_mean() -> None:
    matrix = features.dct_matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(26), atol=1e-12)
    np.testing.assert_allclose(matrix[0], 1 / np.sqrt(26))
    assert (np.diff(np.sign(matrix), axis=1) != 0).sum(axis=1).tolist() == list(range(26))


def test_the_lifter_raises_the_middle() -> None:
    weights = features.lifter()
    assert weights[0] == 1
    assert weights[11] == pytest.approx(12)
    assert weights[22] == pytest.approx(1)


def test_silence_is_finite() -> None:
    assert np.isfinite(features.mfcc(np.zeros(800, dtype=np.float32))).all()
