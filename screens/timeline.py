"""The journal as a person reads it: an entry an event, filtered by what kind it is and by words. Lines only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from midwatch.clock import from_iso
from midwatch.incident.events import Event, Kind
from midwatch.notebook import WORDS_IN
from midwatch.telling import SILENT, lines_below, told
from screens.desk import Desk
from screens.widgets.pen import CHOSEN, FAINT, SOON, STRONG, WRONG, Pen
from screens.widgets.rows import edges, wrap

_COLUMN = 10
_EXCERPT = 12
"""Lines of an excerpt that are shown; the export has them all."""
_LONGEST = 2_000
"""Characters of an event's words that are shown; the export has them all."""
_STYLES: dict[str, str] = {  # what went well is told without a colour: those are for what did not
    Kind.DECLARED: STRONG,
    Kind.CLOSED: STRONG,
    Kind.SEVERITY: SOON,
    Kind.SKIPPED: SOON,
    Kind.JOURNAL_REPAIRED: SOON,
    Kind.JOURNAL_FAILED_OVER: SOON,
    Kind.JOURNAL_FALLBACK_LOST: WRONG,
    Kind.RESERVE_RELEASED: SOON,
    Kind.SECRETS_TOO_SHORT: SOON,
    Kind.JOURNAL_FALLBACKS: FAINT,
    Kind.MARKED_FAILED: WRONG,
    Kind.DRIVER_JOINED: FAINT,
    Kind.DRIVER_TOOK_OVER: SOON,
    Kind.HANDOFF_WITHDRAWN: FAINT,
    Kind.CONTROL_REQUESTED: SOON,
    Kind.APPROVAL_ASKED: SOON,
    Kind.APPROVAL_DECLINED: WRONG,
    Kind.DRIVER_LEFT: FAINT,
    Kind.CONFIRMED: FAINT,
    Kind.PINNED: FAINT,
    Kind.STARTED: FAINT,
    Kind.CRITERION: FAINT,
    Kind.TEXT_CORRECTED: FAINT,
}
_STEPS = frozenset(
    {Kind.CONFIRMED, Kind.STARTED, Kind.FINISHED, Kind.OUTCOME_CHECKED, Kind.MARKED_DONE, Kind.MARKED_FAILED, Kind.SKIPPED}
)
FILTERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("all", frozenset()),
    ("words", frozenset({*WORDS_IN, Kind.TEXT_CORRECTED})),
    ("steps", frozenset({*_STEPS, Kind.REOPENED})),
    ("starred", frozenset()),
)
"""What may be shown: a name, and the kinds; none stands for every kind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event with its lines for one width."""

    event: Event
    lines: tuple[Content, ...]


def entries(desk: Desk, width: int, pen: Pen, *, kinds: str = "all", term: str = "") -> list[Entry]:
    """The events that are asked for; readings around steps are left to the steps' own pages."""
    wanted = dict(FILTERS)[kinds]
    found: list[Entry] = []
    day = None
    for event in desk.events:
        if event.kind in SILENT or (wanted and event.kind not in wanted):
            continue
        if kinds == "starred" and event.seq not in desk.incident.stars:
            continue
        text = told(event, desk.runbook)
        below = _below(event, desk)
        if term and term.lower() not in "\n".join((text, event.actor, *below)).lower():
            continue
        head = [pen.ink(f"{event.time:%Y-%m-%d} UTC", STRONG)] if event.time.date() != day else []
        day = event.time.date()
        found.append(Entry(event, (*head, *_lines(event, text, below, desk, width, pen))))
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… and {len(text) - _LONGEST} more characters"


def _below(event: Event, desk: Desk) -> list[str]:
    """What stands under an event: when it really happened, what was given with it or pasted, how it was corrected."""
    found: list[str] = []
    if event.kind == Kind.NOTE and event.body.get("at"):
        found.append(f"It happened at {from_iso(str(event.body['at'])):%H:%M:%S}")
    more = lines_below(event, desk.runbook)
    found += more[:_EXCERPT] + ([f"| and {len(more) - _EXCERPT} more lines"] if len(more) > _EXCERPT else [])
    if correction := desk.incident.corrections.get(event.seq):
        found.append(f"Corrected by {correction.actor.partition('@')[0]}: {correction.text}")
    return found


def _lines(event: Event, text: str, below: Sequence[str], desk: Desk, width: int, pen: Pen) -> list[Content]:
    style = _STYLES.get(event.kind, "")
    if event.kind == Kind.FINISHED:
        style = "" if event.body.get("outcome") == "done" else WRONG
    corrected = event.seq in desk.incident.corrections
    who = event.actor.partition("@")[0]
    star = pen.signs.star if event.seq in desk.incident.stars else " "
    lines: list[Content] = []
    room = max(width - _COLUMN - len(who) - 2, 16)
    for number, line in enumerate(wrap(pen.clean(_cut(text), newlines=True), room)):
        head = pen.ink(f"{star}{event.time:%H:%M:%S} ", CHOSEN if star.strip() else FAINT) if number == 0 else " " * _COLUMN
        said = Content.assemble(head, pen.ink(line, FAINT if corrected else style))
        lines.append(edges(said, pen.ink(who if number == 0 else "", FAINT), width))
    for line in below:
        last = corrected and line is below[-1]
        lines += [
            Content.assemble(" " * _COLUMN, pen.ink(part, STRONG if last else FAINT))
            for part in wrap(pen.clean(_cut(line), newlines=True), max(width - _COLUMN, 16))
        ]
    return lines
