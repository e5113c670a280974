"""How many examples a property test tries where each of them is slow, or fast."""

from __future__ import annotations

from hypothesis import settings

# What a test tries that asks for no number.
ORDINARY = 100


def examples(count: int) -> settings:
    """Settings for so many examples; fewer in the same proportion where the profile asks for it."""
    return settings(max_examples=max(1, count * settings().max_examples // ORDINARY))
