"""A form field: name, control and hint in one line, with any error below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static, Switch
from textual.widgets._select import SelectCurrent

from wattui.tui.widgets.line import Line
from wattui.tui.widgets.lists import PicksOverlay

TRUE, FALSE = "yes", "no"
FieldKind = Literal["text", "truth", "choice"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """The description of a field. All values are text; a truth's are `yes` and `no`.

    Empty text means the placeholder's value. `choices` are pairs of label and value; `check`
    returns an error message for non-empty text, or None. `wide` omits the hint. `group` is the
    section of the form that it belongs to. `recall` has earlier texts, the latest first: the arrow
    keys go through them.
    """

    name: str
    hint: str
    kind: FieldKind = "text"
    label: str = ""
    value: str = ""
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    check: Callable[[str], str | None] = lambda _: None
    wide: bool = False
    group: str = ""
    recall: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Its name on the screen."""
        return self.label or self.name


class Choice(Select[str], inherit_bindings=False):
    """A drop-down list that opens with Enter, so that arrow keys move between fields."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", show=False)]

    def compose(self) -> ComposeResult:
        """The value and its list of choices."""
        yield SelectCurrent(self.prompt)
        yield PicksOverlay().data_bind(compact=Select.compact)

    def rename(self, label: str, value: str) -> None:
        """Show another label for a value."""
        options = [(label if each == value else shown, each) for shown, each in self._options]
        if options != self._options and isinstance(chosen := self.value, str):
            with self.prevent(Select.Changed):
                self.set_options([(str(shown), str(each)) for shown, each in options])
                self.value = chosen
            labels = {str(each): str(shown) for shown, each in options}
            self.query_one(SelectCurrent).update(labels[chosen])


class Field(Vertical):
    """A field; `value` is its text, `wrong` its error message."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(1)", show=False),
        Binding("down", "step(-1)", show=False),
    ]
    DEFAULT_CSS = """
    Field { height: auto; }
    Field > Horizontal { height: 1; }
    Field .name { width: 15; padding: 0 1 0 0; text-align: right; text-wrap: nowrap; }
    Field Input, Field Choice { width: 26; }
    Field Input { background: $panel; padding: 0 1; }
    Field Choice > SelectCurrent { background: $panel; padding: 0 1; }
    Field Choice #label { text-wrap: nowrap; text-overflow: ellipsis; }
    Field Choice > SelectOverlay { min-width: 26; width: auto; max-width: 60; }
    Field Switch { border: none; height: 1; padding: 0; background: transparent; width: 4; }
    Field Switch:focus { border: none; }
    Field.is-wide Input, Field.is-wide Choice { width: 1fr; }
    Field.is-wide .hint { display: none; }
    Field .truth { width: 22; padding: 0 1; }
    Field .hint {
        width: 1fr; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
    }
    Field .wrong { color: $error; padding: 0 1 0 15; display: none; height: auto; width: 1fr; }
    Field.is-wrong .wrong { display: block; }
    Field.is-wrong .name { color: $error; }
    Field.is-focused .name { color: $accent; text-style: bold; }
    Field.is-focused Input, Field.is-focused Choice > SelectCurrent {
        background: $accent 35%;
    }
    Field.is-focused .truth { background: $accent 35%; }
    """

    class Changed(Message):
        """The value has changed."""

        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(classes="is-wide" if spec.wide else "")
        self.spec = spec
        self._value = spec.value
        # How far back in what was typed before, and what is being typed now.
        self._recalled, self._draft = 0, ""
        self._control = _control(spec)

    def compose(self) -> ComposeResult:
        """A line, and an error line below it."""
        with Horizontal():
            yield Label(self.spec.title, classes="name", markup=False)
            yield self._control
            if self.spec.kind == "truth":
                yield Label(self._value or FALSE, classes="truth", markup=False)
            yield Static(self.spec.hint, classes="hint", markup=False)
        yield Label("", classes="wrong", markup=False)

    def on_mount(self) -> None:
        """Show any error from the start."""
        self.say(None)

    @property
    def value(self) -> str:
        """Its text without surrounding spaces; empty if nothing is given."""
        return self._value.strip()

    @value.setter
    def value(self, text: str) -> None:
        if isinstance(self._control, Switch):
            self._control.value = text == TRUE
        else:
            self._control.value = text

    @property
    def wrong(self) -> str | None:
        """The error message for its text, or None."""
        return self.spec.check(self.value) if self.value else None

    def say(self, message: str | None) -> None:
        """Show its own error below it, or one that involves other fields."""
        shown = self.wrong or message
        if self.is_mounted:
            self.set_class(shown is not None, "is-wrong")
            self.query_one(".wrong", Label).update(shown or "")

    def suggest(self, placeholder: str) -> None:
        """Show the value that applies while the field is empty."""
        if isinstance(self._control, Input):
            self._control.placeholder = placeholder
        elif isinstance(self._control, Choice) and placeholder:
            self._control.rename(f"{placeholder} (default)", "")

    def focus_control(self) -> None:
        """Put the cursor into it."""
        self._control.focus()

    def action_step(self, back: int) -> None:
        """Recall what was typed before, or after that; else move to the field above or below."""
        place = self._recalled + back
        if 0 <= place <= len(self.spec.recall) and self.spec.recall:
            if not self._recalled:
                self._draft = self._value
            self._recalled = place
            self.value = (self._draft, *self.spec.recall)[place]
            if isinstance(self._control, Input):
                self._control.cursor_position = len(self._control.value)
        elif back > 0:
            self.screen.focus_previous()
        else:
            self.screen.focus_next()

    def on_descendant_focus(self) -> None:
        """Highlight the field."""
        self.add_class("is-focused")

    def on_descendant_blur(self) -> None:
        """Remove the highlight."""
        self.remove_class("is-focused")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Move to the next field on Enter."""
        event.stop()
        self.screen.focus_next()

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Switch.Changed)
    def take(self, event: Input.Changed | Select.Changed | Switch.Changed) -> None:
        """Take the typed text, the chosen value, or the switch's state."""
        event.stop()
        value = (FALSE, TRUE)[event.value] if isinstance(event.value, bool) else str(event.value)
        for truth in self.query(".truth").results(Label):
            truth.update(value)
        if value != self._value:
            self._value = value
            self.say(None)
            self.post_message(self.Changed(self))


def field_of(widget: Widget | None) -> Field | None:
    """The field that contains a widget."""
    found = (each for each in widget.ancestors if isinstance(each, Field)) if widget else iter(())
    return next(found, None)


def _control(spec: FieldSpec) -> Input | Choice | Switch:
    if spec.kind == "truth":
        return Switch(spec.value == TRUE, animate=False)
    if spec.kind == "choice":
        return Choice(spec.choices, value=spec.value, allow_blank=False, compact=True)
    return Line(spec.value, placeholder=spec.placeholder, compact=True, select_on_focus=False)
