"""A dialog with things to fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from midwatch.runbook.model import Question
from midwatch.runbook.questions import READERS, accepted
from midwatch.system.sanitize import safe_text
from screens.widgets.dialog import Dialog
from screens.widgets.inline_button import PickOne
from screens.widgets.line_input import LineInput
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import joined

Submit = Callable[[Mapping[str, str]], object]
_NEEDED = "an answer is needed"
_LINE, _AROUND = 55, 7
"""Cells that options beside one another take at most, and what stands around each: its mark and the gap to the next."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in."""

    name: str
    prompt: str
    kind: str = "line"
    """`line`, `text` (several lines), `yes-no`, or `one` of the options."""
    required: bool = True
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    across: bool = False
    """Whether the options stand beside one another."""
    example: str = ""
    """Stands in a line while nothing is typed there."""


def asked(ask: Question, known: str | None = None) -> Field:
    """A question of the runbook, with what was answered before, else with its default."""
    value = ask.default if known is None else known
    if ask.kind != "choice":
        kind = "line" if ask.kind in READERS else ask.kind
        example = ask.example or (accepted(ask) if ask.kind in READERS else "")
        return Field(ask.name, ask.prompt, kind, ask.required, value, example=example)
    options = [(option, option) for option in ask.options] + ([] if ask.required else [("", "none of these")])
    across = sum(len(words) + _AROUND for _, words in options) <= _LINE
    return Field(ask.name, ask.prompt, "one", ask.required, value, options, across)


