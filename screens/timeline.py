"""The journal as a person reads it, newest last, live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from midwatch.incident.events import Event, Kind
from midwatch.units import duration
from screens.desk import Desk
from screens.page import Page
from screens.widgets.pen import FAINT, SOON, STRONG, WELL, WRONG, Pen
from screens.widgets.rows import wrap

_COLUMN = 10


def timeline_page(pen: Pen, desk: Desk) -> Page:
    """The page that shows it."""
    return Page(pen, f"Timeline of {desk.incident.id}", lambda width: timeline_lines(desk, width, pen), at_end=True)


def timeline_lines(desk: Desk, width: int, pen: Pen) -> list[Content]:
    """One entry an event; readings around steps are left to the steps' own pages."""
    lines: list[Content] = []
    day = None
    for event in desk.events:
        if event.kind == Kind.READING:
            continue
        if event.time.date() != day:
            day = event.time.date()
            lines.append(pen.ink(f"{day:%Y-%m-%d} UTC", STRONG))
        text, style = said(event, desk)
        who = event.actor.partition("@")[0]
        for number, line in enumerate(wrap(pen.clean(text, newlines=True), max(width - _COLUMN - len(who) - 2, 16))):
            head = f" {event.time:%H:%M:%S} " if number == 0 else " " * _COLUMN
            tail = f"  {who}" if number == 0 else ""
            lines.append(Content.assemble(pen.ink(head, FAINT), pen.ink(line, style), pen.ink(tail, FAINT)))
    return lines


def said(event: Event, desk: Desk) -> tuple[str, str]:
    """An event in words, and its style. A kind that is not known is told by its name."""
    body = event.body
    step = _step(body, desk)
    texts: dict[str, tuple[str, str]] = {
        Kind.DECLARED: (f"Declared: {body.get('title')}, {body.get('severity')}", STRONG),
        Kind.SEVERITY: (f"Severity {body.get('from')} to {body.get('to')}: {body.get('reason')}", SOON),
        Kind.CLOSED: (
            "Closed" + (f" with criteria that are not met: {body.get('reason')}" if body.get("unmet") else ""),
            STRONG,
        ),
        Kind.DRIVER_JOINED: (f"Took the wheel{_from(body)} on {body.get('host')}", FAINT),
        Kind.APPROVAL_ASKED: (f"{step}: a second person is asked to approve the plan", SOON),
        Kind.APPROVAL_GIVEN: (f"{step}: approved by {_by(body)}", WELL),
        Kind.APPROVAL_DECLINED: (f"{step}: declined by {_by(body)}. {body.get('reason')}", WRONG),
        Kind.HANDOFF_OFFERED: (f"Offered the wheel to {body.get('to')}", ""),
        Kind.HANDOFF_WITHDRAWN: (f"Offers the wheel to {body.get('to')} no longer: {body.get('reason')}", FAINT),
        Kind.WHEEL_ASKED: (f"{body.get('by')} asks for the wheel", SOON),
        Kind.DRIVER_TOOK_OVER: (f"Took the wheel over from {body.get('from')}: {body.get('reason')}", SOON),
        Kind.DRIVER_LEFT: (f"Gave the wheel back: {body.get('reason')}", FAINT),
        Kind.CONFIRMED: (f"{step}: confirmed" + (f", {body['reason']}" if body.get("reason") else ""), ""),
        Kind.STARTED: (f"{step}: started", FAINT),
        Kind.TICKED: (f"{step}: done" + (f". {body['note']}" if body.get("note") else ""), WELL),
        Kind.FAILED_BY_HAND: (f"{step}: failed. {body.get('reason')}", WRONG),
        Kind.SKIPPED: (f"{step}: skipped. {body.get('reason')}", SOON),
        Kind.REOPENED: (f"{step}: to be done again. {body.get('reason')}", ""),
        Kind.NOTE: (f"Note: {body.get('text')}", ""),
        Kind.TOLD: (f"Told {_role(body, desk)}: {body.get('message')}", ""),
        Kind.UPDATE: (f"Update to {body.get('channel') or 'the channel'}: {body.get('message')}", ""),
        Kind.REPAIRED: (f"The journal's last line was torn; {body.get('dropped_bytes')} bytes dropped", SOON),
    }
    if event.kind == Kind.FINISHED:
        took = f" in {duration(body['seconds'])}" if body.get("seconds") is not None else ""
        style = WELL if body.get("outcome") == "done" else WRONG
        return f"{step}: {body.get('outcome')}{took}. {body.get('summary') or ''}".strip(), style
    if event.kind == Kind.CRITERION:
        met = {True: "met", False: "not met", None: "unknown"}[body.get("met")]
        return f"Criterion {body.get('criterion')}: {met}. {body.get('detail')}", FAINT
    return texts.get(event.kind, (event.kind, FAINT))


def _step(body: Mapping[str, Any], desk: Desk) -> str:
    try:
        step = desk.runbook.step(str(body.get("step", "")))
    except KeyError:
        return str(body.get("step", ""))
    return f"{step.number} {step.title}"


def _by(body: Mapping[str, Any]) -> str:
    by = body.get("by")
    return str(by.get("name", "")) if isinstance(by, Mapping) else str(by or "")


def _from(body: Mapping[str, Any]) -> str:
    return f" from {body['from']}" if body.get("from") else ""


def _role(body: Mapping[str, Any], desk: Desk) -> str:
    role = desk.runbook.roles.get(str(body.get("role", "")))
    return role.name if role else str(body.get("role", ""))
