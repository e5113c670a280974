"""The launch form: a bundled workload with its options, or any command; checked as it is typed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, OptionList, Static
from textual.widgets.option_list import Option as Choice

from workloads.catalogue import Option, Workload
from workloads.errors import WorkloadError
from workloads.plan import Plan
from workloads.report import plan_lines, short
from workloads.runner import Settings, mebibytes

SHOWN_CELLS = 12
PRESET = "preset"


class LaunchForm(ModalScreen[list[str] | None]):
    """Gives the arguments of a process to start, or None where it was called off."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "start", "Start", priority=True),
    ]
    DEFAULT_CSS = """
    LaunchForm { align: center middle; }
    LaunchForm > Vertical {
        width: 120; max-width: 98%; height: 40; max-height: 94%; background: $surface;
        border: round $accent; border-title-color: $text;
    }
    LaunchForm OptionList { width: 24; height: 1fr; border: none; }
    LaunchForm VerticalScroll { width: 1fr; padding: 0 1; }
    LaunchForm #plan { width: 46; padding: 0 1; border-left: solid $border; }
    LaunchForm .field { height: auto; }
    LaunchForm .field Label { width: 15; padding: 0 1 0 0; text-align: right; }
    LaunchForm .field Input { width: 1fr; border: none; height: 1; padding: 0; }
    LaunchForm .hint { color: $text-muted; padding: 0 0 0 16; }
    LaunchForm .wrong { color: $error; }
    """

    def __init__(self, catalogue: Mapping[str, Workload]) -> None:
        super().__init__()
        self._catalogue = catalogue
        self._workload = next(iter(catalogue.values()))
        self._argv: list[str] | None = None

    def compose(self) -> ComposeResult:
        """Workloads to the left, options in the middle, the plan to the right."""
        with Vertical() as box:
            box.border_title = "Launch"
            with Horizontal():
                yield OptionList(*(Choice(name, id=name) for name in self._catalogue))
                yield VerticalScroll(id="fields")
                yield Static(id="plan")
        yield Footer()

    async def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the options of another workload."""
        if event.option.id is not None:
            self._workload = self._catalogue[event.option.id]
            fields = self.query_one("#fields", VerticalScroll)
            await fields.remove_children()
            await fields.mount_all(_fields(self._workload))
            self._check()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter goes on to the options."""
        self.query(Input).first().focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Plan anew."""
        self._check()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter starts."""
        self.action_start()

    def action_start(self) -> None:
        """Start, if what was asked can be."""
        self._check()
        if self._argv is not None:
            self.dismiss(self._argv)

    def _check(self) -> None:
        texts = {field.name or "": field.value.strip() for field in self.query(Input)}
        given = {name: text for name, text in texts.items() if text}
        panel = self.query_one("#plan", Static)
        try:
            plan = planned(self._workload, given)
        except (ValueError, WorkloadError) as error:
            self._argv = None
            panel.update(Text(str(error), style=self.app.theme_variables.get("error", "red")))
            return
        self._argv = arguments(self._workload, given)
        panel.update(plan_text(self._workload, plan))


def planned(workload: Workload, given: Mapping[str, str]) -> Plan:
    """The plan of a filled-in form; raises ValueError or WorkloadError for what cannot be."""
    values: dict[str, Any] = {}
    for option in workload.all_options:
        if option.name in given:
            values[option.name] = _value(option, given[option.name])
    return workload.plan(workload.values(values, given.get(PRESET)))


def arguments(workload: Workload, given: Mapping[str, str]) -> list[str]:
    """The command line that runs a filled-in form."""
    argv = [sys.executable, "-m", "workloads", workload.name]
    after: list[str] = []
    for option in workload.all_options:
        if option.name not in given:
            continue
        text = given[option.name]
        if option.name == "argv":
            after = ["--", *shlex.split(text)]
        elif option.positional:
            argv.append(text)
        elif option.kind == "truth":
            argv += [f"--{option.name}"] if _value(option, text) else []
        else:
            argv += [f"--{option.name}", text]
    if PRESET in given:
        argv += ["--preset", given[PRESET]]
    return [*argv, *after]


def plan_text(workload: Workload, plan: Plan) -> Text:
    """What would run: cells, MACs, parameters, memory, time."""
    text = Text(f"{workload.title}\n\n", "bold")
    for line in plan_lines(plan, Settings(5, 0.5, 1), 1, ""):
        text.append(f"{line.removesuffix(' · ')}\n", "default")
    text.append(f"\n{'cell':16} {'MACs':>7} {'params':>7} {'memory':>9}\n", "dim")
    for cell in plan.cells[:SHOWN_CELLS]:
        sizes = f"{short(cell.macs):>7} {short(cell.parameters):>7}"
        text.append(f"{cell.label[:16]:16} {sizes} {mebibytes(cell.needed_bytes):>9}\n", "default")
    if len(plan.cells) > SHOWN_CELLS:
        text.append(f"and {len(plan.cells) - SHOWN_CELLS} more\n", "dim")
    return text


def _value(option: Option, text: str) -> Any:
    if option.name == "argv":
        return tuple(shlex.split(text))
    if option.kind == "truth":
        if text.lower() not in ("yes", "no", "y", "n"):
            raise ValueError(f"{option.name}: yes or no")
        return text.lower().startswith("y")
    try:
        return option.parse(text)
    except ValueError as error:
        raise ValueError(f"{option.name}: {error}") from None


def _fields(workload: Workload) -> list[Horizontal | Label]:
    found: list[Horizontal | Label] = []
    if workload.presets:
        found += _field(PRESET, " · ".join(workload.presets), "values that belong together")
    for option in workload.all_options:
        found += _field(option.name, _shown(option, workload), option.help)
    return found


def _field(name: str, placeholder: str, hint: str) -> list[Horizontal | Label]:
    field = Horizontal(Label(name), Input(placeholder=placeholder, name=name), classes="field")
    return [field, Label(hint, classes="hint")]


def _shown(option: Option, workload: Workload) -> str:
    default = workload.settings.get(option.name, option.default)
    if option.kind == "truth":
        return "no"
    if option.choices:
        return " · ".join(option.choices)
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None else str(default)
