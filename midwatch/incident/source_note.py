"""Notes from outside, such as those of a CI job: a line of JSON is checked and becomes a note of its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from midwatch.incident.alert import known_alerts
from midwatch.incident.events import Event, EventKind
from midwatch.system.clock import from_rfc3339, to_rfc3339
from midwatch.system.errors import BadInput
from midwatch.system.sanitize import safe_text
from midwatch.system.strict_json import read_object, text_of
from midwatch.system.suggestion import suggest

TEXT_LIMIT = 2_000
"""Characters of one note."""
LINE_LIMIT_BYTES = 16 * 1024
URL_LIMIT = 500
"""Characters of an address."""
WATCHER = "watcher"
"""The source of what `midwatch watch` asks."""
AHEAD_S = 300.0
"""Seconds by which the clock of another machine may be ahead."""
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_URL = re.compile(r"https?://[!-~]+")
_KEYS = ("text", "at", "url")
"""The keys of a line; what is handed to the driver may also have `alerts`."""


@dataclass(frozen=True, slots=True)
class SourceNote:
    """One note from outside."""

    text: str
    at: datetime
    """When it happened."""
    url: str = ""
    """Where more stands; empty for nowhere."""
    alerts: tuple[Mapping[str, Any], ...] = ()
    """The alerts that it tells of, as `Alert.to_json` names them."""

    def to_json(self) -> dict[str, Any]:
        """Return the note as `note_of` reads it, and as the journal keeps it."""
        more = {"url": self.url, "alerts": list(self.alerts)}
        return {"text": self.text, "at": to_rfc3339(self.at), **{key: value for key, value in more.items() if value}}


def is_from_outside(event: Event) -> bool:
    """Whether an event is a note that a machine sent, not a person's."""
    return event.kind == EventKind.NOTE and bool(event.body.get("source"))


def watcher_notice(event: Event) -> str:
    """What the watcher found, in words for whoever drives; empty for another event."""
    is_of_watcher = event.kind == EventKind.NOTE and event.body.get("source") == WATCHER
    return f"The watcher: {event.body.get('text')}" if is_of_watcher else ""


def require_source(name: str) -> str:
    """The name of a source. Raises `BadInput` for what is none."""
    if not _SOURCE.fullmatch(name):
        hint = "32 small letters, digits, '.', '_' and '-' at most, such as ci"
        raise BadInput(f"{name!r} cannot be the name of a source", hint=hint)
    return name


def read_note(line: bytes, now: datetime) -> SourceNote:
    """The note in a line of JSON. Raises `ValueError` that says what is wrong."""
    if len(line) > LINE_LIMIT_BYTES:
        raise ValueError(f"it is longer than {LINE_LIMIT_BYTES:,} bytes")
    data = read_object(line)
    for key in data:
        if key not in _KEYS:
            raise ValueError(f"there is no key {safe_text(key[:40])!r}. {suggest(key, _KEYS, 'Keys')}")
    return note_of(data, now)


def note_of(data: Mapping[str, Any], now: datetime) -> SourceNote:
    """The note in these values; without `at` it happened now. Raises `ValueError` that says what is wrong."""
    text = safe_text(text_of(data, "text", limit=TEXT_LIMIT), newlines=True).strip()
    if not text:
        raise ValueError("text is empty")
    at = past_moment(data["at"], now) if "at" in data else now
    alerts = data.get("alerts", [])
    known_alerts(alerts)
    named = tuple({key: alert.get(key, "") for key in ("key", "sha256", "state", "began")} for alert in alerts)
    return SourceNote(text, at, web_address(data.get("url", "")), named)


def past_moment(value: object, now: datetime) -> datetime:
    """The moment in an RFC 3339 text with a zone; one that the clock of another machine has ahead of ours is now.

    Raises `ValueError` for another text, and for a moment that has not come yet.
    """
    if not isinstance(value, str):
        raise ValueError("at has to be a time such as 2026-11-23T02:14:07Z")
    try:
        at = from_rfc3339(value)
        if at.tzinfo is None:
            raise ValueError(f"the time {safe_text(value[:40])!r} names no zone: end it with Z or +01:00")
        ahead_s = (at - now).total_seconds()
        at = from_rfc3339(to_rfc3339(at))
    except OverflowError:
        raise ValueError(f"{safe_text(value[:40])!r} is no time") from None
    except ValueError as error:
        if "zone" in str(error):
            raise
        raise ValueError(f"{safe_text(value[:40])!r} is no time: write it like 2026-11-23T02:14:07Z") from None
    if at > now + timedelta(seconds=AHEAD_S):
        raise ValueError(f"the time {value!r} has not come yet")
    return now if ahead_s > 0 else at


def web_address(value: object) -> str:
    """An address of the web, or empty. Raises `ValueError` for anything else."""
    if value == "" or (isinstance(value, str) and len(value) <= URL_LIMIT and _URL.fullmatch(value)):
        return str(value)
    raise ValueError(f"url has to begin with https:// or http:// and have {URL_LIMIT} characters at most")
