"""Days of ordinary logins in a server's log and on the bastion, and what an intruder would add to them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

SERVICES = (
    ("billing", "arp_app", "10.0.2", 30),
    ("portal", "portal", "10.0.3", 60),
    ("metrics", "monitor", "10.0.4", 15),
)
"""Application, role, network, and minutes between two logins."""


@dataclass
class AccessDays:
    """The logs of the days before `now`."""

    now: datetime
    server: list[tuple[datetime, str]] = field(default_factory=list)
    audit: list[tuple[datetime, str]] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(18))

    def fill(self, days: int) -> None:
        """Services around the clock, a nightly dump, and two people in their working hours, who mistype at times."""
        for back in range(days, -1, -1):
            midnight = (self.now - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
            for application, role, network, every in SERVICES:
                for minute in range(self.random.randrange(every), 1440, every):
                    host = self.random.randrange(10, 40)
                    self.login(midnight + timedelta(minutes=minute), role, f"{network}.{host}", application)
            self.login(
                midnight + timedelta(hours=2, seconds=self.random.randrange(600)), "backup", "10.0.1.5", "pg_dump"
            )
            for person in ("ada", "bob") if midnight.weekday() < 5 else ():
                for _ in range(self.random.randrange(2, 6)):
                    at = midnight + timedelta(hours=8, seconds=self.random.randrange(9 * 3600))
                    host = f"10.0.9.{self.random.randrange(2, 30)}"
                    if self.random.random() < 0.1:
                        self.failure(at - timedelta(seconds=20), person, host)
                    self.login(at, person, host, self.random.choice(("psql", "DBeaver 24.1.0 - Main")))
                    self.ssh(at - timedelta(minutes=5), person, host)

    def login(self, at: datetime, role: str, source: str, application: str = "") -> None:
        pid = self.random.randrange(1000, 99999)
        name = f" application_name={application}" if application else ""
        self._server(at, pid, "", f"LOG:  connection received: host={source} port={self.random.randrange(1024, 65535)}")
        self._server(at, pid, f"{role}@arp ", f"LOG:  connection authorized: user={role} database=arp{name}")
        self._server(at, pid, f"{role}@arp ", f"LOG:  disconnection: session time: 0:00:01.2 user={role} database=arp")

    def failure(self, at: datetime, role: str, source: str) -> None:
        pid = self.random.randrange(1000, 99999)
        self._server(at, pid, "", f"LOG:  connection received: host={source} port=4711")
        self._server(at, pid, f"{role}@arp ", f'FATAL:  password authentication failed for user "{role}"')

    def statement(self, at: datetime, text: str) -> None:
        self._server(at, 77, "postgres@arp ", f"LOG:  statement: {text}")

    def ssh(self, at: datetime, user: str, source: str) -> None:
        pid, port = self.random.randrange(300, 99999), self.random.randrange(1024, 65535)
        words = f"Accepted publickey for {user} from {source} port {port} ssh2: ED25519 SHA256:x"
        self.audit.append((at, f"{at:%b %d %H:%M:%S} bastion sshd[{pid}]: {words}"))

    def note(self, at: datetime, text: str) -> None:
        """A line of the audit log."""
        self.audit.append((at, f"{at:%Y-%m-%dT%H:%M:%SZ} {text}"))

    def _server(self, at: datetime, pid: int, who: str, text: str) -> None:
        self.server.append((at, f"{at:%Y-%m-%d %H:%M:%S}.000 UTC [{pid}] {who}{text}"))

    def write(self, server: Path, audit: Path) -> None:
        """Write both logs as they were until now."""
        for path, lines in ((server, self.server), (audit, self.audit)):
            path.write_text("".join(f"{line}\n" for line in self._sorted(lines)))

    def _sorted(self, lines: list[tuple[datetime, str]]) -> Iterator[str]:
        return (line for at, line in sorted(lines, key=lambda pair: pair[0]) if at <= self.now)
