"""Describes events in plain language, one sentence for each event, for the timeline of every front end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from midwatch.incident.conditions import CHECK_WORDS
from midwatch.incident.events import Event, EventKind, ending_words
from midwatch.incident.server_pins import pin_words
from midwatch.journal.notices import journal_notice
from midwatch.reports.message_text import MESSAGE_KINDS, message_words, update_words
from midwatch.runbook.declaration import input_lines
from midwatch.runbook.forks import ways_taken
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Refused
from midwatch.system.units import counted, duration, first_few

WORDS_IN = {
    EventKind.NOTE: "text",
    EventKind.NOTIFICATION_RECORDED: "message",
    EventKind.UPDATE: "message",
    EventKind.MARKED_DONE: "note",
    EventKind.SKIPPED: "reason",
    EventKind.MARKED_FAILED: "reason",
    EventKind.REOPENED: "reason",
    EventKind.SEVERITY: "reason",
    EventKind.PINNED: "reason",
}
"""The kinds in which a person's own words stand, and the key of their body that holds them: these can be corrected."""


Body = Mapping[str, Any]
SILENT = frozenset({EventKind.READING, EventKind.STARRED})
"""Told with their step, or beside the event that they star."""
_MET = {True: "met", False: "not met", None: "unknown"}


def describe(event: Event, runbook: Runbook) -> str:
    """What an event tells; foreign text in it is not yet cleaned. A kind that is not known is told by its name."""
    teller = _TELLERS.get(event.kind)
    return teller(runbook, event.body) if teller else event.kind


def _of_the_journal(kind: EventKind, _: Runbook, body: Body) -> str:
    return journal_notice(kind, body)


def _files(body: Body) -> str:
    return ", ".join(map(str, body.get("files", ()))) or "no other place"


def lines_below(event: Event, runbook: Runbook) -> list[str]:
    """What stands below an event's words.

    Of a declaration what was given with it; of a note where a command was run, what came of it, and the lines that were
    pasted.
    """
    found, body = [], event.body
    if event.kind == EventKind.DECLARED:
        alert = body.get("alert") or {}
        return [*str(alert.get("text", "")).splitlines(), *input_lines(runbook, body.get("inputs", {}))]
    if event.kind == EventKind.ADOPTED:
        return [f"| {line}" for line in str(body.get("difference", "")).splitlines()]
    if event.kind != EventKind.NOTE:
        return []
    if url := body.get("url"):
        found.append(str(url))
    if manual_command := body.get("manual_command"):
        where = f" on {manual_command.get('host')}" if manual_command.get("host") else ""
        result = f": {manual_command.get('result')}" if manual_command.get("result") else ""
        found.append(f"Ran elsewhere{where}: {manual_command.get('command')}{result}")
    return found + [f"| {line}" for line in str(body.get("pasted_output") or "").splitlines()]


def _step(runbook: Runbook, body: Body) -> str:
    try:
        step = runbook.step(str(body.get("step", "")))
    except KeyError:
        return str(body.get("step", ""))
    return f"{step.number} {step.title}"


def _role(runbook: Runbook, body: Body) -> str:
    role = runbook.roles.get(str(body.get("role", "")))
    return role.name if role else str(body.get("role", ""))


def _by(body: Body) -> str:
    by = body.get("by")
    return str(by.get("name", "")) if isinstance(by, Mapping) else str(by or "")


def _and(body: Body, key: str, between: str) -> str:
    return f"{between}{body[key]}" if body.get(key) else ""


def items_words(body: Body) -> str:
    """How many items a loop has, and the first of them."""
    items = list(map(str, body.get("items", ())))
    return f"{counted(len(items), 'item')}{': ' * bool(items)}{first_few(items)}"


def steps_words(body: Body) -> str:
    """The steps in which an adopted runbook differs from the one before it."""
    parts = ((word, list(map(str, body.get("steps", {}).get(word, ())))) for word in ("added", "removed", "changed"))
    return "; ".join(f"{word} {first_few(ids, 5)}" for word, ids in parts if ids) or "no step differs"


def tried_words(body: Body) -> str:
    """`try 1 of 4 failed, exit 75; the next one begins in 10 s`."""
    ending = ending_words("failed", body.get("exit"))
    return f"try {body.get('try')} of {body.get('of')} {ending}; the next one begins in {body.get('wait'):g} s"


