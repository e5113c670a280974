"""Lines that break at spaces, but not between a number and its unit."""

from __future__ import annotations

import re

from rich import _wrap

UNITS = "s|min|h|d|ms|µs|W|mW|kW|J|mJ|µJ|kJ|Wh|Hz|MHz|MiB|GiB|%|°C"
WORD = re.compile(rf"\s*[(~±≤<>+−-]*\d[\d.,]* (?:{UNITS})(?!\w)\S*\s*|\s*\S+\s*")


def keep_quantities() -> None:
    """Have Rich, which Textual wraps with too, take "0.5 s" for one word."""
    _wrap.re_word = WORD
