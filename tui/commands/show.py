"""`midwatch show INCIDENT`: how one incident stands, or its events as JSON for `jq`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Exit
from tui.cli_context import add_incident, add_runbook, incident_folder
from tui.output import say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch show` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument("--json", action="store_true", help="print the events, one JSON object on each line")


def run(args: argparse.Namespace) -> int:
    """Print the state of the incident."""
    from midwatch.engine.incident_files import reopen
    from midwatch.incident.event_redaction import masked_words
    from midwatch.incident.known_values import FilledRunbook
    from midwatch.incident.reducer import reduce
    from midwatch.journal.verify import verify
    from midwatch.reports.known_deliveries import known_deliveries
    from midwatch.reports.message_text import delivery_words
    from midwatch.reports.seen_before import last_done, seen_before
    from midwatch.runbook.declaration import input_lines
    from midwatch.system.clock import SystemClock

    folder = incident_folder(args)
    runbook, events = reopen(folder)
    if args.json:
        for event in events:
            row: dict[str, Any] = asdict(event) | {
                "time": to_rfc3339(event.time),
                "kind": str(event.kind),
                "body": dict(event.body),
            }
            say_json(row, indent=None)
        return Exit.DONE
    incident = reduce(events)
    runbook = FilledRunbook(runbook).at(incident)
    state = incident.word + (f" {incident.closed_at:%Y-%m-%d %H:%M:%S} UTC" if incident.closed_at else "")
    say(f"{incident.id}  {incident.severity}  {incident.title}  {state}")
    say(f"driver {incident.driver or 'nobody'}, {len(events)} events")
    verdict = verify(folder.journal)
    if not verdict.ok:
        say(f"The journal is NOT whole, so this may not be so: {verdict.problem}")
    for moment, mark in incident.marks.items():
        say(f"{moment} {mark.at:%Y-%m-%d %H:%M:%S} UTC")
    for line in input_lines(runbook, incident.inputs):
        say(line)
    now, past = SystemClock().now(), seen_before(folder, runbook.id) if not incident.closed_at else []
    for earlier in past:
        say(f"seen before: {earlier.line(now)}")
    late = [item for item in known_deliveries(incident, folder.outbox) if item.undelivered]
    for delivery in late:
        say(f"message {delivery_words(delivery)}")
    for phase in runbook.phases:
        say()
        say(f"{phase.section} {phase.title}".strip())
        for step in phase.steps:
            found = incident.step(step.id)
            last = found.last.summary if found.last else found.reason or last_done(past, step.id, now)
            say(f"  {incident.status(step):10}  {step.number:5} {step.title}{'  ' + last if last else ''}")
            for attempt in found.attempts:
                if words := masked_words(attempt.output):
                    say(f"{'':20}attempt {attempt.number}: {words}")
    say()
    say("Closure")
    for criterion in runbook.closure:
        known = incident.criteria.get(criterion.id)
        word = {True: "met", False: "not met", None: "unknown"}[known.met if known else None]
        say(f"  {word:10}  {criterion.title}{'  ' + known.detail if known else ''}")
    return Exit.DONE