def with_the_loop(body: Body) -> str:
    """That one consent was given to all items of a loop; empty where it was not."""
    return " together with the other items" if body.get("loop") else ""


def _closed(runbook: Runbook, body: Body) -> str:
    return "Closed" + (f" with criteria that are not met: {body.get('reason')}" if body.get("unmet") else "")


def _confirmed(runbook: Runbook, body: Body) -> str:
    what = "its undo confirmed" if body.get("undoes") else f"confirmed{with_the_loop(body)}"
    return f"{_step(runbook, body)}: {what}{_and(body, 'reason', ', ')}"


def _pinned(runbook: Runbook, body: Body) -> str:
    target = runbook.targets.get(str(body.get("target", "")))
    name, pin = target.label if target else str(body.get("target", "")), pin_words(body)
    return f"{name} pinned anew: {pin}. {body.get('reason')}" if body.get("from") else f"{name} pinned: {pin}"


def _finished(runbook: Runbook, body: Body) -> str:
    took = f" in {duration(body['seconds'])}" if body.get("seconds") is not None else ""
    ending = ending_words(str(body.get("outcome")), body.get("exit"))
    return f"{_step(runbook, body)}: {ending}{took}.{_and(body, 'summary', ' ')}{_follows(runbook, body)}"


def _tried(runbook: Runbook, body: Body) -> str:
    return f"{_step(runbook, body)}: {tried_words(body)}"


def _need_checked(runbook: Runbook, body: Mapping[str, Any]) -> str:
    found = CHECK_WORDS.get(body.get("holds"), "is unknown")
    return f"{_step(runbook, body)}: whether it is needed: the check {found}. {body.get('detail')}"


def _verified(runbook: Runbook, body: Body) -> str:
    found = {True: "it took effect", False: "it took no effect", None: "unknown still"}.get(
        body.get("holds"), "unknown still"
    )
    looked = f"looked whether it took effect: {found}.{_and(body, 'detail', ' ')}"
    return f"{_step(runbook, body)}: {looked}{_follows(runbook, body)}"


def _criterion(runbook: Runbook, body: Body) -> str:
    met, criterion = _MET.get(body.get("met"), "unknown"), str(body.get("criterion", ""))
    title = next((one.title for one in runbook.closure if one.id == criterion), criterion)
    return f"Criterion {title}: {met}.{_and(body, 'detail', ' ')}"


def follows(runbook: Runbook, body: Body) -> list[str]:
    """What a step that is done decides or marks, and what an undo puts in doubt, each as a sentence without its end."""
    ways = ways_taken(str(body.get("step", "")), body.get("values", {}), runbook)
    found = [ways] if ways else []
    found += [f"The incident is {body['marks']}"] if body.get("marks") else []
    if doubtful := [_step(runbook, {"step": step}) for step in body.get("prove_again", ())]:
        found.append(f"To be proved again: {first_few(doubtful, 5)}")
    return found


def _follows(runbook: Runbook, body: Body) -> str:
    return "".join(f". {words}" for words in follows(runbook, body))


def _of_a_message(kind: str, runbook: Runbook, body: Body) -> str:
    return message_words(kind, body)


def _note(runbook: Runbook, body: Body) -> str:
    name = f"From {body['source']}" if body.get("source") else "Note"
    return f"{name}: {body.get('text')}" if body.get("text") else name


def by_alert(body: Body) -> str:
    """`, by an alert of alertmanager`; empty where a person declared."""
    return f", by an alert of {alert.get('source')}" if (alert := body.get("alert")) else ""


def author_of(event: Event) -> str:
    """Who wrote an event; of a note from outside who sent it, not the driver that took it in."""
    by = event.body.get("by") if event.kind == EventKind.NOTE else None
    return str(by or event.actor)


