"""The keys of the main screen during a playback: their words in the footer, and their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import ActiveBinding

PLAYBACK_KEYS = {
    "space": "Pause",
    "left": "5 s",
    "home": "Start",
    "end": "End",
    "less_than_sign": "Speed",
    "r": "Live",
    "R": "Runs",
    "question_mark": "Help",
    "q": "Quit",
    "plus": "Zoom",
    "f": "Freeze",
    "z": "Zero J",
    "c": "Compare",
    "t": "Theme",
}
PLAYBACK_DISPLAYS = {"less_than_sign": "<>"}


# Of a node of a fleet.
NODE_KEYS = {"q": "All nodes"} | {
    key: text for key, text in PLAYBACK_KEYS.items() if key not in "qrRc"
}


def of_playback(
    found: dict[str, ActiveBinding],
    shown: Mapping[str, str] = PLAYBACK_KEYS,
    is_playing: bool = True,
) -> dict[str, ActiveBinding]:
    """The keys as a playback uses them, in the order of the footer; the others are not shown."""
    words = shown if is_playing else {**shown, "space": "Play"}
    first = {
        key: found[key]._replace(
            binding=replace(
                found[key].binding,
                description=description,
                show=True,
                key_display=PLAYBACK_DISPLAYS.get(key, found[key].binding.key_display),
            )
        )
        for key, description in words.items()
        if key in found
    }
    others = {
        key: active._replace(binding=replace(active.binding, show=False))
        for key, active in found.items()
        if key not in first
    }
    return first | others