class Form(Dialog):
    """Fields below a few words. Enter goes from field to field and, on the last one, accepts."""

    DEFAULT_CSS = """
    Form TextArea { width: 1fr; height: 4; background: $field; border: none; padding: 0; }
    Form TextArea:focus { background: $field-focus; }
    Form TextArea:nocolor { border-left: ascii !important; }
    Form .prompt { height: auto; width: 1fr; }
    Form .answer { margin-bottom: 1; }
    Form .answer.-last { margin-bottom: 0; }
    Form #words { height: auto; width: 1fr; margin-bottom: 1; }
    """

    def __init__(
        self,
        text_styles: TextStyles,
        title: str,
        fields: Sequence[Field],
        submit: Submit,
        *,
        words: Sequence[Content] = (),
        accept: str = "Save",
        mark: Content | None = None,
    ) -> None:
        super().__init__(text_styles, title, mark=mark)
        self.fields = list(fields)
        self._submit, self._words = submit, words
        self.accept_words = accept
        several = any(field.kind == "text" for field in fields)
        self.hint = f"Esc cancel {text_styles.signs.dot} {'Ctrl+S' if several else 'Enter'} {accept.lower()}"

    def body(self) -> Iterable[Widget]:
        yield from self.telling()
        yield from self.asking()

    def telling(self) -> Iterable[Widget]:
        """The words, if there are any."""
        if self._words:
            yield Static(joined(self._words), id="words", markup=False)

    def asking(self) -> Iterable[Widget]:
        """The fields, each below its prompt."""
        for field in self.fields:
            prompt = field.prompt + ("" if self.required(field) else " (may stay empty)")
            yield Static(self.text_styles.ink(prompt, FAINT), classes="prompt", id=f"prompt-{field.name}", markup=False)
            yield self._widget(field)

    def _widget(self, field: Field) -> Widget:
        name = f"field-{field.name}"
        value = safe_text(field.value, newlines=field.kind == "text")
        found: Widget
        if field.kind == "text":
            found = TextArea(
                value, id=name, compact=True, show_line_numbers=False, soft_wrap=True, highlight_cursor_line=False
            )
        elif field.kind == "yes-no":
            found = PickOne(
                [("yes", "yes"), ("no", "no")],
                self.text_styles,
                id=name,
                picked=field.value,
                across=True,
                required=field.required,
            )
        elif field.kind == "one":
            found = PickOne(
                field.options,
                self.text_styles,
                id=name,
                picked=field.value,
                across=field.across,
                required=field.required,
            )
        else:
            found = LineInput(value, id=name, placeholder=self.text_styles.clean(field.example))
        if isinstance(found, TextArea):
            found.cursor_blink = False
        found.add_class("answer")
        return found

    def on_mount(self) -> None:
        super().on_mount()
        self.close_up()

    def close_up(self) -> None:
        """No blank line stands below the last field: what follows brings its own."""
        last = next((field.name for field in reversed(self.fields) if self.wanted(field)), "")
        for field in self.fields:
            self.query_one(f"#field-{field.name}").set_class(field.name == last, "-last")

    def first_focus(self) -> Widget:
        """The first field to type in that has to be filled in, else the first field."""
        to_type = [
            field
            for field in self.fields
            if field.kind in ("line", "text") and self.required(field) and self.wanted(field)
        ]
        first = next(iter([*to_type, *self.fields]), None)
        return self.query_one(f"#field-{first.name}") if first else super().first_focus()

    def values(self) -> dict[str, str]:
        """What stands in the fields."""
        return {field.name: self._value(field) for field in self.fields}

    def _value(self, field: Field) -> str:
        widget = self.query_one(f"#field-{field.name}")
        if isinstance(widget, TextArea):
            return widget.text
        if isinstance(widget, Input):
            return widget.value
        assert isinstance(widget, PickOne)
        return widget.value

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._onward(message.input)

    def on_pick_one_submitted(self, message: PickOne.Submitted) -> None:
        """Enter goes on from a choice; one that has to be made and is not says so and stays."""
        message.stop()
        focused = self.focused
        field = next(
            (field for field in self.fields if focused is not None and focused.id == f"field-{field.name}"), None
        )
        if field is not None and self.required(field) and not self._value(field):
            self.complain(f"{_asked(field)}: {_NEEDED}; choose one first")
        elif focused is not None:
            self._onward(focused)

    def on_key(self, event: events.Key) -> None:
        """Up and down change the choice of a form that has one above its line, from within the line as well."""
        if self.choice_by_arrows and event.key in ("up", "down") and isinstance(self.focused, Input):
            self.query_one(f"#field-{self.choice_by_arrows}", PickOne).action_move(1 if event.key == "down" else -1)
            event.stop()
            event.prevent_default()
        else:
            super().on_key(event)

    choice_by_arrows = ""
    """The name of the choice that up and down change while a line has the focus."""

    def _moves(self) -> list[tuple[str, str]]:
        arrows = [
            (
                "Up Down" if self.text_styles.ascii else "↑ ↓",
                "Another one of the choices above, from within the line as well",
            )
        ]
        return [*super()._moves(), *(arrows if self.choice_by_arrows and isinstance(self.focused, Input) else [])]

    def wanted(self, field: Field) -> bool:
        """Whether the field is there now; one that is not is neither asked for nor gone to."""
        return True

    def required(self, field: Field) -> bool:
        """Whether the field may not stay empty now."""
        return field.required

    def _onward(self, widget: Widget) -> None:
        there = [field for field in self.fields if self.wanted(field)]
        if there and widget.id == f"field-{there[-1].name}":
            self.action_accept()
        else:
            self.focus_next()

    def action_accept(self) -> None:
        values = self.values()
        needed = [field for field in self.fields if self.wanted(field) and self.required(field)]
        missing = next((field for field in needed if not values[field.name].strip()), None)
        if missing is not None:
            choose = "" if missing.kind in ("line", "text") else "; choose one first"
            self.complain(f"{_asked(missing)}: {_NEEDED}{choose}")
            self.query_one(f"#field-{missing.name}").focus()
            return
        self.perform(lambda: self._submit(values), f"{self.accept_words} {self.text_styles.signs.more}")


def _asked(field: Field) -> str:
    """The question without its mark."""
    return field.prompt.rstrip("?:. ")
