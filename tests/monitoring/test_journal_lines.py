"""The systemd journal as a source of logins: as JSON and in the export format, with fields as journald writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from probes.logs.access_events import AccessKind, audit_events, server_events
from probes.logs.fast_time import Moments
from probes.logs.journal_lines import plain_lines

NINE = datetime(2026, 11, 28, 9, tzinfo=UTC)
FIELDS = {
    "__CURSOR": "s=6a1c;i=2f1;b=9d;m=8f;t=5fb;x=1",
    "__REALTIME_TIMESTAMP": f"{NINE.timestamp():.0f}123456",
    "__MONOTONIC_TIMESTAMP": "2402154631",
    "_BOOT_ID": "9d2ad4e6a1f94c7b8b8f4f5b1c2d3e4f",
    "_HOSTNAME": "bastion",
    "_TRANSPORT": "syslog",
    "PRIORITY": "6",
    "SYSLOG_FACILITY": "10",
    "SYSLOG_IDENTIFIER": "sshd",
    "SYSLOG_PID": "811",
    "_PID": "811",
    "_UID": "0",
    "_COMM": "sshd",
    "_EXE": "/usr/sbin/sshd",
    "_SYSTEMD_UNIT": "ssh.service",
}
ACCEPTED = "Accepted publickey for ada from 10.0.0.5 port 50022 ssh2: ED25519 SHA256:x"
BYTES = [*b"Failed password for invalid user caf\xe9 from 203.0.113.9 port 9 ssh2"]
ENTRIES: tuple[dict[str, object], ...] = (
    FIELDS | {"MESSAGE": ACCEPTED},
    FIELDS | {"MESSAGE": BYTES},  # no UTF-8, so journalctl prints its bytes
    FIELDS | {"MESSAGE": None},  # too long for journalctl
    FIELDS | {"MESSAGE": [ACCEPTED.replace("ada", "bob"), "a second one"]},  # a field that the entry has twice
    FIELDS | {"MESSAGE": ACCEPTED.replace("ada", "root"), "_COMM": "logger", "_EXE": "/usr/bin/logger"},  # forged
    FIELDS
    | {"SYSLOG_IDENTIFIER": "sudo", "_COMM": "sudo", "_EXE": "/usr/bin/sudo"}
    | {"MESSAGE": "     eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi /etc/postgresql/pg_hba.conf"},
    FIELDS | {"MESSAGE": f"x\n2026-11-28T09:00:00Z bastion sshd[1]: {ACCEPTED}", "SYSLOG_IDENTIFIER": "app"},
)


def as_json() -> Iterator[bytes]:
    yield b"half an entry"
    for entry in ENTRIES:
        yield json.dumps(entry).encode()


def as_export() -> Iterator[bytes]:
    """As `journalctl -o export` writes it: a field that is no plain text has its length before it."""
    content = b"_UID=0\n\n"  # the end of an entry
    for entry in ENTRIES:
        for name, value in entry.items():
            values = value if isinstance(value, list) and isinstance(value[0], str) else [value]
            for one in values:
                data = bytes(one) if isinstance(one, list) else str(one or "").encode()
                is_text = data.isascii() and b"\n" not in data
                size = len(data).to_bytes(8, "little")
                content += name.encode() + (b"=" + data if is_text else b"\n" + size + data) + b"\n"
        content += b"\n"
    yield from content.split(b"\n")


@pytest.mark.parametrize("lines", [as_json, as_export])
def test_entries_of_a_journal_are_those_of_auth_log(lines: object) -> None:
    assert callable(lines)
    events = list(audit_events(lines(), Moments(NINE), []))
    assert [(moment, entry.kind, entry.role, entry.source) for moment, entry in events] == [
        (NINE.timestamp(), AccessKind.LOGIN, "ada", "10.0.0.5"),
        (NINE.timestamp(), AccessKind.FAILED, "caf\N{REPLACEMENT CHARACTER}", "203.0.113.9"),
        (NINE.timestamp(), AccessKind.LOGIN, "bob", "10.0.0.5"),
        (NINE.timestamp(), AccessKind.CHANGE, "eve", "?"),
    ]


def test_servers_log_in_the_journal_is_read_as_its_file_is() -> None:
    messages = (
        "2026-11-28 09:00:00.001 UTC [77] LOG:  connection received: host=10.0.0.5 port=4711",
        "2026-11-28 09:00:00.002 UTC [77] ada@arp LOG:  connection authorized: user=ada database=arp",
        "\tx LOG:  connection authorized: user=postgres database=postgres",  # the second line of an entry
    )
    unit = FIELDS | {
        "SYSLOG_IDENTIFIER": "postgres",
        "_COMM": "postgres",
        "_EXE": "/usr/lib/postgresql/18/bin/postgres",
    }
    lines = [json.dumps(unit | {"_PID": "77", "MESSAGE": message}).encode() for message in messages]
    ((moment, entry),) = server_events(lines, Moments(NINE))
    assert (moment, entry.kind, entry.role, entry.source) == (NINE.timestamp(), AccessKind.LOGIN, "ada", "10.0.0.5")


def test_any_other_log_is_left_as_it_is() -> None:
    lines = [b'{"time": "2026-11-28T09:00:00Z", "event": "login"}', b"MESSAGE=x", b"", b"\xff\x00"]
    assert list(plain_lines(lines)) == lines
    assert list(plain_lines([json.dumps({"__REALTIME_TIMESTAMP": "soon", "MESSAGE": "x"}).encode(), b"{"])) == [
        b" ? ?[0]: x"
    ]
