"""Reads alerts as monitoring sends them: Alertmanager's webhook, PagerDuty's webhook v3, PagerDuty's Events v2."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from midwatch.incident.alert import Alert, AlertState, line_of
from midwatch.incident.source_note import past_moment, web_address
from midwatch.system.errors import BadInput
from midwatch.system.strict_json import read_object

DELIVERY_LIMIT_BYTES = 2 * 1024 * 1024
_FORMS = "It takes Alertmanager's webhook, PagerDuty's webhook v3 and PagerDuty's Events v2"
_FIRING = ("incident.triggered", "incident.reopened", "incident.unacknowledged")
_ACTIONS = {"trigger": AlertState.FIRING, "acknowledge": AlertState.CHANGED, "resolve": AlertState.RESOLVED}


def read_alerts(
    data: bytes, now: datetime, *, severity_label: str = "severity", report: Callable[[str], None] = lambda _: None
) -> list[Alert]:
    """The alerts of one delivery; none where it is about no alert, such as a test message.

    Alerts of a group that cannot be read are left out and given to `report`. Raises `BadInput` for what is no delivery
    of a known form, and for a group without an alert that can be read.
    """
    if len(data) > DELIVERY_LIMIT_BYTES:
        raise BadInput(
            f"The alert is longer than {DELIVERY_LIMIT_BYTES:,} bytes", hint="Set max_alerts in Alertmanager"
        )
    try:
        found = read_object(data)
        if isinstance(found.get("alerts"), list):
            return _of_group(found["alerts"], now, severity_label, report)
        if isinstance(event := found.get("event"), dict) and "event_type" in event:
            return _of_webhook(event, now)
        if "event_action" in found:
            return [_of_event(found, now)]
    except ValueError as error:
        raise BadInput(f"The alert cannot be read: {error}", hint=_FORMS) from None
    raise BadInput("The alert has no form that is known", hint=_FORMS)


def _of_group(
    items: Sequence[object], now: datetime, severity_label: str, report: Callable[[str], None]
) -> list[Alert]:
    found, problems = list[Alert](), list[str]()
    for item in items:
        try:
            found.append(_of_alertmanager(item, now, severity_label))
        except ValueError as error:
            problems.append(str(error))
    if problems and not found:
        raise ValueError(problems[0])
    if problems:
        report(f"{len(problems)} of {len(items)} alerts cannot be read: {problems[0]}")
    return found


def _of_alertmanager(data: object, now: datetime, severity_label: str) -> Alert:
    if not isinstance(data, dict):
        raise ValueError("an alert in it is no object")
    labels, annotations = _texts(data.get("labels")), _texts(data.get("annotations"))
    if not labels:
        raise ValueError("an alert in it has no labels")
    state = _word(data, "status", {"firing": AlertState.FIRING, "resolved": AlertState.RESOLVED})
    started_at = _moment(data.get("startsAt"), now)
    key = _text(data, "fingerprint") or hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()
    summary = ". ".join(filter(None, (annotations.get("summary", ""), annotations.get("description", ""))))
    return Alert(
        "alertmanager",
        key,
        state,
        labels.get("alertname") or annotations.get("summary", ""),
        severity=labels.get(severity_label) or annotations.get(severity_label, ""),
        summary=summary or annotations.get("message", ""),
        labels=labels,
        annotations=annotations,
        runbook_url=_address(annotations.get("runbook_url") or annotations.get("runbook")),
        url=_address(data.get("generatorURL")),
        started_at=started_at,
        at=_moment(data.get("endsAt"), now) if state is AlertState.RESOLVED else started_at,
    )


def _of_webhook(event: Mapping[str, Any], now: datetime) -> list[Alert]:
    kind, data = _text(event, "event_type"), event.get("data")
    if not kind.startswith("incident."):  # pagey.ping, service.updated
        return []
    if not isinstance(data, dict):
        raise ValueError("the event has no data")
    if data.get("type", "incident") != "incident":  # a note or a responder, with the incident in it
        inner = data.get("incident")
        data = {**inner, "title": _text(inner, "summary")} if isinstance(inner, dict) else {}
    key = _text(data, "incident_key") or _text(data, "id")
    if not key:
        raise ValueError("the event names no incident")
    state = AlertState.RESOLVED if kind == "incident.resolved" else AlertState.CHANGED
    priority, service = data.get("priority"), data.get("service")
    labels = {
        "service": _text(service, "summary"),
        "urgency": _text(data, "urgency"),
        "number": str(data.get("number") or ""),
        "priority": _text(priority, "summary"),
    }
    agent = _text(event.get("agent"), "summary")
    return [
        Alert(
            "pagerduty",
            key,
            AlertState.FIRING if kind in _FIRING else state,
            _text(data, "title") or _text(data, "summary"),
            severity=labels["priority"] or labels["urgency"],
            labels={name: text for name, text in labels.items() if text},
            url=_address(data.get("html_url")),
            started_at=_moment(data.get("created_at"), now),
            at=_moment(event.get("occurred_at"), now),
            second_key=_text(data, "id"),
            change=f"{kind.removeprefix('incident.').replace('_', ' ')}{f' by {agent}' if agent else ''}",
        )
    ]


def _of_event(data: Mapping[str, Any], now: datetime) -> Alert:
    payload = data.get("payload") if isinstance(data.get("payload"), dict) else {}
    assert isinstance(payload, dict)
    state = _word(data, "event_action", _ACTIONS)
    details = payload.get("custom_details")
    fields = {name: _text(payload, name) for name in ("source", "component", "group", "class")}
    labels = {**_texts(details), **{name: text for name, text in fields.items() if text}}
    title, key = _text(payload, "summary"), _text(data, "dedup_key")
    if not key:
        if state is not AlertState.FIRING or not title:
            raise ValueError("the event has neither a dedup_key nor a summary")
        key = hashlib.sha256(json.dumps([title, fields["source"], fields["component"]]).encode()).hexdigest()
    links = data.get("links")
    first = links[0].get("href") if isinstance(links, list) and links and isinstance(links[0], dict) else ""
    at = _moment(payload.get("timestamp"), now)
    return Alert(
        "pagerduty",
        key,
        state,
        title or key,
        severity=_text(payload, "severity"),
        labels=labels,
        runbook_url=_address(labels.get("runbook_url")),
        url=_address(data.get("client_url") or first),
        started_at=at if state is AlertState.FIRING else None,
        at=at,
        change="acknowledged",
    )


def _text(data: object, key: str) -> str:
    """A text of a table; empty when it is not there. Raises `ValueError` for what is no text."""
    value = data.get(key) if isinstance(data, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} has to be a text")
    return value


def _texts(data: object) -> dict[str, str]:
    """The texts and numbers of a table; other values are left out."""
    pairs = data.items() if isinstance(data, dict) else ()
    return {line_of(name, 64): str(value) for name, value in pairs if isinstance(value, str | int | float)}


def _word(data: Mapping[str, Any], key: str, words: Mapping[str, AlertState]) -> AlertState:
    value = _text(data, key)
    if value not in words:
        raise ValueError(f"{key} has to be one of {', '.join(words)}")
    return words[value]


def _moment(value: object, now: datetime) -> datetime | None:
    """A moment that has come; None for any other value, such as the year 1 for an alert that has no end yet."""
    with contextlib.suppress(ValueError):
        at = past_moment(value, now)
        return at if at.year > 1970 else None
    return None


def _address(value: object) -> str:
    with contextlib.suppress(ValueError):
        return web_address(value or "")
    return ""