_TELLERS: dict[str, Callable[[Runbook, Body], str]] = {
    EventKind.DECLARED: lambda _, body: f"Declared: {body.get('title')}, {body.get('severity')}{by_alert(body)}",
    EventKind.SEVERITY: lambda _, body: f"Severity {body.get('from')} to {body.get('to')}: {body.get('reason')}",
    EventKind.CLOSED: _closed,
    EventKind.ABANDONED: lambda _, body: f"Abandoned as no incident: {body.get('reason')}",
    EventKind.ADOPTED: lambda _, body: f"Adopted the edited runbook: {steps_words(body)}: {body.get('reason')}",
    EventKind.DRIVER_JOINED: lambda _, body: f"Took control{_and(body, 'from', ' from ')} on {body.get('host')}",
    EventKind.DRIVER_TOOK_OVER: lambda _, body: f"Took control over from {body.get('from')}: {body.get('reason')}",
    EventKind.HANDOFF_OFFERED: lambda _, body: f"Offered control to {body.get('to')}",
    EventKind.HANDOFF_WITHDRAWN: lambda _, body: f"Offers control to {body.get('to')} no longer: {body.get('reason')}",
    EventKind.CONTROL_REQUESTED: lambda _, body: f"{body.get('by')} requests control",
    EventKind.APPROVAL_ASKED: lambda runbook, body: (
        f"{_step(runbook, body)}: a second person is asked to approve the plan"
    ),
    EventKind.APPROVAL_GIVEN: lambda runbook, body: f"{_step(runbook, body)}: approved by {_by(body)}",
    EventKind.APPROVAL_DECLINED: lambda runbook, body: (
        f"{_step(runbook, body)}: declined by {_by(body)}. {body.get('reason')}"
    ),
    EventKind.DRIVER_LEFT: lambda _, body: f"Gave control back: {body.get('reason')}",
    EventKind.CONFIRMED: _confirmed,
    EventKind.PINNED: _pinned,
    EventKind.STARTED: lambda runbook, body: f"{_step(runbook, body)}: started",
    EventKind.FINISHED: _finished,
    EventKind.TRIED: _tried,
    EventKind.OUTCOME_CHECKED: _verified,
    EventKind.NEED_CHECKED: _need_checked,
    EventKind.MARKED_DONE: lambda runbook, body: (
        f"{_step(runbook, body)}: done{_and(body, 'note', '. ')}{_follows(runbook, body)}"
    ),
    EventKind.MARKED_FAILED: lambda runbook, body: f"{_step(runbook, body)}: failed. {body.get('reason')}",
    EventKind.LOOP_ITEMS: lambda runbook, body: f"{_step(runbook, body)}: {items_words(body)}",
    EventKind.SKIPPED: lambda runbook, body: f"{_step(runbook, body)}: skipped. {body.get('reason')}",
    EventKind.REOPENED: lambda runbook, body: f"{_step(runbook, body)}: to be done again. {body.get('reason')}",
    EventKind.CRITERION: _criterion,
    EventKind.NOTE: _note,
    EventKind.TEXT_CORRECTED: lambda _, body: f"Corrected event {body.get('event')}: {body.get('text')}",
    EventKind.NOTIFICATION_RECORDED: lambda runbook, body: f"Notified {_role(runbook, body)}: {body.get('message')}",
    **{kind: partial(_of_a_message, kind) for kind in MESSAGE_KINDS},
    EventKind.UPDATE: lambda _, body: (
        f"{update_words(body)} to {body.get('channel') or 'the channel'}: {body.get('message')}"
    ),
    EventKind.JOURNAL_FALLBACKS: lambda _, body: (
        journal_notice(EventKind.JOURNAL_FALLBACKS, body) or f"The journal may go on in {_files(body)}"
    ),
    **{
        kind: partial(_of_the_journal, kind)
        for kind in (
            EventKind.JOURNAL_REPAIRED,
            EventKind.JOURNAL_FAILED_OVER,
            EventKind.JOURNAL_FAILED_BACK,
            EventKind.JOURNAL_FALLBACK_LOST,
            EventKind.RESERVE_RELEASED,
            EventKind.SECRETS_TOO_SHORT,
        )
    },
}


def words_of(events: Sequence[Event], seq: int) -> str:
    """A person's words in event `seq`, as they are corrected so far. Raises `Refused` for an event that has none."""
    event = next((event for event in events if event.seq == seq), None)  # not by its place: an event may be missing
    if event is None:
        raise Refused(f"There is no event {seq}", hint=f"The record has {len(events)}")
    key = next((key for kind, key in WORDS_IN.items() if kind == event.kind), None)
    if key is None:
        raise Refused(f"Event {seq} holds nobody's words", hint="Notes, messages and reasons can be corrected")
    corrected = [e.body["text"] for e in events if e.kind == EventKind.TEXT_CORRECTED and e.body["event"] == seq]
    return str(corrected[-1] if corrected else event.body.get(key) or "")
