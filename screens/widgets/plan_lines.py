"""A plan as lines: what goes, what comes, what stays, and what it adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from rich.cells import cell_len
from textual.content import Content

from midwatch.api.plan import SUMS, WARNING, Effect, Plan, Verb
from midwatch.api.probe import Level
from midwatch.engine.consent import NONE
from midwatch.runbook.model import Runbook
from midwatch.system.units import counted, size
from screens.widgets.styles import FAINT, SOON, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, labelled, paragraph, wrap
from screens.widgets.time_labels import exact_age

_MOST = 300
"""Effects that are listed; the others are counted."""
_COLUMN, _WIDEST_COLUMN = 9, 12
"""Cells of the labels: all rows of a plan stand below each other, unless one label is far longer than the others."""
_DIGEST_OF = "SHA-256 of "
"""Begins the names of the bindings that are digests of files."""
_ORDER = {Verb.REMOVE: 0, Verb.CHANGE: 1, Verb.CREATE: 2, Verb.KEEP: 3, Verb.READ: 4}
_VERB_STYLES = {Verb.REMOVE: WRONG, Verb.KEEP: FAINT, Verb.READ: FAINT}


def plan_column(plan: Plan | None) -> int:
    """Cells of the labels of this plan, for what stands below it."""
    longest = max((len(label) + 2 for label, _ in plan.facts), default=0) if plan else 0
    return min(max(_COLUMN, longest), _WIDEST_COLUMN)


def warnings_of(plan: Plan) -> list[str]:
    """What speaks against the plan."""
    return [text for label, text in plan.facts if label == WARNING]


def spared_names(runbook: Runbook) -> list[str]:
    """The names of which a plan's totals say that nothing removed bears them: those of the targets."""
    return [target.container or target.name for target in runbook.targets.values()]


def plan_lines(
    plan: Plan,
    at: datetime,
    now: datetime,
    width: int,
    text_styles: TextStyles,
    *,
    spared: Sequence[str] = (),
    did: bool = False,
    total: bool = True,
    bound: bool = False,
) -> list[Content]:
    """A heading with the plan's age, what its effects add up to, the effects as a table, the facts.

    `spared` are names of which the totals say that nothing removed bears them; `did` tells of a plan that was carried
    out. Without `total`, what they add up to stands elsewhere. With `bound`, the lines end with the rest of what
    consent binds.
    """
    head, since = ("What it was to do", "confirmed") if did else ("What it will do", "read")
    lines = [Content.assemble(text_styles.ink(head, STRONG), text_styles.ink(f", {since} {exact_age(at, now)}", FAINT))]
    if plan.refusal:
        lines += labelled(" refuses", plan.refusal, width, text_styles, column=_COLUMN, style=WRONG)
    column = plan_column(plan)
    for text in warnings_of(plan):
        lines += labelled(f" {text_styles.signs.levels[Level.WARN]}", text, width, text_styles, column=3, style=WRONG)
    if total:
        lines += total_lines(plan, width, text_styles, spared=spared)
    lines += _effects(plan, column, width, text_styles)
    if not any(effect.verb.touches for effect in plan.effects) and not plan.refusal:
        lines.append(text_styles.ink(" changes nothing", FAINT))
    summed = SUMS if plan.totals() else ()
    for label, text in plan.facts:
        if label not in summed and label != WARNING:
            lines += labelled(
                f" {text_styles.clean(label)}", text, width, text_styles, column=max(column, len(label) + 2)
            )
    rest = _rest_of_bound(plan) if bound else []
    if rest:
        lines.append(text_styles.ink("Your consent binds this as well", FAINT))
    for label, text in rest:
        lines += labelled(f" {text_styles.clean(label)}", text, width, text_styles, column=max(column, len(label) + 2))
    return lines


def _rest_of_bound(plan: Plan) -> list[tuple[str, str]]:
    """Parameters, bindings and identities of what is changed, unless they stand among facts and effects already.

    The target stands elsewhere. Of files that are bound by their digests, the names are enough.
    """
    shown = "\n".join([*(text for _, text in plan.facts), *(effect.object for effect in plan.effects)])
    files = [name.removeprefix(_DIGEST_OF) for name, text in plan.bindings.items() if _is_digest(name, text)]
    given = [(name, text) for name, text in plan.parameters.items() if name != "target"]
    given += [(name, text) for name, text in plan.bindings.items() if not name.startswith(_DIGEST_OF)]
    given += [(e.object, e.identity) for e in plan.effects if e.verb.touches and e.identity not in ("", e.object)]
    rest = [(label, text) for label, text in given if text.strip() and text.strip() not in shown]
    return [*rest, *([("files", f"{' and '.join(files)}, by SHA-256")] if files else [])]


