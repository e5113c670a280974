"""macOS's powermetrics with `-f plist`: a property list for each sample, NUL bytes between them.

`timestamp` (whole seconds, UTC), `elapsed_ns`, and in `processor` the mean `cpu_power`,
`gpu_power`, `ane_power` and `combined_power` in milliwatts; on Intel's, `package_watts`. Source:
powermetrics(1), and samples in public repositories.
"""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.parsers.expat import ExpatError

from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.json_values import figure
from wattui.analysis.importers.log import Log, Omissions
from wattui.analysis.importers.powermetrics import Block, of_blocks
from wattui.analysis.importers.stamps import stamp_ns
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LineCount, LogText

NAME = "powermetrics plist"
COLUMNS = "<?xml …><plist>… elapsed_ns, processor: cpu_power, combined_power"
RESOLUTION_NS = 1

_CHANNELS = {
    "combined_power": ("package0", 1e-3),
    "package_watts": ("package0", 1.0),
    "cpu_power": ("core0", 1e-3),
    "gpu_power": ("igpu0", 1e-3),
    "ane_power": ("npu0", 1e-3),
}
_LONGEST_NS = 1 << 50
_LARGEST = 1 << 24


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the beginning of a property list."""
    return first.lstrip("\0").startswith("<?xml") and "plist" in first + second


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the samples. Raises UnreadableError."""
    left_out = Omissions()
    lines = LineCount(text)
    return of_blocks(_blocks(lines, left_out), left_out, lambda: lines.last)


def _blocks(lines: LineCount, left_out: Omissions) -> Iterator[Block]:
    for line, document in _documents(lines, left_out):
        try:
            found = plistlib.loads(document.encode(), fmt=plistlib.FMT_XML)
        except (ValueError, ExpatError, AttributeError, LookupError, TypeError, OverflowError):
            # plistlib raises these for XML that is not a property list.
            left_out.add("not a whole property list", line)
            continue
        found = found if isinstance(found, dict) else {}
        stamp, elapsed = found.get("timestamp"), found.get("elapsed_ns")
        end_ns = stamp_ns(f"{stamp:%Y-%m-%d %H:%M:%S}") if isinstance(stamp, datetime) else None
        if end_ns is None or type(elapsed) is not int or not 0 < elapsed < _LONGEST_NS:
            left_out.add("no time", line)
        else:
            yield Block(line, end_ns, elapsed, _powers_w(found.get("processor")))


def _documents(lines: LineCount, left_out: Omissions) -> Iterator[tuple[int, str]]:
    """The property lists, and the lines at which they begin."""
    begun, size, document = 0, 0, list[str]()
    for line, content in lines:
        if "<?xml" in content:
            if document:
                left_out.add("not a whole property list", begun)
            begun, size, document = line, 0, []
        size += len(content)
        if begun and size < _LARGEST:
            document.append(content if document else content[content.index("<?xml") :])
        if "</plist>" in content and document:
            yield begun, "\n".join(document).partition("</plist>")[0] + "</plist>"
            begun, size, document = 0, 0, []
    if document:
        left_out.add("not a whole property list", begun)


def _powers_w(processor: Any) -> dict[str, float]:
    powers: dict[str, float] = {}
    for key, (channel, factor) in _CHANNELS.items():
        told = processor.get(key) if isinstance(processor, dict) else None
        if (value := figure(told, MOST["W"] / factor)) is not None:
            powers.setdefault(channel, value * factor)
    return powers
