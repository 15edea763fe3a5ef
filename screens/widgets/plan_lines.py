"""A plan as lines: what goes, what comes, what stays, and what it adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from midwatch.plan import Effect, Plan, Verb
from midwatch.units import size
from screens.widgets.ages import exact_age
from screens.widgets.pen import FAINT, SOON, STRONG, WRONG, Pen
from screens.widgets.rows import edges, labelled, paragraph, wrap

_MOST = 300
"""Effects that are listed; the others are counted."""
_COLUMN, _WIDEST_COLUMN = 9, 12
"""Cells of the labels: all rows of a plan stand below each other, unless one label is far longer than the others."""
_ORDER = {Verb.REMOVE: 0, Verb.CHANGE: 1, Verb.CREATE: 2, Verb.KEEP: 3, Verb.READ: 4}


def plan_column(plan: Plan | None) -> int:
    """Cells of the labels of this plan, for what stands below it."""
    longest = max((len(label) + 2 for label, _ in plan.facts), default=0) if plan else 0
    return min(max(_COLUMN, longest), _WIDEST_COLUMN)


def plan_lines(
    plan: Plan, at: datetime, now: datetime, width: int, pen: Pen, *, spared: Sequence[str] = (), did: bool = False
) -> list[Content]:
    """A heading with the plan's age, what its effects add up to, the effects as a table, the facts.

    `spared` are names of which the totals say that nothing removed bears them; `did` tells of a plan that was carried out.
    """
    head, since = ("What it was to do", "confirmed") if did else ("What it will do", "read")
    lines = [Content.assemble(pen.ink(head, STRONG), pen.ink(f", {since} {exact_age(at, now)}", FAINT))]
    if plan.refusal:
        lines += labelled(" refuses", plan.refusal, width, pen, column=_COLUMN, style=WRONG)
    column = plan_column(plan)
    effects = sorted(plan.effects, key=lambda effect: _ORDER[effect.verb])
    final = [effect for effect in plan.effects if effect.verb.touches and not effect.reversible]
    if totals := plan.totals(spared):
        lines += labelled(" in all", totals, width, pen, column=column, style=STRONG)
    if len(final) > 1:
        whole = len(final) == sum(effect.verb is Verb.REMOVE for effect in plan.effects)
        words = "What it removes" if whole else f"{len(final)} of these"
        lines += labelled("", f"{words} cannot be taken back", width, pen, column=column, style=WRONG)
    for effect in effects[:_MOST]:
        lines += _effect(effect, column, width, pen, say_final=len(final) == 1 or effect.verb is not Verb.REMOVE)
    if len(effects) > _MOST:
        lines.append(pen.ink(f" {'':{column - 1}}and {len(effects) - _MOST} more; all of them are in the journal", SOON))
    if not any(effect.verb.touches for effect in plan.effects) and not plan.refusal:
        lines.append(pen.ink(" changes nothing", FAINT))
    for label, text in plan.facts:
        lines += labelled(f" {pen.clean(label)}", text, width, pen, column=max(column, len(label) + 2))
    return lines


def _effect(effect: Effect, column: int, width: int, pen: Pen, *, say_final: bool) -> list[Content]:
    style = {Verb.REMOVE: WRONG, Verb.KEEP: FAINT, Verb.READ: FAINT}.get(effect.verb, "")
    extent = size(effect.size) if effect.size is not None else ""
    final = "cannot be taken back" if say_final and effect.verb.touches and not effect.reversible else ""
    texts = wrap(pen.clean(effect.object), max(width - column - len(extent) - 2, 12))
    lines = [
        edges(
            Content.assemble(pen.ink(f" {effect.verb.value if n == 0 else '':{column - 1}}", style), pen.ink(text)),
            pen.ink(extent if n == 0 else ""),
            width,
        )
        for n, text in enumerate(texts)
    ]
    remark = "; ".join(part for part in (effect.note, final) if part)
    return [*lines, *(paragraph(remark, width, pen, style=FAINT, indent=column) if remark else [])]
