"""Makes the pictures of docs/results.md, command output for the recordings in docs/recordings, and
the curve of docs/tokens.md."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from screenshots.picture import png

HERE = Path(__file__).parent
RECORDINGS = HERE.parent / "docs/recordings"
COLUMNS = 112
COMMANDS = {
    "command-summary": "summary kws-onnxruntime.csv",
    "command-compare": "compare kws-onnxruntime.csv kws-numpy.csv",
    "command-published": "compare kws-onnxruntime.csv --published kws --figure rate",
    "command-limit": "compare kws-onnxruntime.csv kws-numpy.csv --figure rate --max-regression 5%",
    "command-networks": "fit networks.csv --against macs --figure seconds --through-origin",
    "command-fit": "fit alexnet.csv --against macs --json fit.json",
    "command-predict": "predict resnet50 --fit fit.json",
}
REPORT = "alexnet.csv"
# A bench of the bundled language-model server, and the figure of its report that is shown.
SERVED, CURVE = HERE / "served/gpt-served.csv", "5-size-energy.svg"


def main() -> None:
    """Run each command in a folder with the recordings, and save its picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in RECORDINGS.iterdir():
            shutil.copy(file, folder)
        for picture, arguments in COMMANDS.items():
            printed(picture, arguments, output(folder, arguments.split()))
        output(folder, ["report", REPORT, "-o", "report.svg"])
        shutil.copy(folder / "report.svg", HERE / "report.svg")
        png(HERE / "report.svg")
        output(folder, ["report", str(SERVED), "--figures", "figures"])
        shutil.copy(folder / "figures" / CURVE, HERE / "tokens-concurrency.svg")


def output(folder: Path, arguments: list[str]) -> str:
    """wattui's output, in colour."""
    shown = subprocess.run(
        [sys.executable, "-m", "wattui", *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return shown.stdout + (f"exit status {shown.returncode}\n" if shown.returncode else "")


def printed(
    name: str, title: str, text: str, columns: int = COLUMNS, with_png: bool = True
) -> None:
    """A picture of terminal output, as SVG and PNG."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(f"$ wattui {title}\n{text}"), soft_wrap=True)
        console.save_svg(str(HERE / f"{name}.svg"), title="wattui")
    if with_png:
        png(HERE / f"{name}.svg")
