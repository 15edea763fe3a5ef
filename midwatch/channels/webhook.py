"""A generic webhook: JSON by POST, with an `Idempotency-Key`."""

from __future__ import annotations

from collections.abc import Mapping

from midwatch.channels.http_post import post_json
from midwatch.channels.message import Answer, Message
from midwatch.runbook.channels import ChannelTarget


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Any status of 200 to 299 means accepted."""
    headers = {"Idempotency-Key": message.key}
    if "authorization" in secrets:
        headers["Authorization"] = secrets["authorization"]
    return post_json(secrets["url"], message.to_json(), target, headers).answer()
