"""Microsoft Teams: a webhook of a workflow ("Post to a channel when a webhook request is received")."""

from __future__ import annotations

from collections.abc import Mapping

from midwatch.channels.http_post import post_json
from midwatch.channels.message import Answer, Message, Verdict
from midwatch.runbook.channels import ChannelTarget

_TEXT_LIMIT = 20_000
"""Teams refuses a card of more than 28 KB."""
_NOT_DELIVERED = "message delivery failed"
"""What an older connector says in an answer with status 200."""


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Teams answers 202, an older connector 200."""
    reply = post_json(secrets["url"], _card(message), target)
    if reply.status == 200 and _NOT_DELIVERED in reply.text.lower():
        later = any(f"error {status}" in reply.text for status in (429, 500, 503))
        return Answer(Verdict.WAIT if later else Verdict.REFUSED, reply.words, reply.retry_after_s)
    return reply.answer()


def _card(message: Message) -> dict[str, object]:
    title = {"type": "TextBlock", "text": message.subject, "weight": "bolder", "wrap": True}
    lines = message.text[:_TEXT_LIMIT].split("\n")
    blocks = [{"type": "TextBlock", "text": line, "wrap": True, "spacing": "small"} for line in lines if line.strip()]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *blocks],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
