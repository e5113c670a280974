"""The settings screen: one field each, checked while typing, saved to the user's file."""

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
from textual.widgets import Button, Label, Static

from wattui.config import (
    CHOICES,
    RANGES,
    TRUTHS,
    Settings,
    counter_list,
    load,
    meter_list,
    refusal,
    save,
    server_list,
)
from wattui.errors import UsageError
from wattui.tui.screens.steady import SteadyModal
from wattui.tui.widgets.field import FALSE, TRUE, Field, FieldKind, FieldSpec, field_of
from wattui.tui.widgets.footer import Footer

LONGEST_PATH = 60
# Section, then name, label and hint of each setting.
SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Recording",
        (
            ("rate_hz", "sampling rate", "readings of each counter, Hz"),
            ("idle_s", "idle before", "idle baseline before a command, seconds"),
            ("cooldown_s", "cool-down", "rest between repeats, seconds"),
            ("idle_after_s", "idle after", "idle after a command, seconds; 0 for none"),
        ),
    ),
    (
        "Sensors",
        (
            ("estimate", "estimate", "CPU power from utilisation if there is no sensor"),
            ("tdp_w", "CPU TDP", "for the estimate, W; empty to look it up"),
            ("all_gpus", "all GPUs", "including those hidden by CUDA_VISIBLE_DEVICES"),
            ("counters", "counters", "hardware counters to record: instructions, llc_misses"),
            ("meter", "wall meter", "name, for readings entered with w; empty for none"),
            ("meters", "other meters", "NAME=SPEC, comma-separated: wall=shelly2:192.168.1.20"),
            ("tokens", "LLM servers", "addresses of their metrics: http://127.0.0.1:8000/metrics"),
            ("drain_s", "drain", "wait for requests at the edge of a phase, seconds"),
        ),
    ),
    (
        "Screen",
        (
            ("theme", "colours", "press t to try another"),
            ("units", "energy unit", "auto picks one to fit the number"),
            ("graphs", "first graphs", "titles, comma-separated: DRAM, CPU package"),
            ("layouts", "layouts", "L saves one; night: DRAM, GPU board; day: CPU package"),
            ("screen_hz", "screen rate", "screen updates, Hz"),
            ("ascii", "ASCII only", "for terminals without Unicode"),
            ("bell", "bell", "ring and notify when a launch ends and nobody is typing"),
            ("price_per_kwh", "price of a kWh", "with its currency, 0.30 EUR; empty for none"),
            ("co2_g_per_kwh", "CO₂ of a kWh", "grams, and the source: 350 grid mean 2025"),
        ),
    ),
)


class SettingsScreen(SteadyModal[Settings | None]):
    """Returns the settings to use from now on, or None if cancelled.

    `overridden` names settings given on the command line: changing them only changes the file.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", key_display="Esc"),
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+d", "defaults", "Defaults", priority=True),
    ]
    DEFAULT_CSS = """
    SettingsScreen > Vertical { width: 116; height: 30; }
    SettingsScreen VerticalScroll { height: 1fr; padding: 0 1; }
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
        """The fields in sections, then the buttons."""
        with Vertical() as box:
            box.border_title = "Settings"
            box.border_subtitle = Content(f"saved in {short(self._path)}")
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
        """Focus the first field."""
        self.query_one(VerticalScroll).can_focus = False
        self.focus_next()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show the field's help, which may not fit in its line."""
        field = field_of(event.widget)
        self.query_one("#help", Static).update(field.spec.hint if field else "")

    def action_defaults(self) -> None:
        """Fill in the built-in defaults; nothing is written yet."""
        for field in self.query(Field):
            field.value = shown(field.spec.name, getattr(Settings(), field.spec.name))

    def action_save(self) -> None:
        """Save the changes if all are valid."""
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
            hint = f"{now} for now, set on the command line"
        kind: FieldKind = "truth" if name in TRUTHS else "choice" if name in CHOICES else "text"
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
    """A path with ~ for the home folder, truncated at the start if long."""
    text = str(path)
    if path.is_relative_to(Path.home()):
        text = f"~/{path.relative_to(Path.home())}"
    return text if len(text) <= LONGEST_PATH else f"…{text[1 - LONGEST_PATH :]}"


def shown(name: str, value: Any) -> str:
    """A setting as it is typed."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, tuple) and name == "layouts":
        return "; ".join(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else f"{value:.10g}" if name in RANGES else str(value)


def taken(name: str, text: str) -> Any:
    """The setting's value from the typed text; the text itself if it is not a number.

    An empty number means the default.
    """
    if name in TRUTHS:
        return text == TRUE
    if name == "counters":
        return counter_list(text)
    if name == "graphs":
        return tuple(title for part in text.split(",") if (title := part.strip()))
    if name == "layouts":
        return tuple(layout for part in text.split(";") if (layout := part.strip()))
    if name == "meters":
        return meter_list(text)
    if name == "tokens":
        return server_list(text)
    if name not in RANGES:
        return text
    if not text:
        return getattr(Settings(), name)
    try:
        return float(text)
    except ValueError:
        return text
