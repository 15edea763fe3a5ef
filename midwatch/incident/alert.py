"""An alert from outside, as its monitoring sent it: harmless text, bounded, and a key by which it is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from midwatch.system.clock import from_rfc3339, to_rfc3339
from midwatch.system.sanitize import safe_text
from midwatch.system.shortened import shortened
from midwatch.system.units import counted

ALERTS_AT_MOST = 100
"""Alerts of one delivery that are taken."""
TEXT_LIMIT = 1_500
"""Characters in which alerts are described in one event."""
_LINE_LIMIT, _LABEL_LIMIT, _LABELS_AT_MOST, _KEY_LIMIT = 300, 100, 20, 64


class AlertState(StrEnum):
    """What a delivery says of an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"
    CHANGED = "changed"
    """Something else happened to it, such as an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one delivery. Its texts are foreign."""

    source: str
    """`alertmanager` or `pagerduty`."""
    key: str
    """The fingerprint or deduplication key, as the source has it."""
    state: AlertState
    title: str
    severity: str = ""
    """The source's own word, by the names of labels or fields."""
    summary: str = ""
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    runbook_url: str = ""
    url: str = ""
    started_at: datetime | None = None
    at: datetime | None = None
    """When it came into this state."""
    change: str = ""
    """What happened, for `CHANGED`."""
    second_key: str = ""
    """Another key by which the source names the same alert in some of its deliveries."""

    @property
    def sha256(self) -> str:
        """What names the alert in the journal: of the source and the key, so that no masking can change it."""
        return hashlib.sha256(f"{self.source}\0{self.key}".encode("utf-8", "replace")).hexdigest()

    def value(self, name: str) -> str:
        """A label, or else an annotation; empty when the alert has neither."""
        return (self.labels or {}).get(name) or (self.annotations or {}).get(name) or ""

    @property
    def name(self) -> str:
        """The title as one harmless line."""
        return line_of(self.title) or "without a name"

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps of it besides its text."""
        began = to_rfc3339(self.started_at) if self.started_at else ""
        return {"key": line_of(self.key, _KEY_LIMIT), "sha256": self.sha256, "state": self.state.value, "began": began}

    def names(self) -> list[dict[str, Any]]:
        """`to_json` for each of its keys."""
        second = self.second_key if self.second_key != self.key else ""
        return [self.to_json(), *([replace(self, key=second).to_json()] if second else [])]

    def lines(self) -> list[str]:
        """The alert as harmless lines."""
        since = f", since {self.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if self.started_at else ""
        severity = f" ({line_of(self.severity, _LABEL_LIMIT)})" if self.severity else ""
        labels = list((self.labels or {}).items())
        pairs = [f"{line_of(name, 64)}={line_of(text, _LABEL_LIMIT)}" for name, text in labels[:_LABELS_AT_MOST]]
        pairs += [f"and {len(labels) - _LABELS_AT_MOST} more"] if len(labels) > _LABELS_AT_MOST else []
        return [
            f"{self.name}{severity}{since}",
            *([line_of(self.summary)] if self.summary else []),
            *([f"labels: {', '.join(pairs)}"] if pairs else []),
            *([f"runbook: {self.runbook_url}"] if self.runbook_url else []),
            *([f"see: {self.url}"] if self.url else []),
        ]


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """What an incident knows of an alert that declared it or joined it."""

    state: AlertState
    began: str = ""
    """When it started, as its source said; empty where it did not."""


def line_of(text: str, limit: int = _LINE_LIMIT) -> str:
    """Foreign text as one harmless line of this length at most."""
    line = " ".join(safe_text(text[: 4 * limit], newlines=True).split())
    return shortened(line, limit)


def described(alerts: Sequence[Alert], more: int = 0) -> str:
    """The alerts as harmless lines, as many as there is room for; `more` were not even taken."""
    lines: list[str] = []
    for index, alert in enumerate(alerts):
        block = alert.lines()
        if index and sum(map(len, (*lines, *block))) > TEXT_LIMIT - 100:
            more += len(alerts) - index
            break
        lines += block
    text = "\n".join(lines)[: TEXT_LIMIT - 50]
    return f"{text}\nand {counted(more, 'more alert')}" if more else text


def known_alerts(data: object) -> dict[str, KnownAlert]:
    """The alerts of an event by what names them; raises `ValueError` for what `Alert.to_json` does not make."""
    if not isinstance(data, list | tuple) or len(data) > ALERTS_AT_MOST:
        raise ValueError(f"alerts has to be a list of {ALERTS_AT_MOST} at most")
    found = {}
    for item in data:
        if not isinstance(item, Mapping) or not {"sha256", "state", "began"} <= item.keys():
            raise ValueError("an alert has sha256, state and began")
        sha256, state, began, key = (item.get(name, "") for name in ("sha256", "state", "began", "key"))
        if not all(isinstance(text, str) and len(text) <= _KEY_LIMIT for text in (sha256, state, began, key)):
            raise ValueError(f"an alert has texts of {_KEY_LIMIT} characters at most")
        if began:
            from_rfc3339(began)
        found[sha256] = KnownAlert(AlertState(state), began)
    return found
