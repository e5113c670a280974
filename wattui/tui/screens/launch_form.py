"""The launch form: what to run and how to record it, with the plan; checked while typing."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus, Resize
from textual.widget import Widget
from textual.widgets import Button, Collapsible, Input, Label, Static

from wattui.capture.launch import as_typed
from wattui.capture.run_names import refusal
from wattui.capture.stages import Recipe
from wattui.config import Settings
from wattui.errors import WattuiError
from wattui.show.palette import Palette
from wattui.show.wrapping import Prose
from wattui.tui.launching.command import ProgramSubject
from wattui.tui.launching.order import (
    FILE,
    GROUPS,
    FieldError,
    LaunchPlan,
    Subject,
    recipe,
    recipe_fields,
    same_headless,
    strip,
    time_line,
)
from wattui.tui.launching.recall import Recall
from wattui.tui.launching.server import ServerSubject
from wattui.tui.launching.workload import WorkloadSubject
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.field import FALSE, Field, FieldSpec, field_of
from wattui.tui.widgets.footer import Footer
from workloads.errors import WorkloadError
from workloads.workload import Workload

WORKLOAD = "workload"
# No process is started to inspect a model until typing has paused this long.
TYPING_S, LOOK_S = 0.5, 60.0
# As time goes on, the end of the recording moves.
PLAN_AGAIN_S = 15.0
WIDE_COLUMNS = 110
NOTHING = Recall()
Known = dict[str, dict[str, str]]


class LaunchForm(SteadyModal[Recipe | None]):
    """Returns what to run and how, or None if cancelled.

    `check` says why a run file's name is refused. `known` holds the values entered before, by
    workload, and is updated; so is `recall`, with the commands launched before. `columns` are those
    that a recording of this machine has.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", key_display="Esc"),
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("ctrl+o", "fold", "More", priority=True),
        Binding("ctrl+t", "test", "Test", priority=True, show=False),
    ]
    DEFAULT_CSS = """
    LaunchForm > Vertical { width: 150; max-height: 46; }
    LaunchForm #columns { height: 1fr; layout: vertical; }
    LaunchForm #form { width: 1fr; height: 1fr; padding: 0 1; }
    LaunchForm #fields { height: auto; }
    LaunchForm #plan { width: 1fr; height: 40%; padding: 0 1; border-top: solid $border; }
    LaunchForm #plan.is-wrong { color: $error; }
    LaunchForm.wide #columns { layout: horizontal; }
    LaunchForm.wide #plan {
        width: 46; height: 1fr; border-top: none; border-left: solid $border;
    }
    LaunchForm Field .name { width: 18; }
    LaunchForm Field .wrong { padding: 0 1 0 18; }
    LaunchForm Field Input, LaunchForm Field Choice { width: 26; }
    LaunchForm Field .truth { width: 22; }
    LaunchForm.roomy Field > Horizontal, LaunchForm.roomy Field .hint { height: auto; }
    LaunchForm.roomy Field.is-wide > Horizontal { height: 1; }
    LaunchForm.roomy Field .hint { text-wrap: wrap; }
    LaunchForm .section { text-style: bold; }
    LaunchForm Collapsible { padding: 0; border: none; background: transparent; }
    LaunchForm Collapsible > Contents { padding: 0; }
    LaunchForm #help {
        height: auto; max-height: 2; min-height: 1; padding: 0 2; color: $text-muted;
    }
    LaunchForm #buttons { height: 1; align-horizontal: center; }
    LaunchForm Button { margin: 0 1; }
    """

    def __init__(
        self,
        catalogue: Mapping[str, Workload],
        settings: Settings,
        check: Callable[[str], str | None] = refusal,
        known: Known | None = None,
        recall: Recall = NOTHING,
        columns: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._recall, self._columns = recall, columns
        command = ProgramSubject(recall.commands())
        self._subjects: dict[str, Subject] = {
            name: WorkloadSubject(workload)
            for name, workload in catalogue.items()
            if name != command.name
        } | {each.name: each for each in (ServerSubject(), command)}
        self._settings, self._check_file = settings, check
        self._known = {} if known is None else known
        last = self._known.get(WORKLOAD, {}).get(WORKLOAD, "")
        self._subject = self._subjects.get(last) or next(iter(self._subjects.values()))
        self._recipe: Recipe | None = None
        self._culprit: Field | None = None
        self._looked: tuple[str, int] | None = None
        self._is_plan_due = False

    def compose(self) -> ComposeResult:
        """Fields and plan, side by side or stacked, then the buttons."""
        names = tuple((f"{s.name}: {s.title}", s.name) for s in self._subjects.values())
        with Vertical() as box:
            box.border_title = "Launch"
            with Horizontal(id="columns"):
                with VerticalScroll(id="form", can_focus=False):
                    yield Label(GROUPS[0], classes="section", markup=False)
                    yield Field(
                        FieldSpec(
                            WORKLOAD,
                            "what to run and record",
                            "choice",
                            label="Workload",
                            value=self._subject.name,
                            choices=names,
                            wide=True,
                        )
                    )
                    yield Vertical(id="fields")
                with VerticalScroll(id="plan"):
                    yield Static(markup=False)
            yield Static(id="help", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Start", "primary", id="start", compact=True, action="screen.start")
                yield Button("Test", id="test", compact=True, action="screen.test")
                yield Button("Cancel", id="cancel", compact=True, action="screen.cancel")
        yield Footer()

    async def on_mount(self) -> None:
        """Start with the workload used last time."""
        self.set_interval(PLAN_AGAIN_S, self._plan_soon)
        await self._show_fields()

    def on_resize(self, event: Resize) -> None:
        """Put the plan beside the fields if there is room."""
        self.set_class(self.app.size.width >= WIDE_COLUMNS, "wide")
        self.call_after_refresh(self._give_room)

    def _give_room(self) -> None:
        """Let hints take two lines if all fields fit all the same."""
        if not self.is_there:
            return
        shown = [field for field in self._fields if not field.spec.wide]
        lines = 2 * len(shown) + len(self._fields) - len(shown) + len(GROUPS) + 2
        self.set_class(lines <= self.query_one("#form").size.height, "roomy")

    @on(Field.Changed)
    async def follow_change(self, event: Field.Changed) -> None:
        """Update the plan; a different workload also changes the fields."""
        if event.field.spec.name == WORKLOAD:
            self._remember()
            self._subject = self._subjects[event.field.value]
            await self._show_fields()
        else:
            self._looked = None
            self._plan_soon()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show the field's help."""
        field = field_of(event.widget)
        self.query_one("#help", Static).update(field.spec.hint if field else "")

    def action_fold(self) -> None:
        """Show or hide the less-used fields."""
        for more in self.query(Collapsible):
            more.collapsed = not more.collapsed

    def action_test(self) -> None:
        """Ask the server again what it is."""
        self._looked = None
        self._replan()

    def action_cancel(self) -> None:
        """Close without starting; the values are kept for next time."""
        self._remember()
        self.dismiss(None)

    def action_start(self) -> None:
        """Start if everything is valid; otherwise go to the first error."""
        self._replan()
        if self._recipe is not None:
            self._remember()
            if isinstance(self._subject, ProgramSubject):
                self._recall.remember(self._fields[0].value)
            self.dismiss(self._recipe)
        elif self._culprit is not None:
            for more in self.query(Collapsible):
                if more in self._culprit.ancestors:
                    more.collapsed = False
            self.call_after_refresh(self._culprit.query(Input).focus)

    # ------------------------------------------------------------ fields

    async def _show_fields(self) -> None:
        subject, known = self._subject, self._known.get(self._subject.name, {})

        specs = [
            *subject.fields(),
            *recipe_fields(self._settings, subject.name, self._check_file, self._columns),
        ]
        shown: list[Widget] = []
        for group in GROUPS:
            of_group = [spec for spec in specs if spec.group == group]
            if of_group and group != GROUPS[0]:
                shown.append(Label(group, classes="section", markup=False))
            shown += map(Field, of_group)
        shown.append(Collapsible(*map(Field, subject.folded()), title="More (ctrl+o)"))
        box = self.query_one("#fields", Vertical)
        with self.app.batch_update():
            await box.remove_children()
            await box.mount_all(shown)
            for field in self._fields:
                if field.spec.name in known:
                    field.value = known[field.spec.name]
        self.query_one("#test").display = isinstance(subject, ServerSubject)
        self._looked = None
        self._replan()
        self.call_after_refresh(self._give_room)
        if isinstance(subject, ProgramSubject):
            # Once the list of workloads has closed, and given the focus back.
            self.call_after_refresh(self._fields[0].focus_control)

    @property
    def _fields(self) -> list[Field]:
        return list(self.query_one("#fields").query(Field))

    def _remember(self) -> None:
        """Remember the values, except the file name, which is used once."""
        values = {field.spec.name: field.value for field in self._fields if field.value}
        self._known[self._subject.name] = {
            name: value for name, value in values.items() if "file" not in name
        }
        self._known[WORKLOAD] = {WORKLOAD: self._subject.name}

    # ------------------------------------------------------------ plan

    def draw(self) -> None:
        """Show the plan in the colours of a new theme."""
        self._plan_soon()

    def _plan_soon(self) -> None:
        """Plan once for a burst of typing."""
        if not self._is_plan_due:
            self._is_plan_due = self.call_later(self._replan)

    def _replan(self) -> None:
        self._is_plan_due = False
        fields = {field.spec.name: field for field in self._fields}
        given = {name: field.value for name, field in fields.items() if _is_given(field)}
        self._recipe, self._culprit = None, None
        try:
            held = self._suggest(fields, given)
            for field in fields.values():
                field.say(None)
            wrong = next((field for field in fields.values() if field.wrong), None)
            if wrong is not None:
                raise FieldError(wrong.spec.name, f"{wrong.spec.title}: {wrong.wrong}")
            if FILE not in given and (taken := self._check_file(held[FILE])):
                raise FieldError(FILE, taken)
            order = self._subject.order(given)
            self._recipe = recipe(order, given, held)
        except FieldError as error:
            self._culprit = fields.get(error.name)
            if self._culprit is not None:
                self._culprit.say(str(error))
            self._show_plan(Text(str(error)), wrong=True)
        except (ValueError, WorkloadError, WattuiError) as error:
            self._culprit = next(iter(fields.values()))
            self._show_plan(Text(str(error)), wrong=True)
        else:
            self._show_order(order, self._recipe)

    def _suggest(self, fields: Mapping[str, Field], given: Mapping[str, str]) -> dict[str, str]:
        """Show the values of empty fields as placeholders; returns them."""
        held = {name: field.spec.placeholder for name, field in fields.items()}
        held |= self._subject.suggestions(given)
        named = self._subject.stem(given)
        held[FILE] = f"{named}{held[FILE].removeprefix(self._subject.name)}"
        for name, field in fields.items():
            field.suggest(held[name])
        return held

    def _show_plan(self, text: Text, wrong: bool = False) -> None:
        panel = self.query_one("#plan", VerticalScroll)
        panel.set_class(wrong, "is-wrong")
        panel.query_one(Static).update(Prose(text))

    def _show_order(self, order: LaunchPlan, recipe: Recipe) -> None:
        """Show the plan; if it cannot be made in this process, another one makes it, once."""
        if self._looked is None:
            self.workers.cancel_group(self, "plan")
            if order.dry_run:
                self.run_worker(self._look(order), group="plan")
        said, status = self._looked or ("", 0)
        if status:
            self._recipe = None
            self._show_plan(Text(said or f"Planning failed (exit status {status})"), wrong=True)
        else:
            plan = plan_of(order, recipe, self.palette, time.time())
            self._show_plan(Text(said and f"{said}\n\n").append_text(plan))

    async def _look(self, order: LaunchPlan) -> None:
        await asyncio.sleep(TYPING_S)
        self._looked = await output_of(order.dry_run)
        self._replan()


def plan_of(order: LaunchPlan, recipe: Recipe, palette: Palette, now_s: float) -> Text:
    """The order in words, its phases and its duration from now on, and the equivalent command
    line."""
    text = order.text.copy()
    for place, step in enumerate(strip(recipe, order.steps)):
        text.append(" · " if place else "", palette.dim)
        text.append(step.text, palette.of_phase(step.phase) if step.phase else "bold")
    text.append(f"\n{time_line(recipe, order.seconds, now_s)}\n")
    text.append_text(order.table)
    words = as_typed(order.argv)
    text.append(
        f"\nThe same without the dashboard:\n{shlex.join(same_headless(recipe, words))}", "dim"
    )
    return text


async def output_of(argv: tuple[str, ...]) -> tuple[str, int]:
    """A command's output and exit status; the command is killed if cancelled or too slow."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), LOOK_S)
    except TimeoutError:
        return f"no plan within {LOOK_S:g} s", 1
    finally:
        if process.returncode is None:
            process.kill()
    return said.decode(errors="replace").strip(), process.returncode or 0


def _is_given(field: Field) -> bool:
    return bool(field.value) and not (field.spec.kind == "truth" and field.value == FALSE)
