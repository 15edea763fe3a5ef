"""Slack: an incoming webhook."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from midwatch.channels.http_post import post_json
from midwatch.channels.message import Answer, Message, Verdict, cut
from midwatch.runbook.channels import ChannelTarget

_TEXT_LIMIT = 35_000
"""Slack cuts what is longer than 40,000 characters."""
_REASON = re.compile(r"[a-z]+(?:_[a-z]+)+")
"""The words in which Slack refuses, also with status 200: `no_service`."""
_LATER = ("rate_limited", "rollup_error", "internal_error", "fatal_error", "service_unavailable", "request_timeout")


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Slack answers `ok`, or a word that says why not."""
    text = cut(message.whole, _TEXT_LIMIT, size=lambda text: len(_escaped(text)))
    reply = post_json(secrets["url"], {"text": _escaped(text), "mrkdwn": False}, target)
    said = _said(reply.text)
    if reply.status != 200 or said in ("ok", ""):
        return reply.answer()
    if _REASON.fullmatch(said):
        return Answer(Verdict.WAIT if said in _LATER else Verdict.REFUSED, reply.words, reply.retry_after_s)
    return Answer(Verdict.UNSURE, f"{reply.words} (Slack answers 'ok')")  # a page of a proxy, for instance


def _said(text: str) -> str:
    """What Slack says, as text or as its other interfaces do: `{"ok": false, "error": "no_service"}`."""
    try:
        answer = json.loads(text)
    except ValueError:
        return text.strip()
    if not isinstance(answer, dict):
        return text.strip()
    return "ok" if answer.get("ok") is True else str(answer.get("error") or text)


def _escaped(text: str) -> str:
    """The three signs that Slack reads as its own: a message mentions nobody by accident."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
