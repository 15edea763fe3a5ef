"""Declare an incident: how bad it is, what the runbook asks for, who is who tonight. The first run explains itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from midwatch.engine.repository import Summary
from midwatch.runbook.declaration import Declaration, inputs_of
from midwatch.runbook.model import Runbook, Severity
from screens.dialogs.severity import WORDS
from screens.pages.help import FIVE_LINES
from screens.widgets.form import Field, Form, asked
from screens.widgets.key_bindings import YES, bindings
from screens.widgets.styles import FAINT, STRONG, TextStyles

_EARLIER = 3
_SEVERITY, _PEOPLE = "-severity", "-people"  # no input of a runbook can have these names


class DeclareForm(Form):
    """`y` or the second choice declares; Esc declares nothing. What has to be filled in stands above what may be read."""

    DEFAULT_CSS = "DeclareForm #words { margin-bottom: 0; }"

    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))

    def __init__(
        self, text_styles: TextStyles, runbook: Runbook, earlier: Sequence[Summary], given: Mapping[str, str]
    ) -> None:
        self.declaration: Declaration | None = None
        self._runbook = runbook
        options = [(level.value, f"{level.value} {words}") for level, words in WORDS.items()]
        roles = "; ".join(f"{role.name}: …" for role in runbook.roles.values())
        super().__init__(
            text_styles,
            f"Declare one now? {runbook.title}",
            [
                Field(_SEVERITY, "How bad is it?", kind="one", options=options, value=runbook.severity.value),
                *sorted((asked(ask, given.get(ask.name)) for ask in runbook.inputs), key=_can_wait),
                Field(_PEOPLE, "Who is who tonight", kind="line", required=False, example=roles),
            ],
            self._chosen,
            words=_words(text_styles, earlier),
            accept="Declare",
        )
        self.leave_words = "Not now"
        self.hint = f"Esc not now {text_styles.signs.dot} {{accept}} declare"

    def first_focus(self) -> Widget:
        """The severity: `y` declares at once where nothing has to be filled in."""
        return self.query_one(f"#field-{_SEVERITY}")

    def body(self) -> Iterable[Widget]:
        yield from self.asking()
        yield from self.telling()

    def _chosen(self, values: Mapping[str, str]) -> None:
        inputs = inputs_of(self._runbook, {ask.name: values[ask.name] for ask in self._runbook.inputs})
        self.declaration = Declaration(Severity(values[_SEVERITY]), values[_PEOPLE].strip(), inputs)


def _can_wait(field: Field) -> bool:
    """Whether it may stay as it is: what has to be filled in comes first, so that it is in view."""
    return bool(field.value) or not field.required


def _words(text_styles: TextStyles, earlier: Sequence[Summary]) -> list[Content]:
    """The incidents before this one; how it works where there were none."""
    if not earlier:
        return [text_styles.ink(f"{text_styles.signs.dot} {text}", FAINT) for text in FIVE_LINES]
    lines = [text_styles.ink("Before it", STRONG)]
    for summary in earlier[:_EARLIER]:
        state = "damaged" if summary.problem else "closed" if summary.closed else "open"
        lines.append(text_styles.ink(f"{summary.id}, {summary.severity or 'unknown'}, {state}", FAINT))
    return lines
