"""The draft of the post-mortem: facts from the journal are filled in, and missing facts are marked by name.

The sections are those that the public forms have in common; `docs/post-mortem.md` says which and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from midwatch.incident.event_errors import event_errors
from midwatch.incident.events import Event, EventKind
from midwatch.incident.follow_ups import follow_ups_of
from midwatch.incident.paths import IncidentFolder
from midwatch.reports import suggestions
from midwatch.reports.event_table import step_name
from midwatch.reports.excerpts import excerpts
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle import Lifecycle
from midwatch.reports.lifecycle_section import day_with_local, impact_times, lifecycle_tables, severity_table
from midwatch.reports.markdown import bullets, cell_code, document, lines, sentence, table, text
from midwatch.reports.message_table import message_table
from midwatch.reports.post_mortem_file import status_by
from midwatch.reports.record_section import record_section
from midwatch.reports.response_sections import (
    control_table,
    controls_in_short,
    factors,
    response,
    shown_causes,
    suggested_actions,
    surprises,
)
from midwatch.reports.sections import TO_WRITE, Section, missing_sections
from midwatch.reports.seen_before import seen_before, seen_before_section
from midwatch.reports.summary_timeline import entry_table
from midwatch.reports.time_format import time_of_day
from midwatch.reports.timeline import criteria, overview
from midwatch.runbook.model import Runbook, Step
from midwatch.system.units import duration, size

__all__ = ["missing_sections", "post_mortem"]

WHYS = 5
_YES_NO = "yes-no"
_OWN = ("impact", "fixes", "controls", "follow_ups", "lucky", "surprised", "open_questions")
"""The names of answers that have a section of their own."""
_JUDGED: dict[str, str] = {EventKind.APPROVAL_GIVEN: "approved", EventKind.APPROVAL_DECLINED: "declined"}


def post_mortem(runbook: Runbook, events: Sequence[Event], folder: IncidentFolder, zone: tzinfo | None = None) -> str:
    """The draft as Markdown; the same journal gives the same bytes. `missing_sections` says what it still lacks.

    Times are UTC, with those of `zone` beside them where they differ. Raises `BadInput` for events whose bodies are not
    as `docs/journal.md` has them.
    """
    with event_errors(folder.id):
        return _post_mortem(Facts.of(runbook, events, folder, zone))


def _post_mortem(facts: Facts) -> str:
    contents = {
        Section.SUMMARY: _summary(facts),
        Section.IMPACT: _impact(facts),
        Section.TRIGGER: _trigger(facts),
        Section.DETECTION: lifecycle_tables(facts),
        Section.RESPONSE: response(facts),
        Section.FACTORS: bullets(factors(facts)) or TO_WRITE,
        Section.WHYS: _whys(facts),
        Section.TIMELINE: entry_table(facts),
        Section.FIXES: _answer(facts, "fixes", suggestions.repairs(facts)),
        Section.CONTROLS: _controls(facts),
        Section.WELL: bullets(suggestions.well(facts)) or TO_WRITE,
        Section.BADLY: bullets(suggestions.badly(facts)) or TO_WRITE,
        Section.LUCKY: _answer(facts, "lucky"),
        Section.SURPRISED: _answered(facts, "surprised", bullets(surprises(facts))),
        Section.SEEN_BEFORE: seen_before_section(seen_before(facts.folder, facts.runbook.id)),
        Section.ACTIONS: _action_items(facts),
        Section.CRITERIA: criteria(facts),
        Section.RESPONDERS: _responders(facts),
        Section.MESSAGES: _messages(facts),
        Section.QUESTIONS: _answer(facts, "open_questions"),
        Section.EVIDENCE: _evidence(facts),
    }
    how = "Made from the journal. People confirm or strike out the candidates, and write what is marked."
    parts = [f"# Post-mortem: {text(facts.incident.title)}", status_by(facts.incident), how, overview(facts)]
    for section, content in contents.items():
        parts += [f"## {section}", content]
    return document([*parts, *record_section(facts)])


def _answer(facts: Facts, key: str, *more: str) -> str:
    """What a person answered under this name, or the mark that nobody has; then what the journal adds."""
    return "\n\n".join(part for part in (lines(facts.answer(key)) or TO_WRITE, *more) if part)


def _answered(facts: Facts, key: str, candidates: str) -> str:
    """What a person answered under this name, and candidates; the mark where there is neither."""
    return "\n\n".join(filter(None, (lines(facts.answer(key)), candidates))) or TO_WRITE


def _summary(facts: Facts) -> str:
    declared, incident = facts.declared, facts.incident
    if declared is None:
        return TO_WRITE
    resolved = Lifecycle.of(facts).interval("resolve").seconds
    ended = "It is still open." if resolved is None else f"It was resolved after {duration(resolved)}."
    if resolved is None and incident.closed_at:
        ended = f"It was closed after {duration(facts.seconds)}."
    if incident.abandoned:
        ended = f"It was abandoned after {duration(facts.seconds)}, as no incident: {sentence(incident.abandoned)}"
    said = f"{text(incident.title)} was declared on {day_with_local(declared.time, facts)} by {text(declared.actor)}."
    seen = "; ".join(text(trigger.title) for trigger in facts.detected())
    items = follow_ups_of(incident, facts.folder)
    first = min((item.due for item in items if item.due), default="")
    due = f", the first due {text(first)}" if first else ""
    named = (
        ("What was seen", seen),
        ("The impact", sentence(facts.answer("impact"))),
        ("The root cause", sentence(facts.answer(f"why_{WHYS}"))),
        ("The fixes", sentence(facts.answer("fixes"))),
        ("Preventive controls", controls_in_short(facts)),
        ("Follow-up actions", f"{len(items)}{due}" if items else ""),
    )
    return "\n\n".join([f"{said}{_since(facts)} {ended}", *(f"{name}: {words}" for name, words in named if words)])


def _since(facts: Facts) -> str:
    """How long it had lasted before it was declared; empty where the record does not tell."""
    found = Lifecycle.of(facts)
    began, declared = found.moment("began"), found.moment("declared")
    if began is None or began.at is None or declared is None or declared.at is None or began.at >= declared.at:
        return ""
    lasted = duration((declared.at - began.at).total_seconds())
    return f" It began on {day_with_local(began.at, facts)}, {lasted} before the declaration."


def _impact(facts: Facts) -> str:
    asked = [
        (ask.prompt, facts.incident.value(step.id, ask.name))
        for step in facts.runbook.steps()
        for ask in step.questions
        if ask.kind == _YES_NO
    ]
    answers = [f"{text(prompt)} {text(answer)}" for prompt, answer in asked if answer]
    return _answer(facts, "impact", bullets(answers), impact_times(facts), severity_table(facts))


def _trigger(facts: Facts) -> str:
    seen = [
        f"{text(trigger.title)}" + (f": {text(trigger.evidence)}" if trigger.evidence else "")
        for trigger in facts.detected()
    ]
    return bullets(seen) or "No trigger of the runbook was seen to have fired. " + TO_WRITE


def _whys(facts: Facts) -> str:
    prompts = {ask.name: ask.prompt for step in facts.runbook.steps() for ask in step.questions}
    rows = []
    for number in range(1, WHYS + 1):
        key = f"why_{number}"
        answer = sentence(facts.answer(key)) or TO_WRITE
        rows.append(f"{number}. **{text(prompts.get(key, 'Why?'))}** {answer}")
    return "\n\n".join(filter(None, (shown_causes(facts), "\n".join(rows))))


def _controls(facts: Facts) -> str:
    reviews = (f"{text(step.title)}: {lines(answer)}" for step, answer in _reviews(facts))
    planned = f"Planned: {sentence(facts.answer('controls')) or TO_WRITE}"
    state = control_table(facts)
    return "\n\n".join(filter(None, (f"As the review found them:\n\n{state}" if state else "", planned, *reviews)))


def _reviews(facts: Facts) -> list[tuple[Step, str]]:
    """The longer answers of the phase that asks the five whys, besides those that have a section of their own."""
    own = {*_OWN, *(f"why_{number}" for number in range(1, WHYS + 1))}
    phase = next(
        (p for p in facts.runbook.phases if any(a.name == "why_1" for s in p.steps for a in s.questions)), None
    )
    found = [
        (step, facts.incident.value(step.id, ask.name))
        for step in (phase.steps if phase else ())
        for ask in step.questions
        if ask.kind == "text" and ask.name not in own
    ]
    return [(step, answer) for step, answer in found if answer]


def _action_items(facts: Facts) -> str:
    items = follow_ups_of(facts.incident, facts.folder)
    more = {name: [getattr(item, name) for item in items] for name in ("priority", "kind", "ticket", "done")}
    known = [name for name, values in more.items() if any(values)]
    rows = [
        (
            f"{number}",
            *(sentence(part) or TO_WRITE for part in (item.what, item.owner, item.due)),
            *(sentence(more[name][number - 1]) for name in known),
        )
        for number, item in enumerate(items, start=1)
    ]
    written = table(("No.", "What", "Owner", "Due", *map(str.capitalize, known)), rows) if rows else TO_WRITE
    suggested = bullets(suggested_actions(facts))
    return f"{written}\n\nFound, and to be covered by an action:\n\n{suggested}" if suggested else written


def _responders(facts: Facts) -> str:
    drove = {actor for actor, _, _ in facts.drivers()}
    actors = list(dict.fromkeys(event.actor for event in facts.events))
    people = [f"{text(actor)}, {'drove' if actor in drove else 'took part'}" for actor in actors]
    judged = [
        f"{text(event.body['by']['name'])}, {_JUDGED[event.kind]} {step_name(facts, event.body['step'])}"
        for event in facts.events
        if event.kind in _JUDGED
    ]
    told = [
        f"{text(_role_name(facts, note.role))}, told at {time_of_day(note.at)}"
        for note in facts.incident.notes
        if note.role
    ]
    owed = [
        f"{text(_role_name(facts, role))}, **not told** although {text(why)}"
        for role, why in facts.incident.to_notify.items()
    ]
    return bullets([*people, *judged, *told, *owed])


def _role_name(facts: Facts, role_id: str) -> str:
    role = facts.runbook.roles.get(role_id)
    return role.name if role else role_id


def _messages(facts: Facts) -> str:
    sent = [event for event in facts.events if event.kind in (EventKind.UPDATE, EventKind.NOTIFICATION_RECORDED)]
    rows = []
    for event in sent:
        to = (
            str(event.body["channel"]) or "channel"
            if event.kind == EventKind.UPDATE
            else _role_name(facts, event.body["role"])
        )
        correction = facts.incident.corrections.get(event.seq)
        words = sentence(correction.text if correction else str(event.body["message"]))
        rows.append((time_of_day(event.time), text(to), text(event.actor), words))
    by_people, by_channels = table(("Time (UTC)", "To", "From", "Message"), rows) if rows else "", message_table(facts)
    told = f"By channels, as their receivers answered:\n\n{by_channels}" if by_channels else ""
    return "\n\n".join(filter(None, (by_people, told))) or "No update and no notification was recorded."


def _evidence(facts: Facts) -> str:
    rows = []
    for step in facts.runbook.steps():
        state = facts.incident.steps.get(step.id)
        for attempt in state.attempts if state else ():
            if attempt.output.get("sha256"):
                file = facts.folder.attempt(step.id, attempt.number).output.relative_to(facts.folder.path)
                rows.append(
                    (cell_code(str(file)), size(attempt.output["bytes"]), cell_code(str(attempt.output["sha256"])))
                )
    outputs = table(("Output", "Size", "SHA-256"), rows) if rows else ""
    return "\n\n".join(part for part in (outputs, *excerpts(facts)) if part) or "No step left any output."
