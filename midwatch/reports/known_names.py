"""The users and hosts that an incident names, for texts that readers outside get without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from midwatch.incident.events import Event
from midwatch.runbook.model import Runbook


def known_names(runbook: Runbook, events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    """The names of targets, of people and of their hosts, each as `("user", name)` or `("host", name)`; some come more
    than once, and some are empty."""
    for target in runbook.targets.values():
        yield from (("host", name) for name in (target.host, target.container))
        if target.name.lower() not in (target.label.lower(), target.database.lower()):  # else it is the system's
            yield "host", target.name
        yield "user", target.user
    people = {event.actor for event in events}
    for event in events:
        by = event.body.get("by")
        people.add(str(by.get("name", "")) if isinstance(by, dict) else str(by or ""))
        people |= {str(event.body.get(key, "")) for key in ("to", "from") if event.kind.startswith(("driver", "hand"))}
        yield "host", str(event.body.get("host", ""))
    for person in sorted(people):
        yield from names_of_person(person)


def names_of_person(person: str) -> Iterator[tuple[str, str]]:
    """The login and the host of `ada@bastion`; nothing of words."""
    user, _, host = person.partition("@")
    if " " not in person:
        yield "user", user
        yield "host", host
