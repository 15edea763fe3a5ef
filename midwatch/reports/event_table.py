"""The chronological table of an incident: one row for each event, with the number of the event as its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from midwatch.incident.conditions import CHECK_WORDS
from midwatch.incident.events import Event, EventKind
from midwatch.incident.server_pins import pin_words
from midwatch.journal.notices import journal_notice
from midwatch.reports.event_text import (
    author_of,
    by_alert,
    follows,
    items_words,
    steps_words,
    tried_words,
    with_the_loop,
)
from midwatch.reports.incident_facts import Facts
from midwatch.reports.markdown import cell_code, sentence, table, text
from midwatch.reports.message_text import MESSAGE_KINDS, message_words, update_words
from midwatch.reports.step_report import VERDICTS
from midwatch.reports.time_format import happened, time_of_day
from midwatch.system.units import counted, duration

Body = Mapping[str, Any]
_SILENT = frozenset({EventKind.READING, EventKind.STARTED, EventKind.STARRED})
"""Told with their step, where they can be compared, or beside the event that they star."""
_STAR = "★ "


def event_table(facts: Facts) -> str:
    """The table. A criterion stands in it when its state changed, not each time it was looked at."""
    rows, criteria, day = [], dict[str, object](), ""
    said: dict[str, int] = {}
    """The events of steps that are done by notifying somebody, by what was said."""
    for event in facts.in_order():
        if event.kind in _SILENT or (event.kind == EventKind.JOURNAL_FALLBACKS and not event.body["problem"]):
            continue
        if event.kind == EventKind.CRITERION:
            name, met = str(event.body["criterion"]), event.body["met"]
            if name in criteria and criteria[name] == met:
                continue
            criteria[name] = met
        at = happened(event)
        date = f"{at:%Y-%m-%d} "
        shown = time_of_day(at) if date == day else date + time_of_day(at)
        day = date
        if event.kind == EventKind.NOTE and event.body.get("at"):
            shown += f" (written {time_of_day(event.time)})"
        if event.kind == EventKind.MARKED_DONE:
            said[str(event.body["note"]) or _title(facts, event.body["step"])] = event.seq
        star = _STAR if event.seq in facts.incident.stars else ""
        rows.append((shown, text(author_of(event)), star + describe(facts, event, said), f"{event.seq}"))
    return table(("Time (UTC)", "Who", "What", "Event"), rows)


def describe(facts: Facts, event: Event, said: Mapping[str, int] = MappingProxyType({})) -> str:
    """What an event tells, as one line of Markdown that fits a table's cell, and the correction of its words.

    A message that was `said` in another event is not repeated.
    """
    if event.kind == EventKind.NOTIFICATION_RECORDED and (seq := said.get(event.body["message"])):
        return f"{_role(facts, {**event.body, 'message': ''})}, in the words of event {seq}"
    teller = _TELLERS.get(event.kind)
    line = teller(facts, event.body) if teller else f"{cell_code(event.kind)}, which this version does not know"
    correction = facts.incident.corrections.get(event.seq)
    return f"{line} — **corrected** in event {correction.seq}: {sentence(correction.text)}" if correction else line


def step_name(facts: Facts, step_id: str) -> str:
    """`3.2 Emergency backup`; the bare id when the runbook has no such step."""
    try:
        step = facts.runbook.step(step_id)
    except KeyError:
        return cell_code(step_id)
    return text(f"{step.number} {step.title}")


def _and(reason: object) -> str:
    return f": {sentence(str(reason))}" if reason else ""


def _title(facts: Facts, step_id: str) -> str:
    try:
        return facts.runbook.step(step_id).title
    except KeyError:
        return ""


def _step(facts: Facts, body: Body) -> str:
    number = body.get("attempt", 1)
    return step_name(facts, body["step"]) + (f", attempt {number}" if number > 1 else "")


def _declared(facts: Facts, body: Body) -> str:
    return f"Declared {text(body['severity'])}: {text(body['title'])}, on {text(body['host'])}{text(by_alert(body))}"


def _severity(facts: Facts, body: Body) -> str:
    return f"Severity {text(body['from'])} → {text(body['to'])}{_and(body['reason'])}"


def _closed(facts: Facts, body: Body) -> str:
    titles = {criterion.id: criterion.title for criterion in facts.runbook.closure}
    unmet = ", ".join(text(titles.get(name, name)) for name in body["unmet"])
    return "Closed" + (f" with unmet criteria ({unmet})" if unmet else "") + _and(body["reason"])


def _confirmed(facts: Facts, body: Body) -> str:
    what = (
        f"its undo confirmed, of attempt {body['undoes']}" if body.get("undoes") else f"confirmed{with_the_loop(body)}"
    )
    second = f", approved by {text(body['approved_by'])}" if body.get("approved_by") else ""
    return f"{_step(facts, body)} — {what}{second}{_and(body['reason'])}"


def _pinned(facts: Facts, body: Body) -> str:
    target = facts.runbook.targets.get(body["target"])
    word = "pinned anew" if body["from"] else "pinned"
    return f"{text(target.label if target else body['target'])} — {word}: {text(pin_words(body))}{_and(body['reason'])}"


def _approval(word: str) -> Callable[[Facts, Body], str]:
    def describe(facts: Facts, body: Body) -> str:
        plan = f"plan {cell_code(body['digest'][:16])}"
        who = f"{text(body['by']['name'])} {word}" if word else "approval by a second person asked for"
        return f"{step_name(facts, body['step'])} — {who}, {plan}{_and(body.get('reason'))}"

    return describe


def _finished(facts: Facts, body: Body) -> str:
    lasted = f" after {duration(body['seconds'])}" if body["seconds"] is not None else ""
    return f"{_step(facts, body)} — **{text(body['outcome'])}**{lasted}{_and(body['summary'])}{_follows(facts, body)}"


def _by_hand(word: str, reason: str) -> Callable[[Facts, Body], str]:
    return lambda facts, body: (
        f"{step_name(facts, body['step'])} — **{word}**{_and(body[reason])}{_follows(facts, body)}"
    )


def _follows(facts: Facts, body: Body) -> str:
    return "".join(f". {text(words)}" for words in follows(facts.runbook, body))


def _criterion(facts: Facts, body: Body) -> str:
    title = next((c.title for c in facts.runbook.closure if c.id == body["criterion"]), body["criterion"])
    return f"{text(title)} — **{met_word(body['met'])}**{_and(body['detail'])}"


def met_word(met: bool | None) -> str:
    """A criterion's state as a word."""
    return {True: "met", False: "not met", None: "unknown"}[met]


