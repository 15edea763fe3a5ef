"""Declare an incident: how bad it is, what the runbook asks for, who is who tonight. The first run explains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from midwatch.engine.repository import Summary
from midwatch.runbook.declaration import Declaration, inputs_of
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from screens.dialogs.severity import WORDS
from screens.pages.help import FIVE_LINES
from screens.widgets.form import Field, Form, asked
from screens.widgets.styles import FAINT, STRONG, TextStyles

_EARLIER = 3
_SEVERITY, _PEOPLE = "-severity", "-people"  # no input of a runbook can have these names


def declare_form(
    text_styles: TextStyles,
    runbook: Runbook,
    earlier: Sequence[Summary],
    given: Mapping[str, str],
    waiting: Sequence[str] = (),
    seen: Sequence[str] = (),
) -> Form:
    """`y`, the second choice, or Enter once everything required is there declares; Esc declares nothing. What has to be
    filled in stands above what may be read. `waiting`: requests of the watcher, which the declaration takes up;
    `seen`: a line on each of the last incidents of this runbook, what fixed them and what is still open."""
    options = [(level.value, f"{level.value} {words}") for level, words in WORDS.items()]
    roles = "; ".join(f"{role.name}: …" for role in runbook.roles.values())
    form = Form(
        text_styles,
        f"Declare one now? {runbook.title}",
        [
            Field(_SEVERITY, "How bad is it?", kind="one", options=options, value=runbook.severity.value),
            *sorted((asked(ask, given.get(ask.name)) for ask in runbook.inputs), key=_can_wait),
            Field(_PEOPLE, "Who is who tonight", kind="line", required=False, example=roles),
        ],
        words=[*_waiting(text_styles, waiting), *_words(text_styles, earlier, seen)],
        words_below=True,
        accept="Declare",
        accepted_by_yes=True,
    )
    form.leave_words = "Not now"
    key = "{accept}" if any(field.kind == "text" for field in form.fields) else "Enter"
    form.hint = f"Esc not now {text_styles.signs.dot} {key} declare"
    return form


def declaration_of(runbook: Runbook, values: Mapping[str, str]) -> Declaration:
    """What was declared. Raises `BadInput` for an answer that the runbook does not take."""
    inputs = inputs_of(runbook, {ask.name: values[ask.name] for ask in runbook.inputs})
    return Declaration(Severity(values[_SEVERITY]), values[_PEOPLE].strip(), inputs)


def _can_wait(field: Field) -> bool:
    """Whether it may stay as it is: what has to be filled in comes first, so that it is in view."""
    return bool(field.value) or not field.required


def _waiting(text_styles: TextStyles, waiting: Sequence[str]) -> list[Content]:
    """The requests of the watcher, where there are any."""
    lines = [text_styles.ink(f"{text_styles.signs.dot} {line}", FAINT) for line in waiting]
    return [text_styles.ink("The watcher asks to declare", STRONG), *lines] if lines else []


def _words(text_styles: TextStyles, earlier: Sequence[Summary], seen: Sequence[str]) -> list[Content]:
    """The incidents before this one; how it works where there were none."""
    if not earlier:
        return [text_styles.ink(f"{text_styles.signs.dot} {text}", FAINT) for text in FIVE_LINES]
    lines = [text_styles.ink("Before it", STRONG), *(text_styles.ink(line, FAINT) for line in seen)]
    told = {line.partition(",")[0] for line in seen}
    for summary in [one for one in earlier if one.id not in told][: max(_EARLIER - len(seen), 0)]:
        state = "damaged" if summary.problem else summary.state
        lines.append(text_styles.ink(f"{summary.id}, {summary.severity or 'unknown'}, {state}", FAINT))
    return lines
