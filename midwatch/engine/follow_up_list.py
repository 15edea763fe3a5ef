"""The follow-up actions of all incidents, and the tickets that are opened for them."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from midwatch.engine.repository import events_of, incidents
from midwatch.incident.follow_ups import FollowUp, follow_ups_of, record
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.system.clock import Clock, to_rfc3339
from midwatch.system.errors import BadInput, Failed, OutcomeUnknown
from midwatch.system.external_command import TooLong, run_external
from midwatch.system.sanitize import safe_text

_LIMIT_S = 30.0
_TICKET_CHARACTERS = 200
_TICKET_KEYS = ("key", "html_url", "web_url", "url", "number", "iid", "id")
"""Where Jira, GitHub, GitLab and others say which ticket was opened."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A follow-up action with the incident that it belongs to."""

    folder: IncidentFolder
    incident: Incident
    number: int
    item: FollowUp

    @property
    def name(self) -> str:
        """`INC-20261123-0200-backup-failure/2`."""
        return f"{self.folder.id}/{self.number}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types, as commands and webhooks get it."""
        item = self.item
        return {
            "incident": self.folder.id,
            "title": self.incident.title,
            "severity": self.incident.severity.value,
            "number": self.number,
            **{name: getattr(item, name) for name in ("what", "owner", "due", "priority", "kind", "ticket", "done")},
        }


def follow_ups_in(folder: IncidentFolder) -> list[Listed]:
    """Those of one incident. Raises `Failed` where its journal, or what became of them, cannot be read."""
    events = events_of(folder)
    if not events:
        raise Failed(
            f"The journal of {folder.id} is damaged, so its follow-up actions are not known",
            hint=f"midwatch verify {folder.id}",
        )
    incident = reduce(events)
    return [Listed(folder, incident, n, item) for n, item in enumerate(follow_ups_of(incident, folder), start=1)]


def all_follow_ups(logs: Path, runbook_id: str = "") -> tuple[list[Listed], list[Failed]]:
    """Those of every incident, and which incidents cannot be read. Raises `Failed` when `logs` cannot be."""
    found: list[Listed] = []
    problems = []
    for folder in incidents(logs, runbook_id):
        try:
            found += follow_ups_in(folder)
        except Failed as error:
            problems.append(error)
    return found, problems


def by_urgency(listed: list[Listed]) -> list[Listed]:
    """The open ones first, by their due date; those without one come before those that are done."""
    return sorted(listed, key=lambda one: (bool(one.item.done), one.item.due_date or date.max, one.name))


def open_ticket(listed: Listed, opener: str, authorization: str, clock: Clock, actor: str) -> str:
    """Open a ticket by a command (the follow-up as JSON on its standard input, the number as the last line of its
    output) or a webhook (the same by POST), and keep its number.

    Raises `BadInput` where one was begun whose number is not known, `Failed` where none was opened, and
    `OutcomeUnknown` where the answer was lost: it is never opened a second time by itself.
    """
    folder, item = listed.folder, listed.item
    if item.opening:
        raise BadInput(
            f"A ticket for {listed.name} was begun at {item.opening}, and nobody knows whether it was opened",
            hint=f"Look there; then: midwatch follow-ups --ticket {listed.name} NUMBER, or NONE to open one anew",
        )
    record(folder, item, clock, actor, opening=to_rfc3339(clock.now()))
    try:
        is_web = opener.startswith(("https://", "http://"))
        ticket = _post(listed, opener, authorization) if is_web else _run(listed, opener)
    except Failed:
        record(folder, item, clock, actor, opening="")
        raise
    record(folder, item, clock, actor, opening="", ticket=ticket)
    return ticket


def _run(listed: Listed, command: str) -> str:
    data = json.dumps(listed.to_json()).encode() + b"\n"
    variables = {"MIDWATCH_INCIDENT": listed.folder.id, "MIDWATCH_FOLLOW_UP": str(listed.number)}
    try:
        ended = run_external(command, Path("/"), limit=_LIMIT_S, data=data, environment=variables)
    except TooLong as error:
        raise OutcomeUnknown(f"{listed.name}: {error.sentence}, so nobody knows whether it opened a ticket") from None
    if ended.exit < 0:
        raise OutcomeUnknown(f"{listed.name}: the command was ended by signal {-ended.exit}")
    if ended.exit:
        said = f": {ended.last_line}" if ended.output.strip() else ""
        raise Failed(f"{listed.name}: {shlex.split(command)[0]} opened no ticket (exit {ended.exit}){said}")
    return _ticket(listed, ended.last_line if ended.output.strip() else "")


def _post(listed: Listed, url: str, authorization: str) -> str:
    from midwatch.channels.http_post import post_json
    from midwatch.channels.message import AnswerLost, NotSent, Verdict
    from midwatch.runbook.channels import ChannelKind, ChannelTarget

    key = hashlib.sha256(f"{listed.folder.id}\n{listed.item.what}".encode()).hexdigest()
    headers = {"Idempotency-Key": key} | ({"Authorization": authorization} if authorization else {})
    try:
        reply = post_json(url, listed.to_json(), ChannelTarget(ChannelKind.WEBHOOK, timeout=_LIMIT_S), headers)
    except NotSent as error:
        raise Failed(f"{listed.name}: the webhook was not reached: {error}") from error
    except AnswerLost as error:
        raise OutcomeUnknown(f"{listed.name}: the webhook's answer was lost: {error}") from error
    verdict = reply.answer().verdict
    if verdict is Verdict.UNSURE:
        raise OutcomeUnknown(f"{listed.name}: {reply.words}")
    if verdict is not Verdict.ACCEPTED:
        raise Failed(f"{listed.name}: the webhook opened no ticket: {reply.words}")
    try:
        answer = json.loads(reply.text)
    except ValueError:
        answer = {"key": reply.text.strip()}
    values = answer if isinstance(answer, dict) else {}
    return _ticket(listed, str(next((values[key] for key in _TICKET_KEYS if values.get(key)), "")))


def _ticket(listed: Listed, said: str) -> str:
    ticket = " ".join(safe_text(said).split())[:_TICKET_CHARACTERS]
    if not ticket:
        raise OutcomeUnknown(
            f"{listed.name}: a ticket was opened, and its number was not said",
            hint=f"midwatch follow-ups --ticket {listed.name} NUMBER",
        )
    return ticket
