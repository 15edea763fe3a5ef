"""The timeline for readers as Markdown: one line for each attempt at a step and for each decision."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.step_status import StepStatus
from midwatch.reports.excerpts import excerpts, starred
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle_section import lifecycle_tables, severity_table, shows_local
from midwatch.reports.markdown import BETWEEN, bullets, document, sentence, table, text
from midwatch.reports.message_table import message_table
from midwatch.reports.record_section import record_section
from midwatch.reports.step_report import why_untouched
from midwatch.reports.time_format import local_time, time_of_day
from midwatch.reports.timeline import criteria, overview
from midwatch.reports.timeline_entries import entries
from midwatch.reports.timeline_entry import BY, Detail, Entry, event_numbers, outcome_words
from midwatch.runbook.model import Step

HEADING = "In the order of time"
_STAR = "★ "


def summary_timeline(facts: Facts) -> str:
    """The timeline of an incident for readers, for one that is still open as well: see `docs/post-mortem.md`."""
    stars, pasted, messages = starred(facts), excerpts(facts), message_table(facts)
    parts = [
        f"# Timeline: {text(facts.incident.title)}",
        overview(facts),
        "## Lifecycle",
        lifecycle_tables(facts),
        severity_table(facts),
        *(["## Starred", stars] if stars else []),
        f"## {HEADING}",
        entry_table(facts),
        "## Steps that were not done",
        bullets(_not_done(facts)) or "None: every step is done.",
        *(["## Messages by channels", messages] if messages else []),
        *(["## Excerpts", *pasted] if pasted else []),
        "## Closure criteria",
        criteria(facts),
        *record_section(facts),
    ]
    return document(parts)


def entry_table(facts: Facts) -> str:
    """One row for each entry: when, who made it happen, what, and the numbers of its events."""
    local = shows_local(facts)
    head = ("Time (UTC)", *(("Local",) if local else ()), BY, "Who", "What", "Events")
    rows, day = [], ""
    for entry in entries(facts):
        date = f"{entry.at:%Y-%m-%d} "
        at = time_of_day(entry.at) if date == day else date + time_of_day(entry.at)
        day = date
        here = (local_time(entry.at, facts.zone),) if local else ()
        star = _STAR if facts.incident.stars and not facts.incident.stars.isdisjoint(entry.events) else ""
        rows.append((at, *here, entry.source.value, text(entry.shown_who), star + _what(entry), event_numbers(entry)))
    return table(head, rows)


def _what(entry: Entry) -> str:
    words = f"**{text(outcome_words(entry))}**" if entry.outcome else ""
    said = sentence(entry.text)
    first = ": ".join(filter(None, (text(entry.subject), " — ".join(filter(None, (words, said))))))
    return BETWEEN.join([first, *map(_detail, entry.details)])


def _detail(detail: Detail) -> str:
    return ": ".join(filter(None, (text(detail.label), sentence(detail.text))))


def _not_done(facts: Facts) -> Iterator[str]:
    for step in facts.runbook.steps():
        status = facts.incident.status(step)
        if status is not StepStatus.DONE:
            yield f"{text(f'{step.number} {step.title}')} — **{status}**. {_why(facts, step, status)}".rstrip()


def _why(facts: Facts, step: Step, status: StepStatus) -> str:
    state = facts.incident.steps.get(step.id)
    if state is not None and (state.reason or state.last is not None):
        return sentence(state.reason or (state.last.summary if state.last else ""))
    return why_untouched(facts, step, status)
