"""The dashboard in motion: at any moment, the texts of one frame are visible."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from screenshots.film import Row, Run, film

GROUND, SVG = "#16161e", "{http://www.w3.org/2000/svg}"
MOST_BYTES = 1_000_000


def row(text: str, ground: str = GROUND) -> Row:
    return (Run(0, text, "#ffffff", ground, is_bold=False),)


FRAMES = [
    [row("wattui"), row("1 W ")],
    [row("wattui"), row("2 W ", "#ff0000")],
    [row("wattui"), row("2 W ", "#ff0000")],
    [row("wattui"), row("4 <W")],
]


def groups(drawn: str) -> dict[str, str]:
    """The texts of each group, by its class; that of what never changes is empty."""
    root = ElementTree.fromstring(drawn)
    return {group.get("class", ""): "".join(group.itertext()) for group in root.iter(f"{SVG}g")}


def test_what_never_changes_is_drawn_once_and_the_rest_by_frame() -> None:
    assert list(groups(film(FRAMES, GROUND)).values()) == ["wattui", "1 W", "2 W", "4 <W"]


def test_each_part_is_visible_from_its_first_frame_to_the_next_part() -> None:
    drawn = film(FRAMES, GROUND)
    steps = {
        name: re.findall(r"([\d.]+)%\{visibility:(\w+)\}", rule)
        for name, rule in re.findall(r"@keyframes (\w+)\{((?:[^{}]*\{[^{}]*\})*)\}", drawn)
    }
    one, two, four = steps.values()
    assert [said for _, said in one] == ["visible", "hidden"]
    assert [said for _, said in two] == ["hidden", "visible", "hidden"]
    assert [said for _, said in four] == ["hidden", "visible"]
    assert one[-1][0] == two[1][0]
    assert two[-1][0] == four[1][0]


def test_without_motion_the_last_frame_is_shown() -> None:
    drawn = film(FRAMES, GROUND)
    hidden = set(re.findall(r"\.(\w+)\{visibility:hidden", drawn))
    still = [text for name, text in groups(drawn).items() if name not in hidden]
    assert still == ["wattui", "4 <W"]


def test_the_film_of_the_readme_is_small() -> None:
    path = Path(__file__).parents[2] / "screenshots/dashboard-film.svg"
    assert path.stat().st_size < MOST_BYTES
