"""The settings: one field each, checked as it is typed, written into the person's own file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Button, Footer, Label, Static

from wattui.config import CHOICES, RANGES, TRUTHS, Settings, load, refusal, save
from wattui.errors import UsageError
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.field import FALSE, TRUE, Field, FieldSpec, Kind, field_of

LONGEST_PATH = 60
# Section, then name, label and hint of each setting.
SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Recording",
        (
            ("rate_hz", "samples/s", "how often every counter is read, Hz"),
            ("idle_s", "idle before", "idle baseline before a command, seconds"),
            ("cooldown_s", "cool-down", "rest between repeats, seconds"),
            ("idle_after_s", "idle after", "idle after a command, seconds; 0: none"),
        ),
    ),
    (
        "Sensors",
        (
            ("estimate", "estimate", "CPU power from utilisation where none is measured"),
            ("tdp_w", "CPU's TDP", "for the estimate, W; empty: from a table"),
            ("all_gpus", "all GPUs", "also those that CUDA_VISIBLE_DEVICES hides"),
            ("meter", "wall meter", "its name, for readings typed with w; empty: none"),
        ),
    ),
    (
        "Screen",
        (
            ("theme", "colours", "t changes them for now"),
            ("units", "energy in", "auto: as fits the number"),
            ("graphs", "graphs first", "titles with commas: DRAM, CPU package"),
            ("screen_hz", "drawn/s", "how often the screen is drawn, Hz"),
            ("ascii", "ASCII alone", "for terminals without other characters"),
        ),
    ),
)


class SettingsScreen(SteadyModal[Settings | None]):
    """Gives the settings that hold from now on, or None where it was called off.

    `overridden` names those that the command line has set: the file is changed, they are not.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+d", "defaults", "Defaults", priority=True),
    ]
    DEFAULT_CSS = """
    SettingsScreen { align: center middle; }
    SettingsScreen > Vertical {
        width: 100; max-width: 100%; height: auto; max-height: 100%; background: $surface;
        border: round $accent; border-title-color: $text; border-subtitle-color: $text-muted;
    }
    SettingsScreen VerticalScroll { height: auto; padding: 0 1; }
    SettingsScreen .section { text-style: bold; padding: 0 1; }
    SettingsScreen #help { color: $text-muted; padding: 0 2; height: 1; }
    SettingsScreen #said { color: $error; padding: 0 2; height: auto; }
    SettingsScreen #buttons { height: 1; align-horizontal: center; }
    SettingsScreen Button { margin: 0 1; }
    """

    def __init__(self, settings: Settings, path: Path, overridden: Collection[str] = ()) -> None:
        super().__init__()
        self._settings, self._path, self._overridden = settings, path, overridden
        self._trouble = ""
        try:
            self._saved = load(path)
        except UsageError as error:
            self._saved, self._trouble = Settings(), str(error)

    def compose(self) -> ComposeResult:
        """The fields by sections, then what can be done."""
        with Vertical() as box:
            box.border_title = "Settings"
            box.border_subtitle = Content(f"kept in {short(self._path)}")
            with VerticalScroll():
                for title, names in SECTIONS:
                    yield Label(title, classes="section", markup=False)
                    for name, label, hint in names:
                        yield Field(self._spec(name, label, hint))
            yield Static(id="help", markup=False)
            yield Static(self._trouble, id="said", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Save", "primary", id="save", compact=True, action="screen.save")
                yield Button("Defaults", compact=True, action="screen.defaults")
                yield Button("Cancel", compact=True, action="screen.dismiss(None)")
        yield Footer()

    def on_mount(self) -> None:
        """Begin with the first field."""
        self.query_one(VerticalScroll).can_focus = False
        self.focus_next()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the field is for, where its line is too short for it."""
        field = field_of(event.widget)
        self.query_one("#help", Static).update(field.spec.hint if field else "")

    def action_defaults(self) -> None:
        """Fill in the built-in defaults; nothing is written yet."""
        for field in self.query(Field):
            field.value = shown(field.spec.name, getattr(Settings(), field.spec.name))

    def action_save(self) -> None:
        """Write what was changed, if all of it can be."""
        wrong = next((field for field in self.query(Field) if field.wrong), None)
        if wrong is not None:
            wrong.query("Input").first().focus()
            return
        values = {
            field.spec.name: taken(field.spec.name, field.value) for field in self.query(Field)
        }
        changes = {
            name: value for name, value in values.items() if value != getattr(self._saved, name)
        }
        try:
            save(self._path, changes)
        except UsageError as error:
            self.query_one("#said", Static).update(str(error))
            return
        kept = {name: getattr(self._settings, name) for name in self._overridden}
        self.dismiss(replace(self._saved, **{**changes, **kept}))

    def _spec(self, name: str, label: str, hint: str) -> FieldSpec:
        if name in RANGES:
            least, most, _ = RANGES[name]
            hint = f"{least:g} to {most:g}: {hint}"
        if name in self._overridden:
            now = shown(name, getattr(self._settings, name)) or "nothing"
            hint = f"now {now}: from the command line"
        kind: Kind = "truth" if name in TRUTHS else "choice" if name in CHOICES else "text"
        default = shown(name, getattr(Settings(), name))
        return FieldSpec(
            name,
            hint,
            kind,
            label,
            value=shown(name, getattr(self._saved, name)),
            placeholder=default if name in RANGES else "",
            choices=tuple((each, each) for each in CHOICES.get(name, ())),
            check=lambda text: refusal(name, taken(name, text)),
        )


def short(path: Path) -> str:
    """A path from the home folder on, the end of it where it is long."""
    text = str(path)
    if path.is_relative_to(Path.home()):
        text = f"~/{path.relative_to(Path.home())}"
    return text if len(text) <= LONGEST_PATH else f"…{text[1 - LONGEST_PATH :]}"


def shown(name: str, value: Any) -> str:
    """A setting as a person types it."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else f"{value:.10g}" if name in RANGES else str(value)


def taken(name: str, text: str) -> Any:
    """What was typed, as the setting has it; where it is no number, the text itself.

    An empty number is the default.
    """
    if name in TRUTHS:
        return text == TRUE
    if name == "graphs":
        return tuple(title for part in text.split(",") if (title := part.strip()))
    if name not in RANGES:
        return text
    if not text:
        return getattr(Settings(), name)
    try:
        return float(text)
    except ValueError:
        return text
