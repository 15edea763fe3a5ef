"""A decision that needs a reason: skip, failed, done manually, do it again."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.engine.reasons import require_reason
from midwatch.engine.step_selection import named_by_risk
from midwatch.incident.message_delivery import MessageDelivery
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.runbook.model import Risk, Runbook, Step, StepKind
from midwatch.system.errors import Refused
from midwatch.system.units import counted
from screens.dialogs.confirm import LOW
from screens.widgets.environments import step_mark
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, SOON, WRONG, TextStyles
from screens.widgets.text_layout import labelled, paragraph

_WIDTH = 74
_MOST_LINES = 12


def reason_form(
    text_styles: TextStyles, runbook: Runbook, step: Step, title: str, prompt: str, words: str, accept: str
) -> Form:
    """A form with one line, `reason`, that takes nothing but a reason."""
    return Form(
        text_styles,
        f"{title} {step.number} {step.title}",
        [Field("reason", prompt, fault=_fault)],
        words=paragraph(words, _WIDTH, text_styles, style=FAINT),
        accept=accept,
        mark=None if step.risk is Risk.OBSERVE else step_mark(runbook.environment, step.risk, text_styles),
    )


def start_form(
    text_styles: TextStyles, runbook: Runbook, step: Step, skipped: Sequence[Step], size: tuple[int, int]
) -> Form:
    """A form for the reason to start from this step: it names the steps that are skipped, the riskiest first.

    `size` is that of the terminal: the field stays in view.
    """
    width, groups = min(_WIDTH, size[0] - 4), named_by_risk(skipped, 1 if size[1] < LOW else 5)
    words = (
        f"{counted(len(skipped), 'step')} before it {'is' if len(skipped) == 1 else 'are'} skipped, with this reason:"
    )
    lines = paragraph(words, width, text_styles)
    for risk, names in groups:
        style = WRONG if risk == Risk.DESTROY else SOON if risk == Risk.CHANGE else FAINT
        lines += labelled(f" {risk}", names, width, text_styles, style=style)
    riskiest = max(
        (one.risk for one in skipped if one.kind is not StepKind.MANUAL), key=list(Risk).index, default=step.risk
    )
    return Form(
        text_styles,
        f"Start from {step.number} {step.title}",
        [Field("reason", "Why from here?", fault=_fault)],
        words=lines,
        accept="Start here",
        mark=None if riskiest is Risk.OBSERVE else step_mark(runbook.environment, riskiest, text_styles),
    )


def adopt_form(text_styles: TextStyles, lines: Sequence[str]) -> Form:
    """A form for the reason why the incident goes on by its edited runbook; `lines` are the difference."""
    shown = [
        *lines[:_MOST_LINES],
        *([f"… {len(lines) - _MOST_LINES} more: midwatch adopt"] * (len(lines) > _MOST_LINES)),
    ]
    shown.append("What is done stays done; every approval lapses.")
    return Form(
        text_styles,
        "Adopt the edited runbook",
        [Field("reason", "Why go on by it?", fault=_fault)],
        words=[part for line in shown for part in paragraph(text_styles.clean(line), _WIDTH, text_styles, style=FAINT)],
        accept="Adopt",
    )


def abandon_form(text_styles: TextStyles) -> Form:
    """A form for the reason why this is no incident."""
    words = "It ends without closure. The record stays, and says that it was abandoned. A freeze that it set is lifted."
    return Form(
        text_styles,
        "Abandon the incident",
        [Field("reason", "Why is it no incident?", fault=_fault)],
        words=paragraph(words, _WIDTH, text_styles, style=FAINT),
        accept="Abandon",
    )


def message_form(text_styles: TextStyles, message: MessageDelivery, *, retry: bool) -> Form:
    """A form for the reason to send a message again, or not any more."""
    again = "It may then arrive twice." if message.state is DeliveryState.UNSURE else "Nothing says that it arrived."
    words = f"To {message.receiver}. {again if retry else 'Nobody is reminded of it any more.'}"
    return Form(
        text_styles,
        f"{'Send again' if retry else 'Give up'} message {message.id}",
        [Field("reason", "Why?", fault=_fault)],
        words=paragraph(words, _WIDTH, text_styles, style=FAINT),
        accept="Send again" if retry else "Give up",
    )


def _fault(text: str) -> str:
    try:
        require_reason(text)
    except Refused as refused:
        return str(refused)
    return ""
