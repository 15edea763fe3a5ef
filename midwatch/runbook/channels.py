"""Channels: where messages of an incident go, as a runbook, a site file or the settings name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from midwatch.system.home import expanded

INCIDENT_CHANNEL = "incident"
"""The channel of status updates."""
MOMENTS_TO_NOTIFY = ("declaration", "severity", "approval", "closure")
"""What the key `notify_on` of a role can name."""


class ChannelKind(StrEnum):
    """Who takes the messages of a channel's target."""

    SLACK = "slack"
    TEAMS = "teams"
    WEBHOOK = "webhook"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    FILE = "file"
    COMMAND = "command"
    APPRISE = "apprise"


def host_and_port(server: str) -> tuple[str, int | None]:
    """The parts of `HOST`, `HOST:PORT`, `[::1]:PORT` and `::1`. Raises `ValueError` for what is none."""
    if server.count(":") > 1 and not server.startswith("["):
        server = f"[{server}]"
    parts = urlsplit(f"//{server}")
    if not parts.hostname or parts.netloc != server or "@" in server or server.endswith(":") or len(server.split()) > 1:
        raise ValueError(f"{server!r} is no HOST and no HOST:PORT")
    return parts.hostname, parts.port


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret of a channel stands. The value is read when a message is sent, and is part of no record."""

    file: str = ""
    variable: str = ""

    def __str__(self) -> str:
        return f"${self.variable}" if self.variable else self.file


@dataclass(frozen=True, slots=True)
class ChannelTarget:
    """One receiver of a channel's messages."""

    kind: ChannelKind
    url: str | SecretSource = ""
    """Of slack, teams, webhook and apprise; of pagerduty the address of its service."""
    key: SecretSource | None = None
    """The integration key of pagerduty."""
    authorization: SecretSource | None = None
    """The value of the header `Authorization` of a webhook."""
    to: tuple[str, ...] = ()
    """Addresses of an e-mail."""
    sender: str = ""
    server: str = ""
    """`HOST` or `HOST:PORT` of an SMTP server; empty for sendmail."""
    tls: str = "starttls"
    """`starttls`, `tls` or `none`."""
    user: str = ""
    password: SecretSource | None = None
    sendmail: str = "/usr/sbin/sendmail"
    path: str = ""
    """Of a file."""
    command: tuple[str, ...] = ()
    ca: str = ""
    """A file of certificates that the server's is checked against; empty for the system's."""
    timeout: float = 20.0
    """Seconds that one send may take."""
    idempotent: bool = False
    """Whether the receiver drops a second message with the same `Idempotency-Key`."""
    outside: bool = False
    """Whether people outside the team read it: each message then needs a person's confirmation."""

    @property
    def secrets(self) -> Iterator[SecretSource]:
        """Where the secrets of this target stand."""
        return (
            item for item in (self.url, self.key, self.authorization, self.password) if isinstance(item, SecretSource)
        )

    @property
    def drops_repeats(self) -> bool:
        """Whether a message that is sent twice reaches people once."""
        return self.idempotent or self.kind is ChannelKind.PAGERDUTY

    def __str__(self) -> str:
        """Who gets the message, without a secret: `slack ($SLACK_URL)`."""
        where = {
            ChannelKind.PAGERDUTY: str(self.key or ""),
            ChannelKind.EMAIL: ", ".join(self.to),
            ChannelKind.FILE: self.path,
            ChannelKind.COMMAND: " ".join(self.command),
        }.get(self.kind, str(self.url))
        return f"{self.kind} ({where})"

    def deliveries(self) -> Iterator[Self]:
        """Targets with one receiver each: an e-mail to several addresses has a fate for each of them."""
        if self.kind is not ChannelKind.EMAIL:
            yield self
            return
        data = self.to_json()
        for address in self.to:
            yield self.from_json({**data, "to": [address]})

    def resolved(self, base: Path) -> Self:
        """The target with the paths in it absolute: relative ones start at `base`."""

        def absolute(path: str) -> str:
            return str(base / expanded(path)) if path else ""

        data = self.to_json()
        for name in ("url", "key", "authorization", "password"):
            if isinstance(data[name], dict) and data[name]["file"]:
                data[name] = {**data[name], "file": absolute(data[name]["file"])}
        command = tuple(absolute(word) if "/" in word and not at else word for at, word in enumerate(self.command))
        paths = {"path": absolute(self.path), "ca": absolute(self.ca), "sendmail": absolute(self.sendmail)}
        return self.from_json({**data, **paths, "command": command})

    def to_json(self) -> dict[str, Any]:
        """As the outbox stores it: sources of secrets, no secret."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises `KeyError`, `TypeError` and `ValueError` for what is none."""
        fields = dict(data)
        for name in ("url", "key", "authorization", "password"):
            if isinstance(fields.get(name), Mapping):
                fields[name] = SecretSource(**fields[name])
        fields |= {name: tuple(fields.get(name, ())) for name in ("to", "command")}
        return cls(**{**fields, "kind": ChannelKind(fields["kind"])})


@dataclass(frozen=True, slots=True)
class Channel:
    """A named list of receivers."""

    name: str
    targets: tuple[ChannelTarget, ...] = ()

    @property
    def outside(self) -> bool:
        """Whether people outside the team read it."""
        return any(target.outside for target in self.targets)
