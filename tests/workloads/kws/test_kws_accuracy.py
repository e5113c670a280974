from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tools.kws.network import logits
from workloads.kws.accuracy import ALPHABET, Accuracy, check, decode, is_hit, tally
from workloads.kws.store import load_weights

LETTERS = [letter for letter in ALPHABET if letter != "-"]
paths = st.text(alphabet=ALPHABET, min_size=1, max_size=60)


def spelling(path: str) -> NDArray[np.float32]:
    """Logits whose likeliest letters are those of the path."""
    return np.eye(len(ALPHABET), dtype=np.float32)[[ALPHABET.index(letter) for letter in path]]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("--aa-ll--oo-h-aa--", "aloha"),
        ("aloha", "aloha"),
        ("--------", ""),
        ("aaaa", "a"),
        ("a-a", "a"),
        ("l-o-l", "lol"),
        ("al-l--la", "ala"),
        ("a  b", "a b"),
        ("a- -b'", "a b'"),
    ],
)
def test_decode_merges_repeats_drops_blanks_and_merges_again(path: str, text: str) -> None:
    assert decode(spelling(path)) == text


def test_decode_takes_the_likeliest_letter_whatever_the_size_of_its_logit() -> None:
    windows = np.full((2, 29), -50, dtype=np.float32)
    windows[0, ALPHABET.index("h")] = -49
    windows[1, ALPHABET.index("a")] = 3
    assert decode(windows) == "ha"


@given(paths)
def test_no_letter_follows_itself_and_blanks_are_gone(path: str) -> None:
    text = decode(spelling(path))
    assert "-" not in text
    assert all(letter != after for letter, after in pairwise(text))


@given(paths)
def test_the_text_has_the_letters_of_the_path_in_their_order(path: str) -> None:
    rest = iter(path)
    assert all(letter in rest for letter in decode(spelling(path)))
    assert set(decode(spelling(path))) == set(path) - {"-"}


@given(paths, st.lists(st.integers(1, 4), min_size=60, max_size=60))
def test_speaking_slower_changes_nothing(path: str, counts: list[int]) -> None:
    slower = "".join(letter * count for letter, count in zip(path, counts, strict=False))
    assert decode(spelling(slower)) == decode(spelling(path))


@given(st.lists(st.sampled_from(LETTERS), min_size=1).map("".join))
def test_a_decoded_text_decodes_to_itself(path: str) -> None:
    text = decode(spelling(path))
    assert decode(spelling(text)) == text


@pytest.mark.parametrize("text", ["loha", "alha", "aloa", "aloh", "aoha", "aloha"])
def test_the_keyword_may_lose_one_letter(text: str) -> None:
    assert is_hit(text)


@pytest.mark.parametrize("text", ["", "aloe", "alo", "alohaa", " aloha", "aloha hello"])
def test_other_texts_are_no_hits(text: str) -> None:
    assert not is_hit(text)


def test_tally_puts_each_utterance_in_its_place() -> None:
    labels = [True] * 7 + [False] * 5
    hits = [True] * 4 + [False] * 3 + [True] * 2 + [False] * 3
    accuracy = tally(labels, hits)
    assert accuracy == Accuracy(4, 2, 3, 3)
    assert accuracy.true_positive_rate == pytest.approx(4 / 7)
    assert accuracy.true_negative_rate == pytest.approx(3 / 5)


def test_rates_of_nothing_are_no_numbers() -> None:
    nothing = Accuracy(0, 0, 0, 0)
    assert math.isnan(nothing.true_positive_rate)
    assert math.isnan(nothing.true_negative_rate)


def test_the_shipped_network_is_as_good_as_is_said() -> None:
    weights = load_weights()
    assert check(lambda windows: logits(weights, windows)) == Accuracy(88, 0, 96, 8)


def test_a_network_that_hears_nothing_finds_nothing() -> None:
    silence = spelling("-")
    assert check(lambda windows: silence.repeat(len(windows), axis=0)) == Accuracy(0, 0, 96, 96)


def test_all_windows_are_asked_for_in_few_calls() -> None:
    calls = []

    def infer(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(len(windows))
        assert windows.shape[1:] == (390,)
        assert windows.dtype == np.float32
        return np.zeros((len(windows), 29), dtype=np.float32)

    check(infer)
    assert len(calls) <= 8