def _role(facts: Facts, body: Body) -> str:
    role = facts.runbook.roles.get(body["role"])
    return f"Notified {text(role.name if role else body['role'])}{_and(body['message'])}"


def _update(facts: Facts, body: Body) -> str:
    where = f" to {text(body['channel'])}" if body["channel"] else ""
    return f"{text(update_words(body))}{where}{_and(body['message'])}"


def _note(facts: Facts, body: Body) -> str:
    name = f"From {text(body['source'])}" if body.get("source") else "Note"
    parts = [f"{name}{_and(body['text'])}"]
    if url := body.get("url"):
        parts.append(cell_code(url))
    if manual_command := body.get("manual_command"):
        where = f" on {text(manual_command['host'])}" if manual_command["host"] else ""
        parts.append(f"Ran elsewhere{where}: {cell_code(manual_command['command'])}{_and(manual_command['result'])}")
    if excerpt := body.get("pasted_output"):
        count = len(str(excerpt).splitlines())
        parts.append(f"Excerpt of {counted(count, 'line')}, below")
    return ". ".join(parts if body["text"] else parts[1:])


def _joined(facts: Facts, body: Body) -> str:
    giver = f" from {text(body['from'])}" if body.get("from") else ""
    return f"Took control{giver} on {text(body['host'])}{_and(body.get('reason'))}"


