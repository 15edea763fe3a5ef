"""Turns errors in malformed events into one sentence that names the event, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from midwatch.incident.events import Event
from midwatch.system.errors import BadInput


@contextmanager
def event_errors(incident_id: str, event: Event | None = None) -> Iterator[None]:
    """Read bodies of events in here: what one lacks, or cannot mean, comes out as `BadInput` with the event if
    known."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        which = f"Event {event.seq} of its journal ({event.kind})" if event else "An event of its journal"
        said = f"{which} was changed, or is damaged: {type(error).__name__} {error}"
        raise BadInput(said, hint=f"Look which one is the first: midwatch verify {incident_id}") from error
