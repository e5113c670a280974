from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.kws import build, voices, words
from tools.kws.augment import TEST_ROOM, TRAINING_ROOM, Room, record
from tools.kws.corpus import takes_for_test, takes_for_training
from tools.kws.resample import resample
from tools.kws.scale import quantise, scale_of
from tools.kws.synthesise import draw_take

TRAINED = takes_for_training(voices.HEARD, build.TRAINING_SEED)
HEARD = takes_for_test(voices.HEARD, build.HEARD_SEED, set(TRAINED))
NEVER_HEARD = takes_for_test(voices.NEVER_HEARD, build.NEVER_HEARD_SEED)


def test_nothing_that_is_tested_was_trained() -> None:
    assert not set(TRAINED) & set(HEARD)
    assert not set(TRAINED) & set(NEVER_HEARD)


def test_voices_never_heard_are_not_in_training() -> None:
    trained = {take.voice for take in TRAINED}
    tested = {take.voice for take in NEVER_HEARD}
    assert not trained & tested
    assert all(tested & set(family) for family in voices.NEVER_HEARD)


def test_only_the_keyword_is_said_in_both_training_and_test() -> None:
    trained = {take.text for take in TRAINED}
    assert trained & {take.text for take in NEVER_HEARD + HEARD} == {words.KEYWORD}


def test_each_split_says_the_keyword_96_times_of_192() -> None:
    for takes in (HEARD, NEVER_HEARD):
        assert [take.text for take in takes].count(words.KEYWORD) == 96
        assert len(takes) == 192


def test_a_take_that_was_trained_is_drawn_again() -> None:
    family = [["adam"]]
    once = takes_for_test(family, 1)
    again = takes_for_test(family, 1, set(once))
    assert len(again) == 192
    assert not set(once) & set(again)


def test_the_same_seed_draws_the_same_take() -> None:
    first, second = (draw_take(random.Random(4), "aloha", "adam", ("en-us",)) for _ in range(2))
    assert first == second


@given(st.sampled_from([22_050, 13_440, 20_160, 16_000]), st.integers(200, 3000))
def test_a_tone_keeps_its_frequency_and_height(from_hz: int, frequency_hz: int) -> None:
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(from_hz // 10) / from_hz)
    found = resample(tone.astype(np.float32), from_hz, 16_000)
    wanted = np.sin(2 * np.pi * frequency_hz * np.arange(1600) / 16_000)
    assert len(found) == 1600
    np.testing.assert_allclose(found[50:-50], wanted[50:-50], atol=0.005)


def test_what_16_khz_cannot_hold_is_taken_out() -> None:
    tone = np.sin(2 * np.pi * 9_500 * np.arange(2205) / 22_050).astype(np.float32)
    assert np.abs(resample(tone, 22_050, 16_000)[50:-50]).max() < 0.01


@pytest.mark.parametrize("room", [TRAINING_ROOM, TEST_ROOM])
def test_a_recording_has_pauses_and_the_same_seed_gives_the_same(room: Room) -> None:
    speech = np.sin(np.arange(8000) / 10).astype(np.float32)
    first, second = (record(speech, room, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert np.abs(first[:1600]).max() < np.abs(first).max() / 2
    assert len(first) >= 8000 / 1.24 + 2 * 0.12 * 16_000 - 2


def test_the_noise_is_as_far_below_the_speech_as_is_asked() -> None:
    speech = np.sin(np.arange(80_000)).astype(np.float32)
    room = Room(snr_db=(20, 20), level_db=(0, 0), altered=False)
    recorded = record(speech, room, np.random.default_rng(3))
    noise_rms = np.sqrt(np.mean(recorded[:1920] ** 2))
    assert 20 * np.log10(np.sqrt(0.5) / noise_rms) == pytest.approx(20, abs=1)


def test_the_scale_brings_frames_to_mean_0_and_deviation_1() -> None:
    rng = np.random.default_rng(5)
    groups = [rng.normal(7, 3, (count, 26)).astype(np.float32) for count in (40, 60)]
    scale = scale_of(groups)
    frames = np.concatenate([scale.normalise(group) for group in groups])
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-5)


def test_steps_are_sixteenths_and_end_at_127() -> None:
    frames = np.array([[0, 1, -1, 0.04, 100, -100]], dtype=np.float32)
    assert quantise(frames).tolist() == [[0, 16, -16, 1, 127, -127]]


def test_the_build_says_what_it_lacks_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "which", lambda _: None)
    assert build.main() == 1
    assert capsys.readouterr().err.strip().count("\n") == 0
    monkeypatch.setattr(build, "which", lambda _: "/usr/bin/espeak-ng")
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    assert build.main() == 1
    assert capsys.readouterr().err == "torch is not installed: python -m pip install torch\n"
