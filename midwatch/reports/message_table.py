"""The table of messages by channels in exports: each message for each receiver, its fate and its times."""

from __future__ import annotations

from midwatch.reports.incident_facts import Facts
from midwatch.reports.known_deliveries import known_deliveries
from midwatch.reports.markdown import sentence, table, text
from midwatch.reports.time_format import time_of_day


def message_table(facts: Facts) -> str:
    """Empty without messages. What became of a message after the closure is read from the outbox."""
    rows = [
        (
            delivery.id,
            time_of_day(delivery.queued_at),
            text(f"{delivery.channel}: {delivery.receiver}"),
            f"{delivery.state}{f' at {time_of_day(delivery.at)}' if delivery.at else ''}",
            sentence(delivery.detail) if delivery.detail else "",
            sentence(delivery.text),
        )
        for delivery in known_deliveries(facts.incident, facts.folder.outbox)
    ]
    return table(("Message", "Queued (UTC)", "To", "Fate", "Answer", "Text"), rows) if rows else ""
