"""A bell and a notice of the desktop, as escape sequences of the terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from wattui import clean

BELL = "\a"
MOST_CHARACTERS = 120
# Terminals that show the notice of OSC 9, by TERM_PROGRAM or TERM; and that of OSC 777, by TERM.
# Others only ring: what they make of an unknown sequence is not known.
_OSC_9 = ("iTerm.app", "WezTerm", "ghostty", "xterm-kitty", "xterm-ghostty")
_OSC_777 = ("foot", "rxvt-unicode", "rxvt-unicode-256color")


def notice(text: str, environ: Mapping[str, str]) -> str:
    """The bell, and the notice that the terminal of this environment understands.

    Inside tmux or screen only the bell, which they pass on. Control characters of the text are made
    visible; semicolons, which separate the parts of a sequence, become commas.
    """
    shown = clean.one_line(text)[:MOST_CHARACTERS].replace(";", ",")
    term = environ.get("TERM", "")
    if "TMUX" in environ or term.startswith("screen"):
        return BELL
    if environ.get("TERM_PROGRAM") in _OSC_9 or term in _OSC_9:
        return f"{BELL}\x1b]9;wattui: {shown}\x1b\\"
    if "VTE_VERSION" in environ or term in _OSC_777:
        return f"{BELL}\x1b]777;notify;wattui;{shown}\x1b\\"
    return BELL
