"""Kilowatt-hours, money and carbon dioxide made from an energy by stated factors. Pure."""

from __future__ import annotations

from wattui.config import Rate
from wattui.show.quantities import number, prefix_for

J_PER_KWH = 3.6e6


def derived_text(energy_j: float, price: Rate | None, carbon: Rate | None) -> str:
    """An energy in watt-hours, money and CO2, with the factors; empty without a factor."""
    if price is None and carbon is None:
        return ""
    kwh = energy_j / J_PER_KWH
    parts = [_amount(1e3 * kwh, "Wh")]
    if price is not None:
        parts.append(f"{number(kwh * price.per_kwh, 2)} {price.text}".rstrip())
    if carbon is not None:
        source = f", {carbon.text}" if carbon.text else ""
        parts.append(f"{_amount(kwh * carbon.per_kwh, 'g')} CO₂ ({carbon.per_kwh:g} g/kWh{source})")
    return f"derived: {' · '.join(parts)}"


def _amount(value: float, unit: str) -> str:
    factor, prefix = prefix_for([value])
    return f"{number(value / factor, 3)} {prefix}{unit}"
