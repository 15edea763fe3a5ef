"""Notices for people about the journal itself, its disk space and text that cannot be masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.incident.events import EventKind
from midwatch.system.units import counted, size


def journal_notice(kind: str, body: Mapping[str, Any]) -> str:
    """One sentence without its full stop; empty for events that are not about the journal itself."""
    if kind == EventKind.JOURNAL_FAILED_OVER:
        memory = ", which is memory: a restart of the machine would lose it" if body.get("in_memory") else ""
        return f"The journal goes on in {body.get('to')}{memory}: {body.get('reason')}"
    if kind == EventKind.JOURNAL_FAILED_BACK:
        return f"The journal is whole on its own disk again: {counted(body.get('events', 0), 'event')} came back"
    if kind == EventKind.JOURNAL_FALLBACK_LOST:
        return (
            f"What the journal held after event {body.get('after')} was in memory only, in "
            f"{body.get('file')}, and is lost"
        )
    if kind == EventKind.JOURNAL_REPAIRED:
        return f"The journal was repaired: {body.get('dropped_bytes')} bytes of a torn event were cut"
    if kind == EventKind.RESERVE_RELEASED:
        return _room(body)
    if kind == EventKind.SECRETS_TOO_SHORT:
        return f"Too short to be masked, so it would be shown as it is: {', '.join(map(str, body.get('names', ())))}"
    if kind == EventKind.JOURNAL_FALLBACKS and body.get("problem"):
        return f"The declared second place of the journal cannot be used: {body['problem']}"
    return ""


def _room(body: Mapping[str, Any]) -> str:
    if body.get("files"):
        return (
            f"No inode is free on the incident's disk: {body['files']} that were kept for starting steps "
            "were given back"
        )
    left = (
        f"{size(body['left'])} are left" if body.get("left") else "nothing is left, so make room before the next step"
    )
    given = size(body.get("space", 0))
    return (
        f"The incident's disk is full ({body.get('reason')}): {given} kept for starting steps were given back; {left}"
    )
