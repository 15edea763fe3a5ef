"""A dialog with things to fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from midwatch.runbook.questions import READERS, accepted
from midwatch.runbook.value_sources import Question
from midwatch.system.sanitize import safe_text
from screens.widgets.dialog import Dialog
from screens.widgets.inline_button import PickOne
from screens.widgets.key_bindings import YES, bindings
from screens.widgets.line_input import LineInput
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import joined

_NEEDED = "an answer is needed"
_TYPED = ("line", "text", "secret")
_LINE, _AROUND = 55, 7
"""Cells that options beside one another take at most, and what stands around each: its mark and the gap to the next."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in."""

    name: str
    prompt: str
    kind: str = "line"
    """`line`, `secret` (a line that is not shown), `text` (several lines), `yes-no`, or `one` of the options."""
    required: bool = True
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    across: bool = False
    """Whether the options stand beside one another."""
    example: str = ""
    """Stands in a line while nothing is typed there."""
    fault: Callable[[str], str] = lambda text: ""
    """Why a text is no answer, as a sentence; empty where it is one."""
    shown_with: tuple[str, str] = ("", "")
    """The choice and its value with which the field is there; empty: always."""
    optional_with: str = ""
    """A choice with which, once it is made, the field may stay empty."""
    last_without: str = ""
    """A choice without which Enter in the field accepts the form."""


def asked(ask: Question, known: str | None = None) -> Field:
    """A question of the runbook, with what was answered before, else with its default."""
    value = ask.default if known is None else known
    if ask.kind != "choice":
        kind = "line" if ask.kind in READERS else ask.kind
        example = f"such as {ask.example}" if ask.example else accepted(ask) if ask.kind in READERS else ""
        return Field(ask.name, ask.prompt, kind, ask.required, value, example=example)
    options = [(option, option) for option in ask.options] + ([] if ask.required else [("", "none of these")])
    across = sum(len(words) + _AROUND for _, words in options) <= _LINE
    return Field(ask.name, ask.prompt, "one", ask.required, value, options, across)