def _took_over(facts: Facts, body: Body) -> str:
    after = f", silent for {duration(body['silent'])}" if body["silent"] is not None else ""
    state = "had ended" if body["how"] == "ended" else "hung"
    return f"Took control from {text(body['from'])}, whose screen {state}{after}{_and(body['reason'])}"


def _verified(facts: Facts, body: Body) -> str:
    return f"{_step(facts, body)} — looked whether it took effect: **{VERDICTS[body['holds']]}**{_and(body['detail'])}"


def _need_checked(facts: Facts, body: Body) -> str:
    found = CHECK_WORDS[body["holds"]]
    return f"{step_name(facts, body['step'])} — whether it is needed: the check **{found}**{_and(body['detail'])}"


_OF_THE_JOURNAL = (
    EventKind.JOURNAL_FALLBACKS,
    EventKind.JOURNAL_REPAIRED,
    EventKind.JOURNAL_FAILED_OVER,
    EventKind.JOURNAL_FAILED_BACK,
    EventKind.JOURNAL_FALLBACK_LOST,
    EventKind.RESERVE_RELEASED,
    EventKind.SECRETS_TOO_SHORT,
)


def _of_a_message(kind: str, facts: Facts, body: Body) -> str:
    return text(message_words(kind, body))


def _of_the_journal(kind: EventKind, facts: Facts, body: Body) -> str:
    return text(journal_notice(kind, body))


_TELLERS: dict[str, Callable[[Facts, Body], str]] = {
    EventKind.DECLARED: _declared,
    EventKind.SEVERITY: _severity,
    EventKind.CLOSED: _closed,
    EventKind.ABANDONED: lambda facts, body: f"**Abandoned** as no incident{_and(body['reason'])}",
    EventKind.ADOPTED: lambda facts, body: (
        f"**Adopted the edited runbook**: {text(steps_words(body))}{_and(body['reason'])}"
    ),
    EventKind.DRIVER_JOINED: _joined,
    EventKind.DRIVER_TOOK_OVER: _took_over,
    EventKind.APPROVAL_ASKED: _approval(""),
    EventKind.APPROVAL_GIVEN: _approval("**approved**"),
    EventKind.APPROVAL_DECLINED: _approval("**declined**"),
    EventKind.HANDOFF_OFFERED: lambda facts, body: f"Offered control to {text(body['to'])}",
    EventKind.HANDOFF_WITHDRAWN: lambda facts, body: (
        f"Offers control to {text(body['to'])} no longer{_and(body['reason'])}"
    ),
    EventKind.CONTROL_REQUESTED: lambda facts, body: f"{text(body['by'])} requested control",
    EventKind.DRIVER_LEFT: lambda facts, body: f"Gave control back{_and(body['reason'])}",
    EventKind.CONFIRMED: _confirmed,
    EventKind.PINNED: _pinned,
    EventKind.FINISHED: _finished,
    EventKind.TRIED: lambda facts, body: f"{_step(facts, body)} — {text(tried_words(body))}",
    EventKind.OUTCOME_CHECKED: _verified,
    EventKind.NEED_CHECKED: _need_checked,
    EventKind.MARKED_DONE: _by_hand("done manually", "note"),
    EventKind.MARKED_FAILED: _by_hand("failed", "reason"),
    EventKind.LOOP_ITEMS: lambda facts, body: f"{step_name(facts, body['step'])} — {text(items_words(body))}",
    EventKind.SKIPPED: _by_hand("skipped", "reason"),
    EventKind.REOPENED: _by_hand("reopened", "reason"),
    EventKind.CRITERION: _criterion,
    EventKind.NOTE: _note,
    EventKind.TEXT_CORRECTED: lambda facts, body: f"Corrected event {body['event']}{_and(body['text'])}",
    EventKind.NOTIFICATION_RECORDED: _role,
    EventKind.UPDATE: _update,
    **{kind: partial(_of_a_message, kind) for kind in MESSAGE_KINDS},
    **{kind: partial(_of_the_journal, kind) for kind in _OF_THE_JOURNAL},
}
