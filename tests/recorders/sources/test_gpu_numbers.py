"""One numbering of GPUs over all vendors, in PCI order, however each writes its addresses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.sources.gpu_numbers import gpu_numbers, place_of, short_address

ADDRESSES = st.builds("{:04x}:{:02x}:00.0".format, st.integers(0, 3), st.integers(0, 255))


def test_gpus_of_all_vendors_share_one_numbering_in_pci_order() -> None:
    nvidia = ["00000000:17:00.0", "00000000:CA:00.0"]
    assert gpu_numbers(nvidia, ["0000:31:00.0", "0000:03:00.0"]) == ([1, 3], [2, 0])


def test_nvidias_alone_have_the_numbers_of_nvidia_smi() -> None:
    assert gpu_numbers(["00000000:17:00.0", "00000000:65:00.0", "00000001:00:00.0"], []) == (
        [0, 1, 2], []
    )  # fmt: skip
    assert gpu_numbers(["", "", ""], []) == ([0, 1, 2], [])


def test_a_gpu_that_does_not_tell_its_address_comes_next_to_the_one_before_it() -> None:
    nvidia = ["00000000:17:00.0", "", "00000000:CA:00.0"]
    assert gpu_numbers(nvidia, ["0000:31:00.0", "0000:03:00.0"]) == ([1, 2, 4], [3, 0])


@given(st.lists(ADDRESSES | st.just(""), max_size=6), st.lists(ADDRESSES, unique=True, max_size=6))
def test_every_gpu_has_a_number_of_its_own(nvidia: list[str], cards: list[str]) -> None:
    first, second = gpu_numbers(nvidia, cards)
    assert sorted(first + second) == list(range(len(nvidia) + len(cards)))
    order = sorted(cards, key=lambda card: place_of(card) or ())
    assert all(a < b for a, b in pairwise(second[cards.index(card)] for card in order))


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("00000000:0A:00.0", "0000:0a:00.0"),
        ("00010000:65:00.1", "10000:65:00.1"),
        ("not an address", "not an address"),
    ],
)
def test_an_address_is_written_as_linux_does(address: str, short: str) -> None:
    assert short_address(address) == short
