"""The results screen: figures, bars, curves, flags, machine and method."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import Digits, Static

from recorders.counts import after, is_time
from recorders.plausible import MOST_COUNT
from recorders.summary.bases import BASES, TOTAL
from recorders.summary.figures import Flag, Summary
from recorders.summary.per import counted_names
from recorders.texts import OwnNote
from wattui.analysis.cells import is_mixed, quoted_labels
from wattui.analysis.macs import command_macs
from wattui.clean import one_line
from wattui.errors import UsageError
from wattui.folders import working_directory
from wattui.runs.naming import load_named, naming
from wattui.runs.notes import read_notes, state
from wattui.runs.recorded import Run, read_budgets
from wattui.runs.run_file import NotARunFileError
from wattui.show import plot
from wattui.show.budget import budgets_parts
from wattui.show.palette import Palette
from wattui.show.pictures import pictures
from wattui.show.quantities import energy_unit, number
from wattui.show.remedies import REMEDIES
from wattui.show.stacking import Fitting
from wattui.show.summary import (
    figure_text,
    flag_line,
    headline,
    known_j,
    machine_line,
    method_parts,
    table_parts,
)
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.export import ask_export
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.state.advice import with_keys
from wattui.tui.state.viewport import Viewport
from wattui.tui.state.whole import Whole, read_whole
from wattui.tui.widgets.chart import Chart
from wattui.tui.widgets.footer import Footer

# What to do next with a run, and which run.
ResultsAction = tuple[Literal["replay", "compare"], Path]

SIDE_COLUMNS, ONE_COLUMN, TALL_ROWS = 150, 104, 32
# Border, padding and scroll bar.
MARGINS = 8
SHARE = 0.96
MOST_PLACES = 4
MOST_OFFERED, MOST_OF_LINE = 8, 50
_COUNT = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d.,])|(?<![\d.,])\d{1,15}(?![\d,]|\.\d)")
_COUNTING = re.compile(
    r"inference|image|sample|step|token|iter|batch|request|frame|example|prediction|quer", re.I
)
READING, NO_FIGURE = "reading the file …", "There is no figure to explain."
# Where there is one of these flags, the count is a server's, and it has a remedy of its own.
OF_SERVERS = {"server_unread", "server_restarted"}
UNCOUNTED = "press n to say how many inferences it did"
NOTHING_RAN = "No running phase. Press space to mark one; launched commands mark their own."


class WholeChart(Chart):
    """A graph that asks to be drawn when it has a size."""

    def on_resize(self) -> None:
        """Ask to be drawn."""
        self.post_message(self.Looked(lambda view: view))


class Results(SteadyModal[ResultsAction | None]):
    """Shows the results of one run; `lacks` lists what is missing from its file, `output` are the
    last lines that its command printed, if they are still known, and `per` is the count that joules
    are stated per, if it was counted; empty: the usual one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss(None)", "Back", key_display="Esc"),
        Binding("e", "export", "Export"),
        Binding("c", "wish('compare')", "Compare"),
        Binding("p", "wish('replay')", "Play back"),
        Binding("u", "explain", "Uncertainty"),
        Binding("o", "output", "Output"),
        Binding("n", "state", "How many inferences?"),
        Binding("b", "per", "Per another count"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom", show=False, key_display="+-"),
        Binding("minus", "zoom(-1)", "Zoom out", show=False, key_display="+-"),
        Binding("left", "pan(-1)", "Earlier", show=False, key_display="←→"),
        Binding("right", "pan(1)", "Later", show=False, key_display="←→"),
        SteadyModal.COPY,
    ]
    DEFAULT_CSS = """
    Results #trace { height: 8; }
    Results.tall #trace { height: 12; }
    Results.traceless #trace { display: none; }
    Results > Vertical { width: 104; height: 96%; }
    Results.wide > Vertical { width: 96%; }
    Results .lack {
        background: $error; color: $text; text-style: bold; padding: 0 2; height: auto;
    }
    Results #columns { layout: vertical; height: auto; }
    Results.wide #columns { layout: horizontal; }
    Results #columns > * { width: 1fr; height: auto; padding: 1 2 0 2; }
    Results Digits { display: none; width: auto; color: $success; text-style: bold; }
    Results.tall Digits { display: block; }
    Results Digits.unmeasured { color: $warning; }
    Results #budget { display: none; height: auto; padding: 0 2; border: round $secondary; }
    Results.explained #budget { display: block; }
    Results #output { display: none; height: auto; padding: 0 2; border: round $secondary; }
    Results.printed #output { display: block; }
    """

    def __init__(
        self,
        run: Run,
        glyphs: plot.Glyphs = plot.BRAILLE,
        lacks: Sequence[str] = (),
        output: Sequence[str] = (),
        per: str = "",
    ) -> None:
        super().__init__()
        self._take(run, per)
        self._glyphs, self._lacks = glyphs, lacks
        self._output = output
        self._is_explained = False
        self._whole: Whole | None = None
        self._view: Viewport | None = None

    def _take(self, run: Run, per: str) -> None:
        """Use a run, per this count if it has it, else per the usual one."""
        self._counted = [n for n in counted_names(run.summary.running) if not is_time(n)]
        self._per = per if per in self._counted else ""
        self._as_read, self._run = run, run.by(self._per or None)
        self._macs = command_macs(run.about.argv, self._run.summary.per)[1]

    def compose(self) -> ComposeResult:
        """Figures on the left; bars, curves and method on the right or below."""
        with Vertical() as box:
            box.border_title = Content(self._run.csv.name)
            per = f" --per {self._per}" if self._per else ""
            box.border_subtitle = Content(f"wattui summary {short_name(self._run.csv)}{per}")
            for line in self._lacks:
                yield Static(Text(line), classes="lack", markup=False)
            with VerticalScroll():
                yield Vertical(id="trace")
                budget = Static(READING, id="budget", markup=False)
                budget.border_title = Content("Uncertainty")
                yield budget
                output = Static(Text("\n".join(self._output)), id="output", markup=False)
                output.border_title = Content("Output, its last lines")
                yield output
                with Horizontal(id="columns"):
                    yield from self._columns()
        yield Footer()

    def _columns(self) -> ComposeResult:
        with Vertical():
            domain = self._run.summary.quoted
            is_measured = domain is None or domain.origin == "measured"
            big = big_number(self._run.summary)
            yield Digits(big, classes="" if is_measured else "unmeasured")
            yield Static(id="figures", markup=False)
        yield Static(id="pictures", markup=False)

    def on_mount(self) -> None:
        """Focus the scroll area so that the keys scroll."""
        self.query_one(VerticalScroll).focus()
        self._fit(self.app.size)
        self._show_figures()
        self.run_worker(self._read_trace, thread=True)

    def _read_trace(self) -> None:
        """Read the power of the whole run, for its graph."""
        whole = None
        with suppress(OSError, NotARunFileError):
            whole = self._whole or read_whole(self._run.csv, self._run.summary.phases)
        self.app.call_from_thread(self._mount_trace, whole)

    def _mount_trace(self, whole: Whole | None) -> None:
        self._whole = whole
        if not self.is_there:
            return
        self.set_class(whole is None, "traceless")
        # The dashboard may be ending.
        if whole is not None and (trace := self.query_one("#trace")).is_attached:
            trace.mount(WholeChart(whole.spec))

    def _look(self, change: Callable[[Viewport], Viewport]) -> None:
        """Draw the graph, with its view changed."""
        whole, charts = self._whole, self.query(Chart)
        if whole is None or not charts:
            return
        chart = charts.first()
        before = self._view or whole.view(chart.bins)
        view = change(before)
        self._view = self._view if view == before else view
        chart.show(whole.live, view, self.palette, self._glyphs)

    def on_chart_looked(self, event: Chart.Looked) -> None:
        """Change the view of the graph with the mouse."""
        self._look(event.change)

    def action_zoom(self, steps: int) -> None:
        """Zoom in, or out for negative steps."""
        self._look(lambda view: view.zoomed(steps))

    def action_pan(self, direction: int) -> None:
        """Pan by a quarter of the graph."""
        if self._whole is not None and (charts := self.query(Chart)):
            bins, end_s = direction * charts.first().bins // 4, self._whole.live.time_s
            self._look(lambda view: view.panned(bins, end_s))

    def on_resize(self, event: Resize) -> None:
        """Use two columns if there is room."""
        self._fit(self.app.size)

    def action_export(self) -> None:
        """Export the results to a file."""
        ask_export(self, self._run)

    def action_wish(self, what: Literal["replay", "compare"]) -> None:
        """Close, and compare or play back this run."""
        self.dismiss((what, self._run.csv))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """The output is offered if it is known, to state a count if none was counted, and another
        count if there are several."""
        running = self._run.summary.running
        is_uncounted = running is not None and not running.inferences
        can = {
            "output": bool(self._output),
            "state": is_uncounted or self._is_stated,
            "per": len(self._counted) > 1,
        }
        return can.get(action, True)

    @property
    def _is_stated(self) -> bool:
        flags = self._run.summary.flags
        return any(flag.name == OwnNote.STATED_COUNT for flag in flags)

    def action_state(self) -> None:
        """Ask how many inferences it did; an empty answer takes an earlier one back."""
        csv = self._run.csv
        before = read_notes(csv).inferences
        ask = Ask(
            "How many inferences?",
            "in each repeat, if there are several; empty takes the number back",
            "" if before is None else str(before),
            tuple(numbers_in(self._output)),
            check=wrong_count,
            may_be_empty=True,
        )
        self.app.push_screen(ask, self._state)

    def _state(self, answer: str | None) -> None:
        if answer is None:
            return
        try:
            state(self._run.csv, count_of(answer))
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        self.run_worker(self._read_again, thread=True)

    def _read_again(self) -> None:
        """Read the run with what was stated, and show it."""
        try:
            run = load_named(self._run.csv)
        except UsageError as error:
            self.app.call_from_thread(self.notify, str(error), severity="error")
            return
        self.app.call_from_thread(self._replace, run)

    def action_per(self) -> None:
        """State joules per the next of the counts."""
        self._replace(self._as_read, after(self._run.summary.per, self._counted))

    def _replace(self, run: Run, per: str = "") -> None:
        self._take(run, per or self._per)
        self._is_explained = False
        self.call_later(self._show_again)

    async def _show_again(self) -> None:
        self.remove_class("explained", "printed")
        await self.recompose()
        self.on_mount()
        self.refresh_bindings()

    def action_output(self) -> None:
        """Show or hide what the command printed last."""
        self.toggle_class("printed")
        if self.has_class("printed"):
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_explain(self) -> None:
        """Show or hide what the ± is made of, and what would halve it."""
        self.toggle_class("explained")
        if not self.has_class("explained"):
            return
        self.query_one(VerticalScroll).scroll_home(animate=False)
        if not self._is_explained:
            self._is_explained = True
            self.run_worker(self._explain, thread=True)

    def _explain(self) -> None:
        """Read the file once more, and show what the ± is made of."""
        parts: list[RenderableType]
        try:
            with naming(self._run.csv):
                per = self._run.summary.per if self._counted else None
                labels = quoted_labels(self._run.summary)
                found = read_budgets(self._run.csv, labels, per=per)
            parts = list(budgets_parts(found, self._glyphs)) or [Text(NO_FIGURE)]
        except UsageError as error:
            parts = [Text(str(error))]
        self.app.call_from_thread(self._show_budget, Group(*parts))

    def _show_budget(self, parts: Group) -> None:
        if self.is_there:
            self.query_one("#budget", Static).update(parts)

    def draw(self) -> None:
        """Show figures, pictures and graph in the colours of the theme."""
        self._show_figures()
        self._fit(self.app.size)
        self._look(lambda view: view)

    def _show_figures(self) -> None:
        parts = [*figures(self._run.summary), *map(remark_line, self._run.remarks)]
        if failed := failure_line(self._run.about.exit_statuses, self.palette):
            parts.insert(0, failed)
        self.query_one("#figures", Static).update(Group(*spaced(parts)))

    def _fit(self, size: Size) -> None:
        side_by_side = size.width >= SIDE_COLUMNS
        self.set_class(side_by_side, "wide")
        big = size.height >= TALL_ROWS and not self._glyphs.ascii
        self.set_class(big and bool(big_number(self._run.summary)), "tall")
        width = int(size.width * SHARE) // 2 if side_by_side else min(ONE_COLUMN, size.width)
        parts: list[RenderableType] = [
            *pictures(self._run.summary, self._macs, self.palette, self._glyphs, width - MARGINS),
            *method_parts(self._run.about),
        ]
        if machine := machine_line(self._run.about):
            parts.append(machine)
        self.query_one("#pictures", Static).update(Group(*spaced(parts)))


