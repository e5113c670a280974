"""`wattui summary`: a summary recomputed from the CSV alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from recorders.summary import summarise
from wattui.errors import UsageError
from wattui.progress import waiting


def main(csv: str, as_json: bool) -> int:
    """Print the summary of a run file; as JSON on stdout, else as a table. Raises UsageError."""
    from wattui.analysis.runs import NotARunFileError, reduce_csv

    path = Path(csv)
    try:
        with waiting(f"reading {csv}"):
            summary = summarise(reduce_csv(path)).to_dict()
    except OSError as error:
        raise UsageError(f"{csv} cannot be read ({error.strerror}): check the name") from None
    except NotARunFileError as error:
        raise UsageError(f"{csv} is not a run file: {error}") from None
    if as_json:
        json.dump(summary, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return 0
    from rich.console import Console

    from wattui.tables import print_summary

    print_summary(Console(), summary, path)
    return 0
