"""PagerDuty: Events API v2. The deduplication key is the incident's id, so an incident has one alert there."""

from __future__ import annotations

import json
from collections.abc import Mapping

from midwatch.channels.http_post import post_json
from midwatch.channels.message import Answer, Message, Verdict
from midwatch.runbook.channels import ChannelTarget

_SERVICE = "https://events.pagerduty.com/v2/enqueue"
_SUMMARY_LIMIT = 1024
_SEVERITIES = {"SEV-0": "critical", "SEV-1": "critical", "SEV-2": "error", "SEV-3": "warning"}
_KEY_LIMIT = 255


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """PagerDuty answers 202 with `status: success`, else with the errors that it found."""
    body: dict[str, object] = {
        "routing_key": secrets["key"],
        "event_action": message.action,
        "dedup_key": f"midwatch/{message.incident}"[:_KEY_LIMIT],
    }
    if message.action == "trigger":
        body["client"] = "Midwatch"
        body["payload"] = {
            "summary": message.subject[:_SUMMARY_LIMIT],
            "source": message.incident,
            "severity": _SEVERITIES.get(message.severity, "error"),
            "timestamp": message.at,
            "custom_details": {"text": message.text, "message": message.id},
        }
    reply = post_json(secrets.get("url", "") or str(target.url or _SERVICE), body, target)
    if 200 <= reply.status < 300 and not _is_success(reply.text) and (reply.status, reply.text) != (202, ""):
        return Answer(Verdict.UNSURE, f"{reply.words} (PagerDuty answers 'success')")
    return reply.answer()


def _is_success(text: str) -> bool:
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("status") == "success"