class Form(Dialog[Mapping[str, str]]):
    """Fields below a few words, or above them. Enter goes from field to field and, on the last one, accepts."""

    DEFAULT_CSS = """
    Form TextArea { width: 1fr; height: 4; background: $field; border: none; padding: 0; }
    Form TextArea:focus { background: $field-focus; }
    Form TextArea:nocolor { border-left: ascii !important; }
    Form .prompt { height: auto; width: 1fr; }
    Form .answer { margin-bottom: 1; }
    Form .answer.-last { margin-bottom: 0; }
    Form.-tall TextArea { height: 8; }
    Form #words { height: auto; width: 1fr; margin-bottom: 1; }
    Form.-words-below #words { margin-bottom: 0; }
    Form.-whole { align: left top; background: $background; }
    Form.-whole > #box { width: 100; height: 100%; border: none; background: $background; padding: 0 0 0 1; }
    Form.-whole #body { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))

    def __init__(
        self,
        text_styles: TextStyles,
        title: str,
        fields: Sequence[Field],
        *,
        words: Sequence[Content] = (),
        words_below: bool = False,
        accept: str = "Save",
        mark: Content | None = None,
        choice_by_arrows: str = "",
        accepted_by_yes: bool = False,
    ) -> None:
        """`choice_by_arrows` names the choice that up and down change while a line has the focus.

        `accepted_by_yes`: a screen of its own that `y` accepts, and Enter once everything required is there. The first
        field has the focus at first.
        """
        super().__init__(text_styles, title, mark=mark)
        self.fields = list(fields)
        self._words, self._words_below, self._by_yes = words, words_below, accepted_by_yes
        self._choice_by_arrows = choice_by_arrows
        self.set_class(words_below, "-words-below")
        self.draft_name = title
        self._warned = False
        self.set_class(accepted_by_yes, "-whole")
        self.border_rows = 0 if accepted_by_yes else 2
        self.accept_words = self.doing = accept
        several = any(field.kind == "text" for field in fields)
        self.hint = f"Esc cancel {text_styles.signs.dot} {'Ctrl+S' if several else 'Enter'} {accept.lower()}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`y` is a letter, unless it accepts the form."""
        return self._by_yes if action == "yes" else True

    def body(self) -> Iterable[Widget]:
        """The words, and the fields, each below its prompt."""
        words = [Static(joined(self._words), id="words", markup=False)] if self._words else []
        yield from () if self._words_below else words
        for field in self.fields:
            prompt = field.prompt + ("" if self.required(field) else " (may stay empty)")
            yield Static(self.text_styles.ink(prompt, FAINT), classes="prompt", id=f"prompt-{field.name}", markup=False)
            yield self._widget(field)
        yield from words if self._words_below else ()

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
            hidden, example = field.kind == "secret", self.text_styles.clean(field.example)
            found = LineInput(value, id=name, placeholder=example, password=hidden)
        if isinstance(found, TextArea):
            found.cursor_blink = False
        found.add_class("answer")
        return found

    def on_mount(self) -> None:
        super().on_mount()
        for name in {field.shown_with[0] for field in self.fields} - {""}:
            self.watch(self.query_one(f"#field-{name}", PickOne), "picked", self._choice_changed, init=False)
        self._choice_changed()

    def _choice_changed(self) -> None:
        """Show the fields that are wanted. No blank line stands below the last one: what follows brings its own."""
        for field in self.fields:
            for part in ("field", "prompt"):
                self.query_one(f"#{part}-{field.name}").display = self.wanted(field)
        last = next((field.name for field in reversed(self.fields) if self.wanted(field)), "")
        for field in self.fields:
            self.query_one(f"#field-{field.name}").set_class(field.name == last, "-last")
        self.call_after_refresh(self._fit)

    def first_focus(self) -> Widget:
        """The first field to type in that has to be filled in, else the first field."""
        to_type = (
            []
            if self._by_yes
            else [
                field for field in self.fields if field.kind in _TYPED and self.required(field) and self.wanted(field)
            ]
        )
        first = next(iter([*to_type, *self.fields]), None)
        return self.query_one(f"#field-{first.name}") if first else super().first_focus()

    def action_leave(self) -> None:
        """Nobody keeps the draft of a screen of its own: what was filled in is not left by one Esc."""
        if self._by_yes and self.is_changed and not self._warned and not self.writing:
            self._warned = True
            self.complain("What you filled in would be lost. Esc once more leaves.")
        else:
            super().action_leave()

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
        if self._choice_by_arrows and event.key in ("up", "down") and isinstance(self.focused, Input):
            self.query_one(f"#field-{self._choice_by_arrows}", PickOne).action_move(1 if event.key == "down" else -1)
            event.stop()
            event.prevent_default()
        else:
            super().on_key(event)

    def _moves(self) -> list[tuple[str, str]]:
        arrows = [
            (
                "Up Down" if self.text_styles.ascii else "↑ ↓",
                "Another one of the choices above, from within the line as well",
            )
        ]
        return [*super()._moves(), *(arrows if self._choice_by_arrows and isinstance(self.focused, Input) else [])]

    def wanted(self, field: Field) -> bool:
        """Whether the field is there now; one that is not is neither asked for nor gone to."""
        choice, value = field.shown_with
        return not choice or self._chosen(choice) == value

    def required(self, field: Field) -> bool:
        """Whether the field may not stay empty now."""
        return field.required and not (field.optional_with and self._chosen(field.optional_with))

    def _chosen(self, choice: str) -> str:
        return next((widget.value for widget in self.query(f"#field-{choice}").results(PickOne)), "")

    def _onward(self, widget: Widget) -> None:
        there = [field for field in self.fields if self.wanted(field)]
        field = next((field for field in there if widget.id == f"field-{field.name}"), None)
        ends = field is not None and field.last_without and not self._chosen(field.last_without)
        missing = next((item for item in there if self.required(item) and not self._value(item).strip()), None)
        if field is not None and (ends or field is there[-1] or (self._by_yes and missing is None)):
            self.action_accept()
        elif self._by_yes and missing is not None:
            self.query_one(f"#field-{missing.name}").focus()
        else:
            self.focus_next()

    def action_accept(self) -> None:
        values = self.values()
        for field in self.fields:
            if self.wanted(field) and (fault := self._fault(field, values[field.name])):
                self.complain(fault)
                self.query_one(f"#field-{field.name}").focus()
                return
        self.answer(values)

    def _fault(self, field: Field, value: str) -> str:
        if self.required(field) and not value.strip():
            return f"{_asked(field)}: {_NEEDED}{'' if field.kind in _TYPED else '; choose one first'}"
        return field.fault(value)


def _asked(field: Field) -> str:
    """The question without its mark."""
    return field.prompt.rstrip("?:. ")
