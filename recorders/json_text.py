"""Readable JSON that is quick to write. Pure."""

from __future__ import annotations

import json
from typing import Any

# Longer lists have one item per line.
LONG = 100


def json_text(value: Any, indent: str = "") -> str:
    """The value as JSON, indented as `json.dumps(value, indent=1)` does but for long lists.

    Raises ValueError for values that JSON cannot represent.
    """
    inner = indent + " "
    if isinstance(value, dict) and value:
        items = (f"{json.dumps(str(key))}: {json_text(part, inner)}" for key, part in value.items())
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        write = json.dumps if len(value) > LONG else lambda part: json_text(part, inner)
        return "[\n" + ",\n".join(inner + write(part) for part in value) + f"\n{indent}]"
    return json.dumps(value)
