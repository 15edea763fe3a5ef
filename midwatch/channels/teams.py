"""Microsoft Teams: a webhook of a workflow ("Post to a channel when a webhook request is received")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from midwatch.channels.http_post import Reply, post_json
from midwatch.channels.message import Answer, Message, Verdict, cut
from midwatch.runbook.channels import ChannelTarget

_TEXT_LIMIT_BYTES = 24_000
"""Teams refuses a card of more than 28 KB."""
_NOT_DELIVERED = re.compile(r"delivery failed|returned HTTP error|^\s*{.*\"error\"\s*:", re.IGNORECASE | re.DOTALL)
"""What an older connector, and the gateway of a workflow, say in an answer that has a status of success."""
_LATER = re.compile(r"error (?:429|5\d\d)")
_TAKEN = ("", "1", "ok")


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Teams answers 202, an older connector 200 and `1`."""
    reply = post_json(secrets["url"], _card(message), target)
    return reply.answer() if not 200 <= reply.status < 300 else _answer(reply)


def _answer(reply: Reply) -> Answer:
    if _NOT_DELIVERED.search(reply.text):
        later = _LATER.search(reply.text)
        return Answer(Verdict.WAIT if later else Verdict.REFUSED, reply.words, reply.retry_after_s)
    if reply.text.strip().lower() in _TAKEN or _is_json(reply.text):  # a workflow may answer in words of its own
        return reply.answer()
    return Answer(Verdict.UNSURE, f"{reply.words} (Teams answers with nothing, or with 1)")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _card(message: Message) -> dict[str, object]:
    """Runs of text: a TextBlock would read Markdown, with links, into what others wrote."""
    text = cut(message.text, _TEXT_LIMIT_BYTES, size=lambda text: len(json.dumps(text)))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_block(message.subject, weight="bolder"), _block(text)],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _block(text: str, **style: str) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
