"""The receivers of a channel: in a rehearsal a file takes the place of each."""

from __future__ import annotations

from pathlib import Path

from midwatch.runbook.channels import Channel, ChannelKind, ChannelTarget
from midwatch.runbook.model import Environment, Runbook

REHEARSAL_FILE = "rehearsal.jsonl"
"""The file in the outbox that takes the place of every receiver in a rehearsal."""


def is_rehearsal(runbook: Runbook) -> bool:
    """Whether no real person may be told anything."""
    return runbook.environment is Environment.REHEARSAL


def receivers_of(channel: Channel, action: str, runbook: Runbook, outbox: Path) -> list[tuple[str, ChannelTarget]]:
    """Who gets a message, in words and as targets; `action` as in `Message`."""
    found: list[tuple[str, ChannelTarget]] = []
    for target in channel.targets:
        if action != "trigger" and (target.kind is ChannelKind.PAGERDUTY) == (action == "inform"):
            continue
        for single in target.deliveries():
            if is_rehearsal(runbook):
                local = ChannelTarget(ChannelKind.FILE, path=str(outbox.absolute() / REHEARSAL_FILE))
                found.append((f"{REHEARSAL_FILE}, in place of {single}", local))
            else:
                found.append((str(single), single.resolved(runbook.base)))
    return found
