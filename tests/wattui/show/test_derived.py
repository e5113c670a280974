"""Money and carbon dioxide made from an energy."""

from __future__ import annotations

import pytest

from wattui.config import rate_of, refusal
from wattui.show.derived import derived_text


def test_a_kilowatt_hour_costs_its_price() -> None:
    price, carbon = rate_of("0.30 EUR"), rate_of("350 grid mean of 2025")
    assert derived_text(3.6e6, price, carbon) == (
        "derived: 1.00 kWh · 0.30 EUR · 350 g CO₂ (350 g/kWh, grid mean of 2025)"
    )
    assert derived_text(0.827, None, rate_of("350")) == (
        "derived: 230 µWh · 80.4 µg CO₂ (350 g/kWh)"
    )


def test_nothing_is_derived_without_a_factor() -> None:
    assert derived_text(3.6e6, rate_of(""), rate_of("  ")) == ""


@pytest.mark.parametrize("text", ["EUR 0.30", "-1", "0,30 EUR", "1e3"])
def test_a_rate_begins_with_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="begin with a number"):
        rate_of(text)
    assert refusal("price_per_kwh", text) == "must begin with a number, as in 0.30 EUR"
