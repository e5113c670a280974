"""Help by topic: the keys and the mouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from wattui.show.palette import Palette
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.footer import Footer
from wattui.tui.widgets.line import Line


class HelpLine(NamedTuple):
    """Actions of the graphs whose keys belong together, or what the mouse does; and a sentence."""

    actions: tuple[str, ...]
    sentence: str
    mouse: str = ""


TOPICS: Mapping[str, tuple[HelpLine, ...]] = {
    "Look": (
        HelpLine(("zoom(1)", "zoom(-1)"), "Zoom in or out."),
        HelpLine(("pan(-1)", "pan(1)", "live"), "Move back or forward; End returns to now."),
        HelpLine(("freeze",), "Stop the graphs; the recording continues."),
        HelpLine(("point(-1)", "point(1)"), "Move a crosshair over all graphs."),
        HelpLine(("span",), "Select a stretch from the crosshair: its joules, mean and peak."),
        HelpLine(tuple(f"hide({n})" for n in range(1, 9)), "Hide or show a series."),
        HelpLine(("turn_page(1)", "turn_page(-1)"), "Turn to the next or previous graphs."),
        HelpLine(
            ("preset('power')", "preset('gpu')", "preset('cpu')", "preset('all')"),
            "Show the graphs of power, of GPUs, of the CPU, or all.",
        ),
        HelpLine(tuple(f"layout({n})" for n in range(1, 5)), "Show a layout that you saved."),
        HelpLine(("save_layout",), "Save the graphs on the screen as a layout, or forget one."),
        HelpLine(("maximise",), "Let one graph fill the screen, or show all again."),
        HelpLine(("zero",), "Count the joules on the screen from now on."),
        HelpLine(("per",), "State joules per another count, such as a token."),
        HelpLine(("copy",), "Copy the headline; on other screens, their table or text."),
        HelpLine(("clear",), "Remove crosshair and selection."),
        HelpLine(("app.device",), "Open a device: limits, gauges and its processes; ← → turn."),
        HelpLine(("app.processes",), "List the processes, and what each uses."),
        HelpLine(("app.theme",), "Try the next colours."),
    ),
    "Mark": (
        HelpLine(("app.toggle_running",), "Switch between idle and running."),
        HelpLine(("phase",), "Begin any phase, with a label if you like."),
        HelpLine(("note",), "Write a note into the recording."),
        HelpLine(("meter",), "Enter a reading of a meter that you read yourself."),
        HelpLine(
            ("undo",), "Undo the last mark, note or reading, in the file too; again for more."
        ),
    ),
    "Record": (
        HelpLine(("app.record",), "Start recording to a new file, or stop and show the results."),
        HelpLine(
            ("app.doctor",), "See every sensor and meter, and how to fix those that are missing."
        ),
        HelpLine(("app.settings",), "Change the settings."),
        HelpLine(("app.suspend_process",), "Suspend wattui; the recording continues."),
        HelpLine(("app.quit",), "Quit."),
    ),
    "Launch": (
        HelpLine(("app.launch",), "Choose a workload or command, and record it from idle to idle."),
        HelpLine(("app.stop_launch",), "Stop what was launched; what was recorded is kept."),
        HelpLine(("app.output",), "Hide or show its output."),
    ),
    "Results": (
        HelpLine(("app.runs",), "List the runs in this folder: open, compare, export, play back."),
        HelpLine(("app.compare",), "Compare two runs."),
        HelpLine(("app.speed(-1)", "app.speed(1)"), "Play a recording slower or faster."),
        HelpLine(("start",), "Playback: to the start; End to the end, ← and → by 5 s."),
        HelpLine((), "Move in lists and pages, like the arrow keys; not on the graphs.", "h j k l"),
    ),
    "Mouse": (
        HelpLine((), "Zoom; with shift, move back or forward.", "wheel"),
        HelpLine((), "Select a stretch of time.", "drag"),
        HelpLine((), "See the values under the pointer.", "move"),
        HelpLine((), "Hide or show the series.", "click a name"),
        HelpLine((), "Open the device.", "click a device"),
        HelpLine((), "Playback: go to that time.", "click the bar"),
    ),
}


class Help(SteadyModal[None]):
    """A sentence for each key; `/` searches."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("q,question_mark", "dismiss", "Back", show=False),
        Binding("slash", "search", "Search", key_display="/"),
    ]
    DEFAULT_CSS = """
    Help > Vertical { width: 92; height: auto; }
    Help VerticalScroll { height: auto; padding: 0 2; }
    Help Line { display: none; }
    Help.searching Line { display: block; }
    """

    def __init__(
        self,
        bindings: Iterable[BindingType],
        topics: Mapping[str, tuple[HelpLine, ...]] = TOPICS,
    ) -> None:
        super().__init__()
        self._keys = keys_by_action(bindings)
        self._topics = topics

    def compose(self) -> ComposeResult:
        """The line to search in, and the sentences by topic."""
        with Vertical() as box:
            box.border_title = "Help"
            yield Line(placeholder="part of a sentence or a key")
            with VerticalScroll():
                yield Static(id="sentences", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Show everything, and let the arrow keys scroll."""
        self.draw()
        self.query_one(VerticalScroll).focus()

    def action_search(self) -> None:
        """Search for a word."""
        self.add_class("searching")
        self.query_one(Line).focus()

    def action_leave(self) -> None:
        """Leave the search, or the help."""
        if not self.has_class("searching"):
            self.dismiss()
            return
        self.remove_class("searching")
        self.query_one(Line).value = ""
        self.query_one(VerticalScroll).focus()

    def on_input_changed(self) -> None:
        """Show what has the text."""
        self.draw()

    def on_input_submitted(self) -> None:
        """Scroll what was found."""
        self.query_one(VerticalScroll).focus()

    def draw(self) -> None:
        """Show what has the wanted text."""
        wanted = self.query_one(Line).value
        found = help_table(self._keys, wanted, self.palette, self._topics)
        nothing = f"Nothing about {wanted!r}."
        self.query_one("#sentences", Static).update(found if found.row_count else nothing)


def keys_by_action(bindings: Iterable[BindingType]) -> dict[str, str]:
    """The key of each action, as it is written on the screen."""
    return {
        binding.action: binding.key_display or binding.key.partition(",")[0]
        for binding in bindings
        if isinstance(binding, Binding)
    }


def sentence_of(action: str) -> str:
    """The sentence about the key of an action; empty if there is none."""
    lines = (line for topic in TOPICS.values() for line in topic if action in line.actions)
    return next((line.sentence for line in lines), "")


def help_table(
    keys: Mapping[str, str],
    wanted: str,
    palette: Palette,
    topics: Mapping[str, tuple[HelpLine, ...]] = TOPICS,
) -> Table:
    """The topics with their keys and sentences, without those that lack the wanted text."""
    table = Table.grid("", "", padding=(0, 1))
    table.columns[0].no_wrap = True
    for topic, lines in topics.items():
        rows = [(_keys_text(line, keys), line.sentence) for line in lines]
        folded = wanted.strip().casefold()
        shown = [row for row in rows if folded in f"{topic} {row[0]} {row[1]}".casefold()]
        if shown:
            table.add_row(Text(topic, "bold"))
        for key, sentence in shown:
            table.add_row(Text(f"  {key}", palette.series[1]), Text(sentence))
    return table


def _keys_text(line: HelpLine, keys: Mapping[str, str]) -> str:
    """The keys of a line: a row of digits is shortened."""
    names = [keys[action] for action in line.actions if action in keys]
    if len(names) > 4:
        return f"{names[0]} … {names[-1]}"
    return line.mouse or " ".join(dict.fromkeys(" ".join(names).split()))
