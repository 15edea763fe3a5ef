"""Messages by channels in the timeline for readers: each belongs to the entry that it tells of, with its fate."""

from __future__ import annotations

from midwatch.incident.events import Event
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.reports.incident_facts import Facts
from midwatch.reports.known_deliveries import known_deliveries
from midwatch.reports.timeline_entry import Detail, Entry


class Messages:
    """The messages of the journal, and the details of entries that tell of them."""

    def __init__(self) -> None:
        self.ahead: list[Event] = []
        """Messages of the end of the incident, which are queued before the end is written."""
        self._details: dict[int, Detail] = {}

    def put(self, event: Event, entry: Entry) -> Entry:
        """Let this entry tell of the message that the event queued."""
        rehearsal = ", a rehearsal" if event.body.get("rehearsal") else ""
        detail = self._details[event.seq] = Detail(f"message to {event.body['channel']}{rehearsal}", "")
        entry.details.append(detail)
        if event.seq not in entry.events:
            entry.events.append(event.seq)
        return entry

    def take_ahead(self) -> list[Event]:
        """The messages whose entry has not come yet; they are ahead no more."""
        found, self.ahead = self.ahead, []
        return found

    def tell_fates(self, facts: Facts) -> None:
        """Fill in what became of each message."""
        for delivery in known_deliveries(facts.incident, facts.folder.outbox):
            if detail := self._details.get(queued_by(delivery.id)):
                accepted = delivery.state is DeliveryState.ACCEPTED
                fate = f"{delivery.state}" if accepted else f"{delivery.receiver}: {delivery.state} {delivery.detail}"
                detail.text = "; ".join(filter(None, (detail.text, fate.strip())))


def queued_by(delivery: str) -> int:
    """The number of the event that queued the message of this delivery, `12` of `12.1`; 0 for none."""
    number = delivery.partition(".")[0]
    return int(number) if number.isdecimal() else 0