def figures(summary: Summary) -> Iterator[RenderableType]:
    """Headline figure, the three answers, tables, and flags with their fixes."""
    if summary.running is None:
        yield Text(NOTHING_RAN, "bold")
    else:
        yield headline(summary)
        if told := answers(summary):
            yield told
    for part in table_parts(summary):
        yield part.with_aligned_decimals() if isinstance(part, Fitting) else part
    names = {flag.name for flag in summary.flags}
    for flag, count in folded(summary.flags):
        line = flag_line(replace(flag, text=with_keys(flag.text)))
        if count > 1:
            line.append(f" ({count} times)", "dim")
        is_uncounted = flag.name == "no_count" and not names & OF_SERVERS
        if remedy := UNCOUNTED if is_uncounted else REMEDIES.get(flag.name):
            line.append(f"\n  fix: {with_keys(remedy)}", "dim")
        yield line


def numbers_in(output: Iterable[str]) -> list[str]:
    """The numbers that a command printed beside words for what it counted, the last first, each
    with its line."""
    found: dict[int, str] = {}
    for line in output:
        if _COUNTING.search(line):
            for text in _COUNT.findall(line):
                if (n := int(text.replace(",", ""))) > 1:
                    found.pop(n, None)
                    found[n] = f"{n}  {one_line(line).strip()[:MOST_OF_LINE]}"
    return list(reversed(found.values()))[:MOST_OFFERED]


