"""Slack: an incoming webhook."""

from __future__ import annotations

from collections.abc import Mapping

from midwatch.channels.http_post import post_json
from midwatch.channels.message import Answer, Message, Verdict
from midwatch.runbook.channels import ChannelTarget

_TEXT_LIMIT = 35_000
"""Slack cuts what is longer than 40,000 characters."""


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Slack answers `ok`, or a word that says why not."""
    reply = post_json(secrets["url"], {"text": _escaped(message.whole)[:_TEXT_LIMIT]}, target)
    if reply.status == 200 and reply.text.strip() not in ("ok", ""):  # a page of a proxy, for instance
        return Answer(Verdict.UNSURE, f"{reply.words} (Slack answers 'ok')")
    return reply.answer()


def _escaped(text: str) -> str:
    """The three signs that Slack reads as its own: a message mentions nobody by accident."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