def _is_digest(name: str, text: str) -> bool:
    return name.startswith(_DIGEST_OF) and text != NONE


def total_lines(
    plan: Plan, width: int, text_styles: TextStyles, *, spared: Sequence[str] = (), say_final: bool = True
) -> list[Content]:
    """What the effects add up to, and whether they can be undone; nothing where one row says it all."""
    column = plan_column(plan)
    totals = plan.totals(spared)
    lines = labelled(" in all", totals, width, text_styles, column=column, style=STRONG) if totals else []
    final = len(_final(plan))
    if say_final and final > 1:
        whole = final == sum(effect.verb is Verb.REMOVE for effect in plan.effects)
        words = "What it removes" if whole else f"{final} of these"
        lines += labelled("", f"{words} cannot be undone", width, text_styles, column=column, style=WRONG)
    return lines


def _final(plan: Plan) -> list[Effect]:
    return [effect for effect in plan.effects if effect.verb.touches and not effect.reversible]


def _effects(plan: Plan, column: int, width: int, text_styles: TextStyles) -> list[Content]:
    """What goes first, what stays last; effects with the same remark together below it, each else in a row of its own.

    A remark stands in a column behind the names where it has room there, else below its row."""
    effects = plan.effects[:_MOST]
    single = len(_final(plan)) == 1
    remarks = {id(effect): _remark(effect, say_final=single or effect.verb is not Verb.REMOVE) for effect in effects}
    first = {(effect.verb, remarks[id(effect)]): at for at, effect in reversed(list(enumerate(effects)))}
    ordered = sorted(effects, key=lambda effect: (_ORDER[effect.verb], first[effect.verb, remarks[id(effect)]]))
    beside = 2 + max((cell_len(text_styles.clean(effect.object)) for effect in ordered), default=0)
    lines: list[Content] = []
    for (verb, remark), group in groupby(ordered, key=lambda effect: (effect.verb, remarks[id(effect)])):
        rows = list(group)
        grouped = bool(remark) and len(rows) > 1
        lines += _group_head(verb, remark, rows, column, width, text_styles) if grouped else []
        if grouped and not verb.touches:
            names = ", ".join(text_styles.clean(effect.object) for effect in rows)
            lines += paragraph(names, width, text_styles, style=FAINT, indent=column)
            continue
        for effect in rows:
            label = "" if grouped else verb.value
            lines += _row(effect, label, "" if grouped else remark, column, beside, width, text_styles)
    if more := len(plan.effects) - len(effects):
        lines.append(
            text_styles.ink(f" {'':{column - 1}}and {more} more; the record of the plan has all of them", SOON)
        )
    return lines


def _group_head(
    verb: Verb, remark: str, rows: Sequence[Effect], column: int, width: int, text_styles: TextStyles
) -> list[Content]:
    """What several effects have in common, with how many they are and their size."""
    count = Counter(effect.kind or "item" for effect in rows)
    total = sum(effect.size or 0 for effect in rows)
    words = ", ".join(counted(number, kind) for kind, number in count.items()) + (f", {size(total)}" if total else "")
    texts = wrap(text_styles.clean(remark), max(width - column - len(words) - 2, 12))
    return [
        edges(
            Content.assemble(
                text_styles.ink(f" {verb.value if n == 0 else '':{column - 1}}", _VERB_STYLES.get(verb, "")),
                text_styles.ink(text, STRONG if verb.touches else ""),
            ),
            text_styles.ink(words if n == 0 else ""),
            width,
        )
        for n, text in enumerate(texts)
    ]


def _remark(effect: Effect, *, say_final: bool) -> str:
    final = "cannot be undone" if say_final and effect.verb.touches and not effect.reversible else ""
    return "; ".join(part for part in (effect.note, final) if part)


def _row(
    effect: Effect, label: str, remark: str, column: int, beside: int, width: int, text_styles: TextStyles
) -> list[Content]:
    """`beside` are the cells from where a name begins to where a remark does."""
    style = _VERB_STYLES.get(effect.verb, "")
    extent = size(effect.size) if effect.size is not None else ""
    name, remark = text_styles.clean(effect.object), text_styles.clean(remark)
    room = width - column - len(extent) - 2
    behind = " " * (beside - cell_len(name)) + remark if remark and beside + cell_len(remark) <= room else ""
    lines = [
        edges(
            Content.assemble(
                text_styles.ink(f" {label if n == 0 else '':{column - 1}}", style),
                text_styles.ink(text),
                text_styles.ink(behind, FAINT),
            ),
            text_styles.ink(extent if n == 0 else ""),
            width,
        )
        for n, text in enumerate(wrap(name, max(room, 12)))
    ]
    return [
        *lines,
        *(paragraph(remark, width, text_styles, style=FAINT, indent=column) if remark and not behind else []),
    ]