def count_of(answer: str) -> int | None:
    """The count that an answer begins with; None for an empty one."""
    first = answer.split(maxsplit=1)[:1]
    return int(first[0].replace(",", "")) if first else None


def wrong_count(answer: str) -> str | None:
    """Why an answer is no count of inferences; None if it is one, or empty."""
    text = "".join(answer.split(maxsplit=1)[:1]).replace(",", "")
    is_count = text.isascii() and text.isdigit() and 0 < int(text) <= MOST_COUNT
    return None if not text or is_count else "a whole number, such as 10000"


def folded(flags: Iterable[Flag]) -> Iterator[tuple[Flag, int]]:
    """The flags, those with the same name and text as one that names all of their places; each with
    how many it replaces."""
    places: dict[tuple[str, str], list[str]] = {}
    for flag in flags:
        places.setdefault((flag.name, flag.text), []).append(flag.where)
    for (name, text), found in places.items():
        named = list(dict.fromkeys(filter(None, found)))
        where = ", ".join(named[:MOST_PLACES]) + " …" * (len(named) > MOST_PLACES)
        yield Flag(name, where, text), len(found)


def failure_line(statuses: Sequence[int | None], palette: Palette) -> Text | None:
    """Which exit statuses were not 0; None if none was."""
    failed = [status for status in statuses if status]
    if not failed:
        return None
    if len(statuses) == 1:
        return Text(f"The command exited with status {statuses[0]}.", f"bold {palette.alarm}")
    told = ", ".join(map(str, sorted(set(failed))))
    words = f"{len(failed)} of {len(statuses)} repeats exited with a status other than 0: {told}"
    return Text(words, f"bold {palette.alarm}")


