"""A PostgreSQL server that listens by TCP, and the runbook that names it as ARP."""

from __future__ import annotations

from midwatch.api.action import Context
from midwatch.runbook.targets import Target

RUNBOOK = "midwatch: 1\nid: small\ntitle: Small\nseverity: SEV-2\nphases: [{title: One, steps: [{title: Look}]}]\n"


class Listening:
    """A console that keeps what was said and which secrets were told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.secrets: dict[str, str] = {}
        self.values: dict[str, str] = {}

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None: ...

    def value(self, key: str, value: str) -> None:
        self.values[key] = value

    def secret(self, name: str, value: str) -> None:
        self.secrets[name] = value


def arp(context: Context) -> Target:
    return context.runbook.targets["arp-db-prod"]
