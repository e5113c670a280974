"""SVG to PNG, with resvg and the fonts of this machine."""

from __future__ import annotations

from pathlib import Path

import resvg_py

FONT = "DejaVu Sans Mono"
PIXELS_WIDE = 1600
# For sizes in mm.
DPI = 96


def png(svg: Path) -> None:
    """The same picture as a PNG beside it."""
    data = resvg_py.svg_to_bytes(
        svg_path=str(svg), monospace_family=FONT, width=PIXELS_WIDE, dpi=DPI
    )
    svg.with_suffix(".png").write_bytes(bytes(data))