def remark_line(remark: str) -> Text:
    """A line for a remark about the run file."""
    return Text.assemble(("! ", "bold yellow"), remark)


def answers(summary: Summary) -> Text | None:
    """Total, dynamic and marginal joules per inference of the headline channel, each explained;
    None if no inferences were counted, or for several labels."""
    domain = summary.quoted
    if domain is None or is_mixed(summary) or not (known := known_j([domain])):
        return None
    factor, unit = energy_unit(known)
    cells = [
        f"{figure_text(value, domain.origin, factor)} {unit}" if value else "–"
        for value in (basis.of(domain) for basis in BASES)
    ]
    width = max(map(len, cells))
    return Text("\n").join(
        Text.assemble(
            f"{basis.name:9}", (f"{cell:>{width}}", "bold"), (f"  {basis.meaning}", "dim")
        )
        for basis, cell in zip(BASES, cells, strict=True)
    )


def big_number(summary: Summary) -> str:
    """The headline figure without its unit; empty if there is none, or one per label."""
    domain = None if is_mixed(summary) else summary.quoted
    value = (TOTAL.of(domain) or domain.running_j) if domain else None
    return number(value.value / energy_unit([value.value])[0]) if value else ""


def short_name(path: Path) -> str:
    """A path relative to the working directory, if it is inside."""
    here = working_directory()
    return str(path.relative_to(here)) if here and path.is_relative_to(here) else str(path)


def spaced(parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    """The parts separated by empty lines."""
    for place, part in enumerate(parts):
        if place:
            yield Text()
        yield part
