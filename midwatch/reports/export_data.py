"""An incident as data for programs: JSON (`docs/incident-export.schema.json`) and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from midwatch.reports.charts import charts
from midwatch.reports.incident_facts import Facts
from midwatch.reports.known_deliveries import known_deliveries
from midwatch.reports.lifecycle import Lifecycle, phase_times
from midwatch.reports.time_format import local_time
from midwatch.reports.timeline_entries import entries
from midwatch.reports.timeline_entry import Entry, event_numbers
from midwatch.system.clock import to_rfc3339
from midwatch.system.sanitize import json_text, safe_text

VERSION = 1
"""Of the JSON export; a change that a reader would stumble over counts it up."""
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
"""What a spreadsheet would take for a formula."""


def json_export(facts: Facts, *, full: bool, post_mortem: str = "") -> str:
    """The incident as JSON; with `full`, every event too."""
    data = {"format": "midwatch-incident", "version": VERSION, "incident": _incident(facts), **_parts(facts)}
    if post_mortem:
        data["post_mortem"] = post_mortem
    if full:
        data["events"] = [asdict(event) | {"time": to_rfc3339(event.time)} for event in facts.events]
    return json_text(json.dumps(data, indent=1, ensure_ascii=False)) + "\n"


def _incident(facts: Facts) -> dict[str, Any]:
    incident, runbook = facts.incident, facts.runbook
    return {
        "id": incident.id,
        "title": incident.title,
        "state": incident.word,
        "severity": incident.severity.value,
        "environment": runbook.environment.word,
        "runbook": {"id": runbook.id, "title": runbook.title, "sha256": runbook.sha256},
        "declared": _time(incident.declared_at),
        "ended": _time(incident.closed_at),
        "seconds": facts.seconds,
        "inputs": dict(incident.inputs),
        "drivers": [{"who": who, "from": _time(since), "to": _time(until)} for who, since, until in facts.drivers()],
        "journal": {"events": len(facts.events), "head": facts.head, "chain": facts.chain()},
    }


def _parts(facts: Facts) -> dict[str, Any]:
    found, lines = Lifecycle.of(facts), entries(facts)
    return {
        "moments": [
            {"name": m.name, "at": _time(m.at), "evidence": m.evidence, "event": m.event} for m in found.moments
        ],
        "intervals": [
            {"name": one.name, "from": one.first, "to": one.last, "seconds": one.seconds, "reason": one.unknown}
            for one in found.intervals
        ],
        "phases": [
            {"title": phase.title, "from": _time(phase.began), "to": _time(phase.ended), "seconds": phase.seconds}
            for phase in phase_times(facts)
        ],
        "severities": [{"severity": name, "seconds": seconds} for name, seconds in facts.by_severity()],
        "timeline": [_line(facts, entry) for entry in lines],
        "steps": [
            {
                "id": step.id,
                "number": step.number,
                "title": step.title,
                "risk": step.risk.value,
                "status": facts.incident.status(step).value,
                "values": dict(facts.incident.step(step.id).values),
            }
            for step in facts.runbook.steps()
        ],
        "messages": [
            {
                "id": delivery.id,
                "channel": delivery.channel,
                "receiver": delivery.receiver,
                "text": delivery.text,
                "queued": _time(delivery.queued_at),
                "state": delivery.state.value,
                "at": _time(delivery.at),
                "detail": delivery.detail,
            }
            for delivery in known_deliveries(facts.incident, facts.folder.outbox)
        ],
        "criteria": [_criterion(facts, spec.id, spec.title) for spec in facts.runbook.closure],
        "charts": [
            {"title": chart.title, "columns": list(chart.head), "rows": [list(row) for row in chart.rows]}
            for chart in charts(facts, lines)
        ],
    }


def _line(facts: Facts, entry: Entry) -> dict[str, Any]:
    return {
        "at": _time(entry.at),
        "until": _time(entry.until),
        "seconds": entry.seconds,
        "by": entry.source.value,
        "who": entry.shown_who,
        "step": entry.step,
        "subject": entry.subject,
        "outcome": entry.outcome,
        "text": entry.text,
        "details": [{"label": detail.label, "text": detail.text} for detail in entry.details],
        "events": sorted(entry.events),
        "starred": not facts.incident.stars.isdisjoint(entry.events),
    }


def _criterion(facts: Facts, name: str, title: str) -> dict[str, Any]:
    state = facts.incident.criteria.get(name)
    at, detail = (_time(state.at), state.detail) if state else (None, "")
    return {"id": name, "title": title, "met": state.met if state else None, "detail": detail, "at": at}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)


def csv_export(facts: Facts, *, full: bool) -> str:
    """The timeline as CSV, a row a line; with `full`, a row an event."""
    head, rows = (_EVENT_COLUMNS, _event_rows(facts)) if full else (_COLUMNS, _rows(facts))
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return target.getvalue()


_COLUMNS = (
    "time_utc",
    "time_local",
    "until_utc",
    "seconds",
    "by",
    "who",
    "step",
    "subject",
    "outcome",
    "text",
    "details",
    "events",
)
_EVENT_COLUMNS = ("event", "time_utc", "actor", "kind", "body")


def _rows(facts: Facts) -> Iterator[Sequence[object]]:
    for entry in entries(facts):
        details = "\n".join(": ".join(filter(None, (detail.label, detail.text))) for detail in entry.details)
        when = (_time(entry.at), local_time(entry.at, facts.zone), _time(entry.until), entry.seconds)
        who = (entry.source.value, entry.shown_who)
        yield *when, *who, entry.step, entry.subject, entry.outcome, entry.text, details, event_numbers(entry)


def _event_rows(facts: Facts) -> Iterable[Sequence[object]]:
    for event in facts.events:
        body: Mapping[str, Any] = event.body
        yield event.seq, _time(event.time), event.actor, event.kind, json.dumps(body, ensure_ascii=False)


def _cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else safe_text(str(value), newlines=True)
    return f"'{text}" if _FORMULA.match(text) else text
