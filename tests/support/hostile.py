"""Thirty kinds of hostile text, and what no output may contain."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from wattui.cli import main

KINDS = {
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "colour": "\x1b[31mred\x1b[0m",
    "link": "\x1b]8;;http://a.example/\x1b\\here\x1b]8;;\x1b\\",
    "answer": "\x1b[6n\x1b[c",
    "string": "\x1bP+q544e\x1b\\",
    "c1 sequence": "\x9b31m\x9d52;c;QQ==\x9c",
    "bell": "a\x07b",
    "backspaces": "good\x08\x08\x08\x08evil",
    "return": "good\revil",
    "lines": "one\ntwo\r\nthree",
    "tabs": "a\tb\vc\fd",
    "delete": "a\x7fb",
    "nul": "a\0b",
    "next line": "a\x85b\u2028c\u2029d",
    "right to left": "a\u202egnp.exe\u202c",
    "isolates": "\u2066a\u2069\u200fb",
    "joiners": "a\u200b\u200db\ufeffc",
    "surrogate": "a\ud800b\udcffc",
    "unassigned": "a\u0378b\uffffc\U000e0001d",
    "private": "a\ue000b",
    "markup": "[bold]a[/] [a=+] [/nothing] [@click=app.quit]b[/]",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "entities": "&lt;b&gt; &#x1b; ]]> <!-- --> \"'>",
    "formula": '=HYPERLINK("http://a.example","a")',
    "sum": "+1+cmd|' /C calc'!A0",
    "at": "@SUM(1)",
    "percent": "%s%n{0}{x!r}$(id)`id`\\",
    "long": "x" * 5000,
}
assert len(KINDS) == 30

HEADER = (
    "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W,total_J,total_W\n"
)


def quoted(text: str) -> str:
    """A cell as other programs write it."""
    return '"' + text.replace('"', '""') + '"'


def run_csv(path: Path, labels: list[str]) -> Path:
    """A run of these labels, each with a note of the same text; some are counted by twos."""
    lines = [HEADER]
    time_s = count = 0

    def row(phase: str, label: str, event: str) -> None:
        joules = 10 * time_s + (time_s % 3)
        cells = f"{count},{joules},10,{joules},10"
        stamp = f"{time_s}.000000,2026-01-01T00:00:{time_s % 60:02}.000Z"
        lines.append(f"{stamp},{phase},{quoted(label)},,{quoted(event)},{cells}\n")

    row("idle", "", "begin")
    time_s += 5
    row("idle", "", "end")
    for label in labels:
        row("running", label, "begin")
        time_s += 2
        row("running", label, f"note:{label}")
        row("running", label, f"note:stuck {label}")
        time_s += 2
        count += 100
        row("running", label, "end")
    path.write_bytes("".join(lines).encode(errors="surrogatepass"))
    return path


def assert_harmless(text: str, kept: str = "\n\t") -> None:
    """No character of a text acts on a terminal, turns its direction, or cannot be written."""
    text.encode()
    found = {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs")} - set(kept)
    assert not found, found


def answer(*arguments: str) -> int:
    """The exit status of wattui; what it prints goes to capsys."""
    return main(list(arguments))
