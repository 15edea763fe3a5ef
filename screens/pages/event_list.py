"""The journal as a person reads it: an entry an event, filtered by what kind it is and by words. Lines only."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.incident.events import Event, EventKind
from midwatch.reports.event_text import SILENT, WORDS_IN, author_of, describe, lines_below
from midwatch.system.clock import from_rfc3339
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, wrap

CURSOR_CELLS = 2
"""Room for the cursor before each line."""
_COLUMN = 10
_EXCERPT = 12
"""Lines of an excerpt that are shown; the export has them all."""
_ROOMY = 72
"""Cells from which on there is room for the local time beside UTC."""
_LONGEST = 2_000
"""Characters of an event's words that are shown; the export has them all."""
_STYLES: dict[str, str] = {  # what went well is told without a colour: those are for what did not
    EventKind.DECLARED: STRONG,
    EventKind.CLOSED: STRONG,
    EventKind.ABANDONED: STRONG,
    EventKind.SEVERITY: SOON,
    EventKind.SKIPPED: SOON,
    EventKind.JOURNAL_REPAIRED: SOON,
    EventKind.JOURNAL_FAILED_OVER: SOON,
    EventKind.JOURNAL_FALLBACK_LOST: WRONG,
    EventKind.RESERVE_RELEASED: SOON,
    EventKind.SECRETS_TOO_SHORT: SOON,
    EventKind.JOURNAL_FALLBACKS: FAINT,
    EventKind.MARKED_FAILED: WRONG,
    EventKind.DRIVER_JOINED: FAINT,
    EventKind.DRIVER_TOOK_OVER: SOON,
    EventKind.HANDOFF_WITHDRAWN: FAINT,
    EventKind.CONTROL_REQUESTED: SOON,
    EventKind.APPROVAL_ASKED: SOON,
    EventKind.APPROVAL_DECLINED: WRONG,
    EventKind.DRIVER_LEFT: FAINT,
    EventKind.CONFIRMED: FAINT,
    EventKind.PINNED: FAINT,
    EventKind.STARTED: FAINT,
    EventKind.CRITERION: FAINT,
    EventKind.NEED_CHECKED: FAINT,
    EventKind.TEXT_CORRECTED: FAINT,
}
_STEPS = frozenset(
    {
        EventKind.CONFIRMED,
        EventKind.STARTED,
        EventKind.TRIED,
        EventKind.FINISHED,
        EventKind.OUTCOME_CHECKED,
        EventKind.NEED_CHECKED,
        EventKind.MARKED_DONE,
        EventKind.MARKED_FAILED,
        EventKind.SKIPPED,
    }
)
FILTERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("all", frozenset()),
    ("words", frozenset({*WORDS_IN, EventKind.TEXT_CORRECTED})),
    ("steps", frozenset({*_STEPS, EventKind.REOPENED})),
    ("starred", frozenset()),
)
"""What may be shown: a name, and the kinds; none stands for every kind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event with its lines for one width, each behind the room of the cursor."""

    event: Event
    lines: tuple[Content, ...]

    def marked(self, mark: Content) -> tuple[Content, ...]:
        """The lines with the cursor before the first one that is no heading of a day."""
        at = next((n for n, line in enumerate(self.lines) if not line.plain.endswith(" UTC")), 0)
        line = Content.assemble(mark, self.lines[at][CURSOR_CELLS:])
        return (*self.lines[:at], line, *self.lines[at + 1 :])


class EventList:
    """Lays out each event once for a width, and again when it was starred or corrected."""

    def __init__(self, session: IncidentControls, text_styles: TextStyles) -> None:
        self._session, self._text_styles = session, text_styles
        self._laid_out: dict[int, tuple[object, Entry]] = {}

    def select(self, width: int, *, kinds: str, term: str) -> list[Entry]:
        """The events that are asked for; readings around steps are left to the steps' own pages."""
        wanted, incident = dict(FILTERS)[kinds], self._session.incident
        stars, corrections = incident.stars, incident.corrections
        found: list[Entry] = []
        day = None
        for event in self._session.events:
            if event.kind in SILENT or (wanted and event.kind not in wanted):
                continue
            if (kinds == "starred" and event.seq not in stars) or (term and not self._holds(event, term)):
                continue
            made_of = width, event.time.date() == day, event.seq in stars, corrections.get(event.seq)
            day = event.time.date()
            known, entry = self._laid_out.get(event.seq, (None, None))
            if entry is None or known != made_of:
                entry = self._lay_out(event, width, is_same_day=made_of[1])
                self._laid_out[event.seq] = made_of, entry
            found.append(entry)
        return found

    def _holds(self, event: Event, term: str) -> bool:
        text = describe(event, self._session.runbook)
        return term.lower() in "\n".join((text, author_of(event), *_below(event, self._session))).lower()

    def _lay_out(self, event: Event, width: int, *, is_same_day: bool) -> Entry:
        room = max(width - CURSOR_CELLS, 16)
        head = [] if is_same_day else [self._text_styles.ink(_day(event, room), STRONG)]
        lines = (*head, *_lines(event, self._session, room, self._text_styles))
        return Entry(event, tuple(Content.assemble(" " * CURSOR_CELLS, line) for line in lines))


def whole_event(event: Event, session: IncidentControls, width: int, text_styles: TextStyles) -> list[Content]:
    """Everything of one event: when by both clocks, who, what was said, what was pasted, how it was corrected."""
    written, correction = event.time.astimezone(), session.incident.corrections.get(event.seq)
    local = f", {written:%Y-%m-%d %H:%M:%S %Z} here" if written.utcoffset() else ""
    lines = [text_styles.ink(f"{event.time:%Y-%m-%d %H:%M:%S} UTC{local}, {author_of(event)}", FAINT), Content("")]
    said = "It said: " if correction else ""
    texts = [(f"{said}{describe(event, session.runbook)}", FAINT if correction else "")]
    texts += [(line, "") for line in _below(event, session, whole=True)]
    for text, style in texts:
        lines += [text_styles.ink(part, style) for part in wrap(text_styles.clean(text, newlines=True), width)]
    return lines


def _day(event: Event, width: int) -> str:
    """The heading of a day; it ends with UTC."""
    beside = f", {event.time.astimezone():%Z} beside" if _local(event, width) else ""
    return f"{event.time:%Y-%m-%d}{beside} UTC"


def _local(event: Event, width: int) -> str:
    """The time here beside that of the journal, where it differs and there is room for it."""
    here = event.time.astimezone()
    return f"{here:%H:%M} " if here.utcoffset() and width >= _ROOMY else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… and {len(text) - _LONGEST} more characters: Enter"


def _below(event: Event, session: IncidentControls, *, whole: bool = False) -> list[str]:
    """What stands under an event: when it really happened, what was given with it or pasted, how it was corrected."""
    found: list[str] = []
    if event.kind == EventKind.NOTE and event.body.get("at"):
        found.append(f"It happened at {from_rfc3339(str(event.body['at'])):%H:%M:%S}")
    more = lines_below(event, session.runbook)
    shown = more if whole else more[:_EXCERPT]
    found += shown + ([f"| and {len(more) - len(shown)} more lines: Enter"] if len(more) > len(shown) else [])
    if correction := session.incident.corrections.get(event.seq):
        found.append(f"Corrected by {correction.actor.partition('@')[0]}: {correction.text}")
    return found


def _lines(event: Event, session: IncidentControls, width: int, text_styles: TextStyles) -> list[Content]:
    text, below = describe(event, session.runbook), _below(event, session)
    style = _STYLES.get(event.kind, "")
    if event.kind == EventKind.FINISHED:
        style = "" if event.body.get("outcome") == "done" else WRONG
    corrected = event.seq in session.incident.corrections
    who = author_of(event).partition("@")[0]
    star = text_styles.signs.star if event.seq in session.incident.stars else " "
    lines: list[Content] = []
    local = _local(event, width)
    column = _COLUMN + len(local)
    room = max(width - column - len(who) - 2, 16)
    for number, line in enumerate(wrap(text_styles.clean(_cut(text), newlines=True), room)):
        head = (
            text_styles.ink(f"{star}{event.time:%H:%M:%S} {local}", CHOSEN if star.strip() else FAINT)
            if number == 0
            else " " * column
        )
        said = Content.assemble(head, text_styles.ink(line, FAINT if corrected else style))
        lines.append(edges(said, text_styles.ink(who if number == 0 else "", FAINT), width))
    for line in below:
        last = corrected and line is below[-1]
        lines += [
            Content.assemble(" " * column, text_styles.ink(part, STRONG if last else FAINT))
            for part in wrap(text_styles.clean(_cut(line), newlines=True), max(width - column, 16))
        ]
    return lines
